//! What the keeper of the trail reads and writes, on connections of the worker's role.

use chrono::{DateTime, Utc};
use futures_util::{Stream, TryStreamExt};
use tokio_postgres::{Client, Row as SqlRow, types::ToSql};

use crate::{
    audit::{
        checkpoint::{Archive, Checkpoint, Link},
        verify::{Fault, Row, Verdict},
    },
    db::{
        DbError,
        trail::{Draft, Hash, Who},
    },
};

fn hash(row: &SqlRow, at: usize) -> Result<Hash, DbError> {
    let bytes: &[u8] = row.try_get(at)?;
    bytes.try_into().map_err(|_| DbError::Pool("a hash of the audit trail has not 32 bytes".to_owned()))
}

/// Every bureau of a range that has, or once had, a trail.
pub async fn tenants(client: &Client, (lo, hi): (i32, i32)) -> Result<Vec<i32>, DbError> {
    // One index look-up a bureau instead of a walk through all events.
    let sql = "WITH RECURSIVE with_events AS (
                 (SELECT tenant_id FROM audit_events WHERE tenant_id BETWEEN $1 AND $2 ORDER BY tenant_id LIMIT 1)
                 UNION ALL
                 SELECT (SELECT e.tenant_id FROM audit_events e WHERE e.tenant_id > w.tenant_id AND e.tenant_id <= $2
                         ORDER BY e.tenant_id LIMIT 1)
                 FROM with_events w WHERE w.tenant_id IS NOT NULL)
               SELECT tenant_id FROM with_events WHERE tenant_id IS NOT NULL
               UNION SELECT tenant_id FROM audit_heads WHERE tenant_id BETWEEN $1 AND $2
               UNION SELECT tenant_id FROM audit_checkpoints WHERE tenant_id BETWEEN $1 AND $2
               UNION SELECT tenant_id FROM audit_archives WHERE tenant_id BETWEEN $1 AND $2 ORDER BY 1";
    Ok(client.query(sql, &[&lo, &hi]).await?.iter().map(|row| row.get(0)).collect())
}

/// The stored record of a chain's last event.
pub async fn head(client: &Client, tenant: i32) -> Result<Option<Link>, DbError> {
    let row = client.query_opt("SELECT seq, hash FROM audit_heads WHERE tenant_id = $1", &[&tenant]).await?;
    row.map(|row| Ok(Link { tenant, seq: row.get(0), hash: hash(&row, 1)? })).transpose()
}

/// All checkpoints of a chain, by `seq`.
pub async fn checkpoints(client: &Client, tenant: i32) -> Result<Vec<Checkpoint>, DbError> {
    let sql = "SELECT seq, hash, at, signature FROM audit_checkpoints WHERE tenant_id = $1 ORDER BY seq";
    let rows = client.query(sql, &[&tenant]).await?;
    rows.iter()
        .map(|row| {
            let link = Link { tenant, seq: row.get(0), hash: hash(row, 1)? };
            Ok(Checkpoint { link, at: row.get(2), signature: row.get(3) })
        })
        .collect()
}

/// The latest removal from the beginning of a chain.
pub async fn archive(client: &Client, tenant: i32) -> Result<Option<Archive>, DbError> {
    let sql = "SELECT seq, hash, events, first_at, last_at, at, signature FROM audit_archives \
               WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1";
    let row = client.query_opt(sql, &[&tenant]).await?;
    row.map(|row| {
        Ok(Archive {
            link: Link { tenant, seq: row.get(0), hash: hash(&row, 1)? },
            events: row.get(2),
            first_at: row.get(3),
            last_at: row.get(4),
            at: row.get(5),
            signature: row.get(6),
        })
    })
    .transpose()
}

/// The events of a chain after one, as they come from the database.
pub async fn rows(
    client: &Client,
    tenant: i32,
    after: i64,
) -> Result<impl Stream<Item = Result<Row, DbError>> + use<>, DbError> {
    let sql = "SELECT seq, form, hash, at, actor_id, actor_tenant, actor_name, actor_role, action, subject_kind, subject_id, \
                 institution_id, before::text, after::text, reason, request_id \
               FROM audit_events WHERE tenant_id = $1 AND seq > $2 ORDER BY seq";
    let parameters: [&(dyn ToSql + Sync); 2] = [&tenant, &after];
    let stream = client.query_raw(sql, parameters).await?;
    Ok(stream.map_err(DbError::from).and_then(move |row| std::future::ready(event(tenant, &row))))
}

fn event(tenant: i32, row: &SqlRow) -> Result<Row, DbError> {
    let who = Who { id: row.try_get(4)?, tenant: row.try_get(5)?, name: row.try_get(6)?, role: row.try_get(7)? };
    let event = Draft {
        tenant,
        at: row.try_get(3)?,
        who,
        action: row.try_get(8)?,
        subject_kind: row.try_get(9)?,
        subject_id: row.try_get(10)?,
        institution: row.try_get(11)?,
        before: row.try_get(12)?,
        after: row.try_get(13)?,
        reason: row.try_get(14)?,
        request_id: row.try_get(15)?,
    };
    Ok(Row { seq: row.try_get(0)?, form: row.try_get(1)?, hash: hash(row, 2)?, event })
}

/// Keeps a checkpoint; one that stands for this place already stays.
pub async fn add_checkpoint(client: &Client, checkpoint: &Checkpoint) -> Result<(), DbError> {
    let Link { tenant, seq, hash } = checkpoint.link;
    client
        .execute(
            "INSERT INTO audit_checkpoints (tenant_id, seq, hash, at, signature) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            &[&tenant, &seq, &hash.as_slice(), &checkpoint.at, &checkpoint.signature],
        )
        .await?;
    Ok(())
}

/// Keeps what a check found.
pub async fn set_check(client: &Client, verdict: &Verdict, now: DateTime<Utc>) -> Result<(), DbError> {
    let fault = verdict.fault.map(|(_, fault)| <&str>::from(fault));
    client
        .execute(
            "INSERT INTO audit_checks (tenant_id, checked_at, seq, last_at, fault, fault_seq) \
             VALUES ($1, $2, $3, (SELECT at FROM audit_events WHERE tenant_id = $1 AND seq = $3), $4, $5) \
             ON CONFLICT (tenant_id) DO UPDATE SET checked_at = excluded.checked_at, seq = excluded.seq, \
               last_at = excluded.last_at, fault = excluded.fault, fault_seq = excluded.fault_seq",
            &[&verdict.tenant, &now, &verdict.last.seq, &fault, &verdict.fault.map(|(seq, _)| seq)],
        )
        .await?;
    Ok(())
}

/// Tells those who answer for a bureau's trail that it was tampered with, once a fault.
pub async fn tell(
    client: &Client,
    fault: (i32, i64, Fault),
    subject: &str,
    body: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let (tenant, seq, fault) = fault;
    client
        .execute(
            "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
             SELECT tenant_id, 'mail', email, $2, $3, $4::text || ':' || id, $5, $5 FROM users \
             WHERE tenant_id = $1 AND status = 'active' AND email IS NOT NULL AND role IN ('auditor', 'bureau_admin') \
             ON CONFLICT DO NOTHING",
            &[&tenant, &subject, &body, &format!("audit:{seq}:{fault}"), &now],
        )
        .await?;
    Ok(())
}

/// The longest beginning of a chain in which every event is older than `until`, of at most `limit` events; without its
/// signature. `None` when there is nothing to remove.
pub async fn expired(
    client: &Client,
    tenant: i32,
    until: DateTime<Utc>,
    limit: i64,
) -> Result<Option<Archive>, DbError> {
    let sql = "WITH first AS MATERIALIZED (SELECT seq, at FROM audit_events WHERE tenant_id = $1 ORDER BY seq LIMIT $3), \
                 old AS (SELECT * FROM first WHERE seq < coalesce((SELECT min(seq) FROM first WHERE at >= $2), 9223372036854775807)) \
               SELECT o.seq, e.hash, o.events, o.first_at, o.last_at \
               FROM (SELECT max(seq) AS seq, count(*) AS events, min(at) AS first_at, max(at) AS last_at FROM old) o \
               JOIN audit_events e ON e.tenant_id = $1 AND e.seq = o.seq";
    let row = client.query_opt(sql, &[&tenant, &until, &limit]).await?;
    row.map(|row| {
        let link = Link { tenant, seq: row.get(0), hash: hash(&row, 1)? };
        let (events, first_at, last_at) = (row.get(2), row.get(3), row.get(4));
        Ok(Archive { link, events, first_at, last_at, at: first_at, signature: Vec::new() })
    })
    .transpose()
}

/// Writes an archive record and removes the events that it speaks of, within the caller's transaction.
pub async fn forget(client: &Client, archive: &Archive) -> Result<(), DbError> {
    let Archive { link: Link { tenant, seq, hash }, events, first_at, last_at, at, signature } = archive;
    client
        .execute(
            "INSERT INTO audit_archives (tenant_id, seq, hash, events, first_at, last_at, at, signature) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[tenant, seq, &hash.as_slice(), events, first_at, last_at, at, signature],
        )
        .await?;
    let removed: i64 = client.query_one("SELECT audit_forget($1, $2)", &[tenant, seq]).await?.get(0);
    if removed == *events { Ok(()) } else { Err(DbError::Pool(format!("{removed} events were removed, not {events}"))) }
}
