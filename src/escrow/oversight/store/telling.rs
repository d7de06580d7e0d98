//! SQL of telling people: who hears of what, the outbox, the daily mail, when a bureau was looked over last.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use tokio_postgres::Client;

use crate::db::{DbError, ScopedConn, prepared};

/// What a message calls a subject.
#[derive(Debug, Clone, QueryableByName)]
pub struct Named {
    /// Of the institution, or of the bank.
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub credit_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub account_no: Option<String>,
}

/// The names of one warning's subject.
pub async fn named(conn: &mut ScopedConn, warning: i64) -> Result<Option<Named>, DbError> {
    Ok(prepared(
        "SELECT coalesce(i.name, w.bank, '') AS name, i.credit_code, a.account_no FROM warnings w \
         LEFT JOIN institutions i ON i.tenant_id = w.tenant_id AND i.id = w.institution_id \
         LEFT JOIN escrow_accounts a ON a.tenant_id = w.tenant_id AND a.id = w.account_id \
         WHERE w.tenant_id = $1 AND w.id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(warning)
    .get_result(conn.sql())
    .await
    .optional()?)
}

/// A mail about a warning.
#[derive(Debug)]
pub struct Mail<'a> {
    /// Tells this news of this warning from any other; one mail for each recipient and key.
    pub key: &'a str,
    pub subject: &'a str,
    /// `None`: the officials read of it in their daily mail.
    pub for_bureau: Option<&'a str>,
    /// `None`: it is none of the institution's.
    pub for_institution: Option<(i64, &'a str)>,
    pub due_at: DateTime<Utc>,
    pub now: DateTime<Utc>,
}

/// Puts it into the outbox for the bureau's officers who handle funds and for the institution's administrators.
pub async fn mail(conn: &mut ScopedConn, mail: &Mail<'_>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
         SELECT tenant_id, 'mail', email, $2, CASE WHEN institution_id IS NULL THEN $3 ELSE $5 END, $6::text || ':' || id, $7, $8 \
         FROM users WHERE tenant_id = $1 AND status = 'active' AND email IS NOT NULL \
         AND ($3 IS NOT NULL AND institution_id IS NULL AND role IN ('finance_officer', 'bureau_admin') \
              OR $5 IS NOT NULL AND institution_id = $4 AND role = 'institution_admin') ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(mail.subject)
    .bind::<Nullable<Text>, _>(mail.for_bureau)
    .bind::<Nullable<BigInt>, _>(mail.for_institution.map(|(id, _)| id))
    .bind::<Nullable<Text>, _>(mail.for_institution.map(|(_, body)| body))
    .bind::<Text, _>(mail.key)
    .bind::<Timestamptz, _>(mail.due_at)
    .bind::<Timestamptz, _>(mail.now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Puts a message for the bureau's own systems into the outbox, where it has set an address.
pub async fn call(conn: &mut ScopedConn, key: &str, body: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
         SELECT tenant_id, 'webhook', '', '', $2, $3, $4, $4 FROM webhooks WHERE tenant_id = $1 ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(body)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// An official of the caller's own bureau to whom a warning may be handed over.
#[derive(Debug, Clone, QueryableByName)]
pub struct Colleague {
    /// The post.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
}

/// The officials of these roles in the caller's own bureau who are at work, by name.
pub async fn colleagues(conn: &mut ScopedConn, roles: &[String]) -> Result<Vec<Colleague>, DbError> {
    Ok(prepared(
        "SELECT id, display_name, email FROM users WHERE tenant_id = $1 AND institution_id IS NULL AND status = 'active' \
         AND role = ANY($2) ORDER BY display_name, id LIMIT 200",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Text>, _>(roles)
    .load(conn.sql())
    .await?)
}

/// Puts one mail to one address into the outbox.
pub async fn mail_to(
    conn: &mut ScopedConn,
    (email, key): (&str, &str),
    (subject, body): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
         VALUES ($1, 'mail', $2, $3, $4, $5, $6, $6) ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(email)
    .bind::<Text, _>(subject)
    .bind::<Text, _>(body)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// A warning for the daily mail.
#[derive(Debug, Clone, QueryableByName)]
pub struct Digested {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub kind: String,
    #[diesel(sql_type = Text)]
    pub level: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub due_on: Option<NaiveDate>,
}

/// Marks the open warnings of these levels that no daily mail has told of as told today, and returns them, the gravest first.
pub async fn take_for_digest(
    conn: &mut ScopedConn,
    levels: &[String],
    today: NaiveDate,
) -> Result<Vec<Digested>, DbError> {
    Ok(prepared(
        "WITH told AS (UPDATE warnings w SET digested_on = $3 WHERE w.tenant_id = $1 AND w.level = ANY($2) AND w.digested_on IS NULL \
           AND w.status NOT IN ('resolved', 'withdrawn') RETURNING w.tenant_id, w.id, w.institution_id, w.bank, w.kind, w.level, w.due_on) \
         SELECT t.id, coalesce(i.name, t.bank, '') AS name, t.kind, t.level, t.due_on FROM told t \
         LEFT JOIN institutions i ON i.tenant_id = t.tenant_id AND i.id = t.institution_id \
         ORDER BY t.level = 'yellow' DESC, t.due_on NULLS LAST, t.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Text>, _>(levels)
    .bind::<Date, _>(today)
    .load(conn.sql())
    .await?)
}

/// Puts the same mail into the outbox for every officer who handles funds.
pub async fn mail_officers(
    conn: &mut ScopedConn,
    key: &str,
    (subject, body): (&str, &str),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO outbox (tenant_id, kind, recipient, subject, body, idempotency_key, due_at, created_at) \
         SELECT tenant_id, 'mail', email, $2, $3, $4::text || ':' || id, $5, $5 FROM users \
         WHERE tenant_id = $1 AND status = 'active' AND email IS NOT NULL AND institution_id IS NULL \
         AND role IN ('finance_officer', 'bureau_admin') ON CONFLICT DO NOTHING",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(subject)
    .bind::<Text, _>(body)
    .bind::<Text, _>(key)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Last {
    #[diesel(sql_type = Nullable<Date>)]
    digested_on: Option<NaiveDate>,
}

/// The day of the last daily mail of the caller's own bureau.
pub async fn digested_on(conn: &mut ScopedConn) -> Result<Option<NaiveDate>, DbError> {
    let row: Option<Last> = prepared("SELECT digested_on FROM sweeps WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.and_then(|row| row.digested_on))
}

/// Notes that the bureau's daily mail is written.
pub async fn digested(conn: &mut ScopedConn, now: DateTime<Utc>, today: NaiveDate) -> Result<(), DbError> {
    prepared(
        "INSERT INTO sweeps (tenant_id, finished_at, digested_on) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id) DO UPDATE SET digested_on = $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(now)
    .bind::<Date, _>(today)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// When the caller's own bureau was looked over last.
pub async fn swept_at(conn: &mut ScopedConn) -> Result<Option<DateTime<Utc>>, DbError> {
    let row: Option<Finished> = prepared("SELECT finished_at FROM sweeps WHERE tenant_id = $1")
        .bind::<Integer, _>(conn.tenant())
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.finished_at))
}

#[derive(QueryableByName)]
struct Finished {
    #[diesel(sql_type = Timestamptz)]
    finished_at: DateTime<Utc>,
}

/// Notes that the bureau was looked over.
pub async fn swept(conn: &mut ScopedConn, now: DateTime<Utc>) -> Result<(), DbError> {
    prepared(
        "INSERT INTO sweeps (tenant_id, finished_at) VALUES ($1, $2) ON CONFLICT (tenant_id) DO UPDATE SET finished_at = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// The bureaus that were not looked over since an instant, on a connection of the worker role.
pub async fn bureaus_due(client: &Client, since: DateTime<Utc>) -> Result<Vec<i32>, DbError> {
    let sql = "SELECT t.tenant_id FROM tenants t LEFT JOIN sweeps s ON s.tenant_id = t.tenant_id \
               WHERE s.finished_at IS NULL OR s.finished_at <= $1 ORDER BY t.tenant_id";
    Ok(client.query(sql, &[&since]).await?.iter().map(|row| row.get(0)).collect())
}

/// When the bureau was looked over that has waited the longest; `None` while one never was.
pub async fn oldest_sweep(client: &Client) -> Result<Option<DateTime<Utc>>, DbError> {
    let sql = "SELECT CASE WHEN bool_and(s.finished_at IS NOT NULL) THEN min(s.finished_at) END FROM tenants t \
               LEFT JOIN sweeps s ON s.tenant_id = t.tenant_id";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// Takes the lock of a bureau's sweep for as long as the connection lives; whether nobody else has it.
pub async fn lock(client: &Client, tenant: i32) -> Result<bool, DbError> {
    let sql = "SELECT pg_try_advisory_lock(hashtext('escrow.oversight'), $1)";
    Ok(client.query_one(sql, &[&tenant]).await?.get(0))
}

/// Gives it back.
pub async fn unlock(client: &Client, tenant: i32) -> Result<(), DbError> {
    client.execute("SELECT pg_advisory_unlock(hashtext('escrow.oversight'), $1)", &[&tenant]).await?;
    Ok(())
}
