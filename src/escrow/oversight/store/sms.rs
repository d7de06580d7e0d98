//! SQL of short messages: the gateway, the officers on duty, the outbox.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use tokio_postgres::Client;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{
        Private,
        private::{Kind, Phone},
    },
    vault::{Place, Sealed},
};

/// A gateway as its bureau sees it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Gateway {
    #[diesel(sql_type = Text)]
    pub url: String,
    #[diesel(sql_type = Text)]
    pub template: String,
    #[diesel(sql_type = Text)]
    pub set_by: String,
    #[diesel(sql_type = Timestamptz)]
    pub set_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

/// That of the caller's own bureau.
pub async fn gateway(conn: &mut ScopedConn) -> Result<Option<Gateway>, DbError> {
    Ok(prepared("SELECT url, template, set_by, set_at, version FROM sms_gateways WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Sets it, with the sealed secret that signs what is sent.
pub async fn set(
    conn: &mut ScopedConn,
    (url, template): (&str, &str),
    sealed: &[u8],
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO sms_gateways (tenant_id, url, template, secret_sealed, set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id) DO UPDATE SET url = $2, template = $3, secret_sealed = $4, set_by = $5, set_at = $6, \
         version = sms_gateways.version + 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(url)
    .bind::<Text, _>(template)
    .bind::<Binary, _>(sealed)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Takes it away.
pub async fn remove(conn: &mut ScopedConn) -> Result<(), DbError> {
    prepared("DELETE FROM sms_gateways WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Where an officer's number is kept, by its keyed hash in hexadecimal.
pub fn phone_place(tenant: i32, known_as: &str) -> Place<'_> {
    Place { table: "duty_phones", column: "phone", tenant, row: known_as }
}

/// An officer on duty.
#[derive(Debug, Clone)]
pub struct DutyPhone {
    pub id: i64,
    pub holder: String,
    pub phone: Private<Phone>,
    pub added_by: String,
    pub added_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    holder: String,
    #[diesel(sql_type = Binary)]
    phone_sealed: Sealed<Phone>,
    #[diesel(sql_type = Binary)]
    phone_index: Vec<u8>,
    #[diesel(sql_type = Text)]
    added_by: String,
    #[diesel(sql_type = Timestamptz)]
    added_at: DateTime<Utc>,
}

/// The officers on duty of the caller's own bureau.
pub async fn phones(conn: &mut ScopedConn) -> Result<Vec<DutyPhone>, DbError> {
    let rows: Vec<Row> = prepared(
        "SELECT id, holder, phone_sealed, phone_index, added_by, added_at FROM duty_phones WHERE tenant_id = $1 ORDER BY id",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let open = |row: Row| {
        let phone = row.phone_sealed.open(&vault, &phone_place(tenant, &hex::encode(&row.phone_index)))?;
        Ok(DutyPhone { id: row.id, holder: row.holder, phone, added_by: row.added_by, added_at: row.added_at })
    };
    rows.into_iter().map(open).collect()
}

/// Adds one; `None` when the number is there already.
pub async fn add_phone(
    conn: &mut ScopedConn,
    holder: &str,
    phone: &Private<Phone>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Option<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let normal = Phone::normal(phone.expose()).concat();
    let index = vault.digest::<Phone>(&normal);
    let sealed = Sealed::seal(&vault, &phone_place(tenant, &hex::encode(&index)), phone)?;
    let row: Option<Id> = prepared(
        "INSERT INTO duty_phones (tenant_id, holder, phone_sealed, phone_index, added_by, added_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(holder)
    .bind::<Binary, _>(sealed.bytes())
    .bind::<Binary, _>(&index)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// Takes one away.
pub async fn remove_phone(conn: &mut ScopedConn, id: i64) -> Result<(), DbError> {
    prepared("DELETE FROM duty_phones WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Puts a message for every officer on duty into the outbox, where the bureau has a gateway; whoever was told of the same
/// before is not told again, under whatever row the number stands.
pub async fn message(
    conn: &mut ScopedConn,
    key: &str,
    variables: &str,
    (due_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
         SELECT d.tenant_id, 'sms', d.id::text, '', $2, $3 || encode(d.phone_index, 'hex'), $4, $5 FROM duty_phones d \
         JOIN sms_gateways g ON g.tenant_id = d.tenant_id WHERE d.tenant_id = $1 ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(variables)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(due_at)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// What a message needs to be sent.
#[derive(Debug, Clone)]
pub struct Due {
    pub url: String,
    pub template: String,
    pub secret_sealed: Vec<u8>,
    pub phone_sealed: Vec<u8>,
    /// What the number is sealed under.
    pub known_as: String,
}

/// The gateway of a bureau and the number of an officer, on a connection of the worker role.
pub async fn due(client: &Client, tenant: i32, phone: i64) -> Result<Option<Due>, DbError> {
    let sql = "SELECT g.url, g.template, g.secret_sealed, d.phone_sealed, encode(d.phone_index, 'hex') FROM sms_gateways g \
               JOIN duty_phones d ON d.tenant_id = g.tenant_id WHERE g.tenant_id = $1 AND d.id = $2";
    let row = client.query_opt(sql, &[&tenant, &phone]).await?;
    Ok(row.map(|row| Due {
        url: row.get(0),
        template: row.get(1),
        secret_sealed: row.get(2),
        phone_sealed: row.get(3),
        known_as: row.get(4),
    }))
}

/// Whose numbers with one of these keyed hashes are on duty in the own bureau.
pub async fn on_duty(conn: &mut ScopedConn, digests: &[Vec<u8>]) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Holder {
        #[diesel(sql_type = Text)]
        holder: String,
    }
    let rows: Vec<Holder> =
        prepared("SELECT holder FROM duty_phones WHERE tenant_id = $1 AND phone_index = ANY($2) ORDER BY id")
            .bind::<Integer, _>(conn.tenant())
            .bind::<Array<Binary>, _>(digests)
            .load(conn.sql())
            .await?;
    Ok(rows.into_iter().map(|row| row.holder).collect())
}
