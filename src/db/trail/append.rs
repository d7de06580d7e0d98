//! Events into the database, whichever driver the connection has.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::Object;
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::try_join;
use tokio_postgres::{Client, Statement, types::ToSql};

use super::{Draft, FORM, GENESIS, Hash, Key};
use crate::db::{DbError, prepared};

/// Events a statement: enough to be fast, few enough to keep its memory in bounds.
const CHUNK: usize = 10_000;

const LOCK: &str = "SELECT seq, hash FROM audit_heads WHERE tenant_id = $1 FOR UPDATE";
const BEGIN: &str = "INSERT INTO audit_heads (tenant_id, seq, hash) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING";
const INSERT: &str = "INSERT INTO audit_events (tenant_id, form, seq, at, actor_id, actor_tenant, actor_name, actor_role, \
     action, subject_kind, subject_id, institution_id, before, after, reason, request_id, hash) \
     SELECT $1, $2, seq, at, actor_id, actor_tenant, actor_name, actor_role, action, subject_kind, subject_id, institution_id, \
       before::json, after::json, reason, request_id, hash \
     FROM unnest($3::bigint[], $4::timestamptz[], $5::bigint[], $6::int[], $7::text[], $8::text[], $9::text[], $10::text[], \
       $11::text[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bytea[]) \
       AS t (seq, at, actor_id, actor_tenant, actor_name, actor_role, action, subject_kind, subject_id, institution_id, \
             before, after, reason, request_id, hash)";
const ADVANCE: &str = "UPDATE audit_heads SET seq = $2, hash = $3 WHERE tenant_id = $1";

/// The last link of a chain.
struct Head {
    seq: i64,
    hash: Hash,
}

impl Head {
    fn of(seq: i64, hash: &[u8]) -> Result<Head, DbError> {
        let hash = hash.try_into().map_err(|_| DbError::Pool("a head of the audit trail is damaged".to_owned()))?;
        Ok(Head { seq, hash })
    }
}

/// Sealed events, column by column.
#[derive(Default)]
struct Columns {
    seq: Vec<i64>,
    at: Vec<DateTime<Utc>>,
    actor_id: Vec<Option<i64>>,
    actor_tenant: Vec<i32>,
    actor_name: Vec<String>,
    actor_role: Vec<String>,
    action: Vec<String>,
    subject_kind: Vec<String>,
    subject_id: Vec<String>,
    institution: Vec<Option<i64>>,
    before: Vec<Option<String>>,
    after: Vec<Option<String>>,
    reason: Vec<Option<String>>,
    request_id: Vec<String>,
    hash: Vec<Vec<u8>>,
}

impl Columns {
    fn push(&mut self, seq: i64, hash: Hash, event: Draft) {
        self.seq.push(seq);
        self.at.push(event.stored_at());
        self.actor_id.push(event.who.id);
        self.actor_tenant.push(event.who.tenant);
        self.actor_name.push(event.who.name);
        self.actor_role.push(event.who.role);
        self.action.push(event.action);
        self.subject_kind.push(event.subject_kind);
        self.subject_id.push(event.subject_id);
        self.institution.push(event.institution);
        self.before.push(event.before);
        self.after.push(event.after);
        self.reason.push(event.reason);
        self.request_id.push(event.request_id);
        self.hash.push(hash.to_vec());
    }
}

/// Seals events after a head, in their order; the new head.
fn seal(key: &Key, mut head: Head, events: Vec<Draft>) -> (Vec<Columns>, Head) {
    let mut chunks: Vec<Columns> = Vec::new();
    for event in events {
        let seq = head.seq + 1;
        head = Head { seq, hash: key.seal(&head.hash, seq, &event) };
        if chunks.last().is_none_or(|chunk| chunk.seq.len() == CHUNK) {
            chunks.push(Columns::default());
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(seq, head.hash, event);
        }
    }
    (chunks, head)
}

/// Events by bureau, in order of the bureaus' codes: whoever locks several heads locks them in this order.
pub fn by_tenant(events: Vec<Draft>) -> BTreeMap<i32, Vec<Draft>> {
    let mut chains: BTreeMap<i32, Vec<Draft>> = BTreeMap::new();
    for event in events {
        chains.entry(event.tenant).or_default().push(event);
    }
    chains
}

#[derive(QueryableByName)]
struct HeadRow {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

/// Appends events within the transaction of `conn`. The heads stay locked until it ends, so this is its last statement.
pub async fn append(conn: &mut AsyncPgConnection, events: Vec<Draft>) -> Result<(), DbError> {
    let key = Key::installed()?;
    for (tenant, events) in by_tenant(events) {
        let (chunks, head) = seal(key, lock(conn, tenant).await?, events);
        for chunk in chunks {
            prepared(INSERT)
                .bind::<Integer, _>(tenant)
                .bind::<SmallInt, _>(FORM)
                .bind::<Array<BigInt>, _>(chunk.seq)
                .bind::<Array<Timestamptz>, _>(chunk.at)
                .bind::<Array<Nullable<BigInt>>, _>(chunk.actor_id)
                .bind::<Array<Integer>, _>(chunk.actor_tenant)
                .bind::<Array<Text>, _>(chunk.actor_name)
                .bind::<Array<Text>, _>(chunk.actor_role)
                .bind::<Array<Text>, _>(chunk.action)
                .bind::<Array<Text>, _>(chunk.subject_kind)
                .bind::<Array<Text>, _>(chunk.subject_id)
                .bind::<Array<Nullable<BigInt>>, _>(chunk.institution)
                .bind::<Array<Nullable<Text>>, _>(chunk.before)
                .bind::<Array<Nullable<Text>>, _>(chunk.after)
                .bind::<Array<Nullable<Text>>, _>(chunk.reason)
                .bind::<Array<Text>, _>(chunk.request_id)
                .bind::<Array<Binary>, _>(chunk.hash)
                .execute(conn)
                .await?;
        }
        prepared(ADVANCE)
            .bind::<Integer, _>(tenant)
            .bind::<BigInt, _>(head.seq)
            .bind::<Binary, _>(head.hash.to_vec())
            .execute(conn)
            .await?;
    }
    Ok(())
}

async fn lock(conn: &mut AsyncPgConnection, tenant: i32) -> Result<Head, DbError> {
    // A bureau's first event makes its head; whoever comes second at the same moment waits and finds it made.
    for _ in 0..2 {
        let found = prepared(LOCK).bind::<Integer, _>(tenant).get_result::<HeadRow>(conn).await.optional()?;
        if let Some(head) = found {
            return Head::of(head.seq, &head.hash);
        }
        let begin = prepared(BEGIN).bind::<Integer, _>(tenant).bind::<Binary, _>(GENESIS.to_vec());
        begin.execute(conn).await?;
    }
    Err(no_head(tenant))
}

fn no_head(tenant: i32) -> DbError {
    DbError::Pool(format!("the audit trail of {tenant} has no head that this role may write"))
}

/// As [`append`], on a connection of the other driver.
pub async fn append_by(client: &Client, events: Vec<Draft>) -> Result<(), DbError> {
    let [lock, insert, advance] = [client.prepare(LOCK), client.prepare(INSERT), client.prepare(ADVANCE)];
    let (lock, insert, advance) = try_join!(lock, insert, advance)?;
    append_with(client, &Statements { lock, insert, advance }, events).await
}

/// The same on a connection that keeps the statements: the head is locked meanwhile.
pub async fn append_pooled(client: &Object, events: Vec<Draft>) -> Result<(), DbError> {
    let [lock, insert, advance] = [LOCK, INSERT, ADVANCE].map(|sql| client.prepare_cached(sql));
    let (lock, insert, advance) = try_join!(lock, insert, advance)?;
    append_with(client, &Statements { lock, insert, advance }, events).await
}

struct Statements {
    lock: Statement,
    insert: Statement,
    advance: Statement,
}

async fn append_with(client: &Client, with: &Statements, events: Vec<Draft>) -> Result<(), DbError> {
    let key = Key::installed()?;
    for (tenant, events) in by_tenant(events) {
        let (mut chunks, head) = seal(key, lock_by(client, &with.lock, tenant).await?, events);
        let last = chunks.pop();
        for chunk in &chunks {
            insert_by(client, &with.insert, tenant, chunk).await?;
        }
        let (seq, hash) = (head.seq, head.hash.as_slice());
        let advanced: [&(dyn ToSql + Sync); 3] = [&tenant, &seq, &hash];
        // The two travel together, in this order.
        try_join!(
            async {
                match &last {
                    Some(chunk) => insert_by(client, &with.insert, tenant, chunk).await,
                    None => Ok(()),
                }
            },
            async { client.execute(&with.advance, &advanced).await.map(|_| ()) }
        )?;
    }
    Ok(())
}

async fn insert_by(client: &Client, insert: &Statement, tenant: i32, c: &Columns) -> Result<(), tokio_postgres::Error> {
    let values: [&(dyn ToSql + Sync); 17] = [
        &tenant,
        &FORM,
        &c.seq,
        &c.at,
        &c.actor_id,
        &c.actor_tenant,
        &c.actor_name,
        &c.actor_role,
        &c.action,
        &c.subject_kind,
        &c.subject_id,
        &c.institution,
        &c.before,
        &c.after,
        &c.reason,
        &c.request_id,
        &c.hash,
    ];
    client.execute(insert, &values).await.map(|_| ())
}

async fn lock_by(client: &Client, lock: &Statement, tenant: i32) -> Result<Head, DbError> {
    for _ in 0..2 {
        if let Some(row) = client.query_opt(lock, &[&tenant]).await? {
            return Head::of(row.get(0), row.get(1));
        }
        client.execute(BEGIN, &[&tenant, &GENESIS.as_slice()]).await?;
    }
    Err(no_head(tenant))
}
