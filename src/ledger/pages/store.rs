//! What the ledger's pages read.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{Private, private::PersonName},
    ledger::{
        pupils::Wanted,
        store::{
            contracts::{pupil_place, row_of},
            lessons,
        },
    },
    vault::{Sealed, Vault},
};

/// A contract as pages show it.
#[derive(Debug, Clone, QueryableByName)]
pub struct ContractRow {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub product: String,
    #[diesel(sql_type = Binary)]
    pub pupil_sealed: Sealed<PersonName>,
    #[diesel(sql_type = Date)]
    pub signed_on: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub price_fen: i64,
    #[diesel(sql_type = Integer)]
    pub units_bought: i32,
    #[diesel(sql_type = Integer)]
    pub units_gifted: i32,
    #[diesel(sql_type = Date)]
    pub first_lesson_on: NaiveDate,
    #[diesel(sql_type = Date)]
    pub last_lesson_on: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub paid_fen: i64,
    #[diesel(sql_type = Integer)]
    pub consumed_units: i32,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = diesel::sql_types::Jsonb)]
    pub findings: serde_json::Value,
    /// Lessons that wait for the parent's word, and those in dispute.
    #[diesel(sql_type = BigInt)]
    pub awaiting: i64,
    #[diesel(sql_type = BigInt)]
    pub disputed: i64,
}

impl ContractRow {
    /// All units, gifted ones included.
    pub fn units(&self) -> i32 {
        self.units_bought + self.units_gifted
    }

    /// What is owed in lessons still.
    pub fn unearned_fen(&self) -> i64 {
        self.paid_fen - self.consumed_fen - self.refunded_fen
    }

    /// What the family has not paid yet.
    pub fn unpaid_fen(&self) -> i64 {
        (self.price_fen - self.paid_fen).max(0)
    }

    /// The pupil's name, opened.
    pub fn pupil(&self, vault: &Vault) -> Result<Private<PersonName>, DbError> {
        let row = row_of(self.institution_id, &self.contract_no);
        Ok(self.pupil_sealed.open(vault, &pupil_place(self.tenant_id, &row))?)
    }
}

const CONTRACT: &str = "SELECT c.tenant_id, c.id, c.institution_id, c.contract_no, c.subject, c.product, c.pupil_sealed, \
     c.signed_on, c.price_fen, c.units_bought, c.units_gifted, c.first_lesson_on, c.last_lesson_on, c.paid_fen, \
     c.consumed_units, c.consumed_fen, c.refunded_fen, c.status, c.findings, \
     (SELECT count(*) FROM lessons l WHERE l.tenant_id = c.tenant_id AND l.contract_id = c.id AND l.state = 'awaiting') AS awaiting, \
     (SELECT count(*) FROM lessons l WHERE l.tenant_id = c.tenant_id AND l.contract_id = c.id AND l.state = 'disputed') AS disputed \
     FROM contracts c";

/// Which contracts of an institution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Part of a contract's number or subject, or somebody whole.
    pub text: &'a str,
    pub wanted: Option<&'a Wanted>,
    pub status: Option<&'a str>,
}

/// Contracts of an institution in the caller's range, the newest first, older than `before` (0: from the newest).
pub async fn contracts(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    filter: &Filter<'_>,
    before: i64,
    limit: i64,
) -> Result<Vec<ContractRow>, DbError> {
    let none = Vec::new();
    Ok(prepared(format!(
        "{CONTRACT} WHERE c.tenant_id = $1 AND c.institution_id = $2 AND ($3::text IS NULL OR c.status = $3) \
         AND ($4 = '' OR strpos(lower(c.contract_no), lower($4)) > 0 OR strpos(lower(c.subject), lower($4)) > 0 \
           OR c.pupil_name_index = ANY($7) OR c.guardian_phone_index = ANY($8)) \
         AND ($5 = 0 OR c.id < $5) ORDER BY c.id DESC LIMIT $6"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Nullable<Text>, _>(filter.status)
    .bind::<Text, _>(filter.text)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .bind::<Array<Binary>, _>(filter.wanted.map_or(&none, |wanted| &wanted.names))
    .bind::<Array<Binary>, _>(filter.wanted.map_or(&none, |wanted| &wanted.phones))
    .load(conn.sql())
    .await?)
}

/// One contract of the caller's own bureau.
pub async fn contract(conn: &mut ScopedConn, id: i64) -> Result<Option<ContractRow>, DbError> {
    Ok(prepared(format!("{CONTRACT} WHERE c.tenant_id = $1 AND c.id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// One lesson, with the contract that it was given for.
#[derive(Debug, Clone, QueryableByName)]
pub struct LessonRow {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = BigInt)]
    pub contract_id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Binary)]
    pub pupil_sealed: Sealed<PersonName>,
    #[diesel(sql_type = Integer)]
    pub unit_no: i32,
    #[diesel(sql_type = Timestamptz)]
    pub ended_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Timestamptz)]
    pub due_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub confirmed_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub confirmed_by: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Nullable<Binary>)]
    pub dispute_sealed: Option<Vec<u8>>,
}

impl LessonRow {
    /// The pupil's name, opened.
    pub fn pupil(&self, vault: &Vault) -> Result<Private<PersonName>, DbError> {
        let row = row_of(self.institution_id, &self.contract_no);
        Ok(self.pupil_sealed.open(vault, &pupil_place(self.tenant_id, &row))?)
    }

    /// What the parent wrote, opened.
    pub fn dispute(&self, vault: &Vault) -> Result<Option<String>, DbError> {
        let Some(sealed) = &self.dispute_sealed else { return Ok(None) };
        let row = lessons::row_of(self.contract_id, self.unit_no);
        let text = vault.open_sealed(&lessons::dispute_place(self.tenant_id, &row), sealed)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }
}

const LESSON: &str = "SELECT l.tenant_id, l.id, l.institution_id, l.contract_id, c.contract_no, c.subject, c.pupil_sealed, l.unit_no, l.ended_at, l.state, \
     l.due_at, l.confirmed_at, l.confirmed_by, l.amount_fen, l.dispute_sealed \
     FROM lessons l JOIN contracts c ON c.tenant_id = l.tenant_id AND c.id = l.contract_id";

/// Lessons of a contract of the caller's own bureau, the latest first.
pub async fn lessons(conn: &mut ScopedConn, contract: i64) -> Result<Vec<LessonRow>, DbError> {
    Ok(prepared(format!("{LESSON} WHERE l.tenant_id = $1 AND l.contract_id = $2 ORDER BY l.unit_no DESC"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(contract)
        .load(conn.sql())
        .await?)
}

/// Lessons of an institution in dispute, the oldest first.
pub async fn disputes(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    limit: i64,
) -> Result<Vec<LessonRow>, DbError> {
    Ok(prepared(format!(
        "{LESSON} WHERE l.tenant_id = $1 AND l.institution_id = $2 AND l.state = 'disputed' ORDER BY l.ended_at, l.id LIMIT $3"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// An institution in the caller's range.
#[derive(Debug, Clone, QueryableByName)]
pub struct InstitutionRow {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub account_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub mode: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub balance_fen: Option<i64>,
}

/// An institution by its credit code, with its escrow account in use.
pub async fn institution(conn: &mut ScopedConn, credit_code: &str) -> Result<Option<InstitutionRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(
        "SELECT i.tenant_id, i.id, i.name, i.credit_code, a.id AS account_id, a.mode, a.balance_fen FROM institutions i \
         LEFT JOIN escrow_accounts a ON a.tenant_id = i.tenant_id AND a.institution_id = i.id AND a.status = 'active' \
         WHERE i.tenant_id BETWEEN $1 AND $2 AND i.credit_code = $3",
    )
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Text, _>(credit_code)
    .get_result(conn.sql())
    .await
    .optional()?)
}

/// Sums of an institution's ledger.
#[derive(Debug, Clone, Default, QueryableByName)]
pub struct Totals {
    #[diesel(sql_type = BigInt)]
    pub contracts: i64,
    #[diesel(sql_type = BigInt)]
    pub open: i64,
    #[diesel(sql_type = BigInt)]
    pub paid_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    /// Prices of contracts that are not over: what a risk deposit stands for.
    #[diesel(sql_type = BigInt)]
    pub fees_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub awaiting: i64,
    #[diesel(sql_type = BigInt)]
    pub disputed: i64,
    #[diesel(sql_type = BigInt)]
    pub refunds_open: i64,
    #[diesel(sql_type = BigInt)]
    pub refunds_late: i64,
}

impl Totals {
    /// What is owed in lessons still.
    pub fn unearned_fen(&self) -> i64 {
        self.paid_fen - self.consumed_fen - self.refunded_fen
    }
}

/// The sums of an institution's ledger on a day.
pub async fn totals(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    today: NaiveDate,
) -> Result<Totals, DbError> {
    Ok(prepared(
        "SELECT count(*) AS contracts, count(*) FILTER (WHERE status = 'open') AS open, \
           coalesce(sum(paid_fen), 0)::bigint AS paid_fen, coalesce(sum(consumed_fen), 0)::bigint AS consumed_fen, \
           coalesce(sum(refunded_fen), 0)::bigint AS refunded_fen, \
           coalesce(sum(price_fen) FILTER (WHERE status = 'open'), 0)::bigint AS fees_fen, \
           (SELECT count(*) FROM lessons l WHERE l.tenant_id = $1 AND l.institution_id = $2 AND l.state = 'awaiting') AS awaiting, \
           (SELECT count(*) FROM lessons l WHERE l.tenant_id = $1 AND l.institution_id = $2 AND l.state = 'disputed') AS disputed, \
           (SELECT count(*) FROM refunds r WHERE r.tenant_id = $1 AND r.institution_id = $2 \
              AND r.state IN ('asked', 'approved')) AS refunds_open, \
           (SELECT count(*) FROM refunds r WHERE r.tenant_id = $1 AND r.institution_id = $2 \
              AND r.state IN ('asked', 'approved') AND r.due_on < $3) AS refunds_late \
         FROM contracts WHERE tenant_id = $1 AND institution_id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(today)
    .get_result(conn.sql())
    .await?)
}

/// An institution with contracts, and what waits there.
#[derive(Debug, Clone, QueryableByName)]
pub struct Waiting {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = BigInt)]
    pub unearned_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub disputed: i64,
    #[diesel(sql_type = BigInt)]
    pub refunds_late: i64,
    #[diesel(sql_type = BigInt)]
    pub orders: i64,
}

/// Institutions of the caller's range that have contracts, in order of id after `after`.
pub async fn with_contracts(
    conn: &mut ScopedConn,
    today: NaiveDate,
    after: i64,
    limit: i64,
) -> Result<Vec<Waiting>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(
        "SELECT i.tenant_id, i.id, i.name, i.credit_code, \
           (SELECT coalesce(sum(c.paid_fen - c.consumed_fen - c.refunded_fen), 0)::bigint FROM contracts c \
              WHERE c.tenant_id = i.tenant_id AND c.institution_id = i.id) AS unearned_fen, \
           (SELECT count(*) FROM lessons l WHERE l.tenant_id = i.tenant_id AND l.institution_id = i.id \
              AND l.state = 'disputed') AS disputed, \
           (SELECT count(*) FROM refunds r WHERE r.tenant_id = i.tenant_id AND r.institution_id = i.id \
              AND r.state IN ('asked', 'approved') AND r.due_on < $3) AS refunds_late, \
           (SELECT count(*) FROM release_orders o WHERE o.tenant_id = i.tenant_id AND o.institution_id = i.id \
              AND o.state IN ('calculated', 'approved')) AS orders \
         FROM (SELECT i.tenant_id, i.id, i.name, i.credit_code FROM institutions i \
           WHERE i.tenant_id BETWEEN $1 AND $2 AND i.id > $4 \
             AND EXISTS (SELECT 1 FROM contracts c WHERE c.tenant_id = i.tenant_id AND c.institution_id = i.id) \
           ORDER BY i.id LIMIT $5) i ORDER BY i.id",
    )
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Date, _>(today)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Lessons of an institution of the caller's own bureau that ended at an instant, in order of their contracts.
pub async fn session(
    conn: &mut ScopedConn,
    institution: i64,
    ended_at: DateTime<Utc>,
) -> Result<Vec<LessonRow>, DbError> {
    Ok(prepared(format!(
        "{LESSON} WHERE l.tenant_id = $1 AND l.institution_id = $2 AND l.ended_at = $3 AND l.state <> 'void' \
         ORDER BY c.contract_no, l.unit_no"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(ended_at)
    .load(conn.sql())
    .await?)
}

/// A session that was told.
#[derive(Debug, Clone, QueryableByName)]
pub struct SessionRow {
    #[diesel(sql_type = Timestamptz)]
    pub ended_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = BigInt)]
    pub lessons: i64,
    #[diesel(sql_type = BigInt)]
    pub confirmed: i64,
    #[diesel(sql_type = BigInt)]
    pub disputed: i64,
}

/// The latest sessions of an institution of the caller's own bureau; silence counts as the parent's word.
pub async fn sessions(
    conn: &mut ScopedConn,
    institution: i64,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<SessionRow>, DbError> {
    Ok(prepared(
        "SELECT l.ended_at, min(c.subject) AS subject, count(*) AS lessons, \
           count(*) FILTER (WHERE l.state = 'confirmed' OR (l.state = 'awaiting' AND l.due_at <= $3)) AS confirmed, \
           count(*) FILTER (WHERE l.state = 'disputed') AS disputed \
         FROM lessons l JOIN contracts c ON c.tenant_id = l.tenant_id AND c.id = l.contract_id \
         WHERE l.tenant_id = $1 AND l.institution_id = $2 AND l.state <> 'void' \
         GROUP BY l.ended_at ORDER BY l.ended_at DESC LIMIT $4",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Subjects of an institution's open contracts.
pub async fn subjects(conn: &mut ScopedConn, institution: i64) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        subject: String,
    }
    let rows: Vec<Row> = prepared(
        "SELECT DISTINCT subject FROM contracts WHERE tenant_id = $1 AND institution_id = $2 AND status = 'open' ORDER BY 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.subject).collect())
}

/// Open contracts of one subject of an institution, in order of their numbers.
pub async fn class(
    conn: &mut ScopedConn,
    institution: i64,
    subject: &str,
    limit: i64,
) -> Result<Vec<ContractRow>, DbError> {
    Ok(prepared(format!(
        "{CONTRACT} WHERE c.tenant_id = $1 AND c.institution_id = $2 AND c.status = 'open' AND c.subject = $3 \
         ORDER BY c.contract_no LIMIT $4"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Text, _>(subject)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// The credit code of the institution that gave a lesson of the caller's own bureau.
pub async fn code_of_lesson(conn: &mut ScopedConn, lesson: i64) -> Result<Option<String>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        credit_code: String,
    }
    let row: Option<Row> = prepared(
        "SELECT i.credit_code FROM lessons l JOIN institutions i ON i.tenant_id = l.tenant_id AND i.id = l.institution_id \
         WHERE l.tenant_id = $1 AND l.id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(lesson)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.credit_code))
}
