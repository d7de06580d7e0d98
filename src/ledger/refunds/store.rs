//! SQL of refunds, and of what a contract's refund is worked out from.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{Fen, clock::BEIJING},
    ledger::{
        model::{Channel, Terms},
        rules::refund::{Facts, Paid, Refund, Units},
        store::payers,
    },
};

/// A contract as a refund sees it.
#[derive(Debug, Clone, QueryableByName)]
pub struct Contract {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = BigInt)]
    pub price_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub materials_fen: i64,
    #[diesel(sql_type = Integer)]
    pub units_bought: i32,
    #[diesel(sql_type = Integer)]
    pub units_gifted: i32,
    #[diesel(sql_type = Integer)]
    pub consumed_units: i32,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    #[diesel(sql_type = Bool)]
    pub is_renewal: bool,
    #[diesel(sql_type = Date)]
    pub signed_on: NaiveDate,
    #[diesel(sql_type = Date)]
    pub first_lesson_on: NaiveDate,
}

const CONTRACT: &str = "SELECT id, institution_id, contract_no, price_fen, materials_fen, units_bought, units_gifted, \
     consumed_units, consumed_fen, refunded_fen, is_renewal, signed_on, first_lesson_on FROM contracts";

/// A contract of the caller's own bureau.
pub async fn contract(conn: &mut ScopedConn, id: i64) -> Result<Option<Contract>, DbError> {
    Ok(prepared(format!("{CONTRACT} WHERE tenant_id = $1 AND id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

#[derive(QueryableByName)]
struct PaidRow {
    #[diesel(sql_type = Timestamptz)]
    paid_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    amount_fen: i64,
    #[diesel(sql_type = Text)]
    channel: String,
}

#[derive(QueryableByName)]
struct Given {
    #[diesel(sql_type = BigInt)]
    awaiting: i64,
    #[diesel(sql_type = BigInt)]
    awaiting_fen: i64,
    #[diesel(sql_type = BigInt)]
    disputed: i64,
    #[diesel(sql_type = BigInt)]
    disputed_fen: i64,
    #[diesel(sql_type = BigInt)]
    asked_fen: i64,
    #[diesel(sql_type = Bool)]
    attendance_kept: bool,
    #[diesel(sql_type = Nullable<Text>)]
    mode: Option<String>,
}

/// What a refund of a contract is worked out from; `besides` is a refund of it that does not count as asked for.
pub async fn facts(conn: &mut ScopedConn, contract: &Contract, besides: i64) -> Result<Facts, DbError> {
    let tenant = conn.tenant();
    let payments: Vec<PaidRow> = prepared(
        "SELECT paid_at, amount_fen, channel FROM payments WHERE tenant_id = $1 AND contract_id = $2 ORDER BY paid_at, id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(contract.id)
    .load(conn.sql())
    .await?;
    let given: Given = prepared(
        "SELECT count(*) FILTER (WHERE state = 'awaiting') AS awaiting, \
           coalesce(sum(amount_fen) FILTER (WHERE state = 'awaiting'), 0)::bigint AS awaiting_fen, \
           count(*) FILTER (WHERE state = 'disputed') AS disputed, \
           coalesce(sum(amount_fen) FILTER (WHERE state = 'disputed'), 0)::bigint AS disputed_fen, \
           (SELECT coalesce(sum(r.amount_fen), 0)::bigint FROM refunds r WHERE r.tenant_id = $1 AND r.contract_id = $2 \
              AND r.state IN ('asked', 'approved') AND r.id <> $3) AS asked_fen, \
           EXISTS (SELECT FROM lessons k WHERE k.tenant_id = $1 AND k.institution_id = $4 AND k.ended_at >= $5::date::timestamp \
             AT TIME ZONE interval '8 hours') AS attendance_kept, \
           (SELECT a.mode FROM escrow_accounts a WHERE a.tenant_id = $1 AND a.institution_id = $4 AND a.status = 'active') AS mode \
         FROM lessons WHERE tenant_id = $1 AND contract_id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(contract.id)
    .bind::<BigInt, _>(besides)
    .bind::<BigInt, _>(contract.institution_id)
    .bind::<Date, _>(contract.first_lesson_on)
    .get_result(conn.sql())
    .await?;
    let payers = payers::of_contract(conn, contract.institution_id, contract.id).await?;
    // Materials are consumed with the first lesson: while it waits for its confirmation, so do they.
    let materials = if contract.consumed_units == 0 && given.awaiting > 0 { contract.materials_fen } else { 0 };
    let paid = |row: PaidRow| Paid {
        on: row.paid_at.with_timezone(&BEIJING).date_naive(),
        amount: Fen(row.amount_fen),
        channel: row.channel.parse().unwrap_or(Channel::Other),
    };
    Ok(Facts {
        terms: Terms {
            price: Fen(contract.price_fen),
            materials: Fen(contract.materials_fen),
            units_bought: contract.units_bought.unsigned_abs(),
            units_gifted: contract.units_gifted.unsigned_abs(),
        },
        payments: payments.into_iter().map(paid).collect(),
        units: Units { consumed: contract.consumed_units.into(), awaiting: given.awaiting, disputed: given.disputed },
        consumed: Fen(contract.consumed_fen),
        awaiting: Fen(given.awaiting_fen.saturating_add(materials)),
        disputed: Fen(given.disputed_fen),
        refunded: Fen(contract.refunded_fen.saturating_add(given.asked_fen)),
        is_renewal: contract.is_renewal,
        first_lesson_on: contract.first_lesson_on,
        attendance_kept: given.attendance_kept,
        payers,
        mode: given.mode.and_then(|mode| mode.parse().ok()),
    })
}

/// A refund as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct RefundRow {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub institution_name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = BigInt)]
    pub contract_id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub order_ref: String,
    #[diesel(sql_type = Date)]
    pub asked_on: NaiveDate,
    #[diesel(sql_type = Text)]
    pub reason: String,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Jsonb)]
    pub steps: Value,
    #[diesel(sql_type = Date)]
    pub due_on: NaiveDate,
    #[diesel(sql_type = Date)]
    pub target_on: NaiveDate,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub paid_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// The post that asked for it and its person's; absent of one that was asked for before this was kept.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub asked_by: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub asked_person: Option<i64>,
    /// Where the bank's entry says it went.
    #[diesel(sql_type = Nullable<Text>)]
    pub route: Option<String>,
    /// Entries that named it and went to somebody who did not pay.
    #[diesel(sql_type = Array<Text>)]
    pub astray: Vec<String>,
    /// Families of the institution whose refunds are past their day.
    #[diesel(sql_type = BigInt)]
    pub families_late: i64,
}

/// `$1` is the day.
const SELECT: &str = "SELECT r.tenant_id, r.id, r.institution_id, i.name AS institution_name, i.credit_code, r.contract_id, \
     c.contract_no, c.subject, r.order_ref, r.asked_on, r.reason, r.amount_fen, r.steps, r.due_on, r.target_on, r.state, r.paid_at, \
     r.created_at, r.version, r.asked_by, r.asked_person, r.route, \
     ARRAY(SELECT s.entry_ref FROM refunds_astray s WHERE s.tenant_id = r.tenant_id AND s.refund_id = r.id \
       AND s.entry_ref IS DISTINCT FROM r.entry_ref ORDER BY s.found_at, s.entry_ref) AS astray, \
     (SELECT count(DISTINCT oc.pupil_index) FROM refunds o JOIN contracts oc ON oc.tenant_id = o.tenant_id AND oc.id = o.contract_id \
        WHERE o.tenant_id = r.tenant_id AND o.institution_id = r.institution_id AND o.state IN ('asked', 'approved') \
        AND o.due_on < $1) AS families_late \
     FROM refunds r JOIN contracts c ON c.tenant_id = r.tenant_id AND c.id = r.contract_id \
     JOIN institutions i ON i.tenant_id = r.tenant_id AND i.id = r.institution_id";

/// One refund of the caller's range.
pub async fn refund(conn: &mut ScopedConn, today: NaiveDate, id: i64) -> Result<Option<RefundRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{SELECT} WHERE r.tenant_id BETWEEN $2 AND $3 AND r.id = $4"))
        .bind::<Date, _>(today)
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The same of the caller's own bureau, locked.
pub async fn lock(conn: &mut ScopedConn, today: NaiveDate, id: i64) -> Result<Option<RefundRow>, DbError> {
    Ok(prepared(format!("{SELECT} WHERE r.tenant_id = $2 AND r.id = $3 FOR UPDATE OF r"))
        .bind::<Date, _>(today)
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The contract of a refund of the caller's own bureau. It is locked before the refund, as whoever asks for one locks it.
pub async fn contract_of(conn: &mut ScopedConn, id: i64) -> Result<Option<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        contract_id: i64,
    }
    let row: Option<Row> = prepared("SELECT contract_id FROM refunds WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.contract_id))
}

/// Which refunds of the caller's range.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    pub state: Option<&'a str>,
    pub contract: Option<i64>,
    pub credit_code: Option<&'a str>,
    /// Those past their day alone.
    pub overdue: bool,
}

/// Refunds, the newest first, older than `before` (0: from the newest).
pub async fn refunds(
    conn: &mut ScopedConn,
    today: NaiveDate,
    filter: &Filter<'_>,
    before: i64,
    limit: i64,
) -> Result<Vec<RefundRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{SELECT} WHERE r.tenant_id BETWEEN $2 AND $3 AND ($4::text IS NULL OR r.state = $4) \
         AND ($5::bigint IS NULL OR r.contract_id = $5) AND ($6::text IS NULL OR i.credit_code = $6) \
         AND (NOT $7 OR (r.state IN ('asked', 'approved') AND r.due_on < $1)) AND ($8 = 0 OR r.id < $8) \
         ORDER BY r.id DESC LIMIT $9"
    ))
    .bind::<Date, _>(today)
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Nullable<Text>, _>(filter.state)
    .bind::<Nullable<BigInt>, _>(filter.contract)
    .bind::<Nullable<Text>, _>(filter.credit_code)
    .bind::<Bool, _>(filter.overdue)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// The contract's refund that is not over yet.
pub async fn open_of(conn: &mut ScopedConn, contract: i64) -> Result<Option<i64>, DbError> {
    let row: Option<Id> = prepared(
        "SELECT id FROM refunds WHERE tenant_id = $1 AND contract_id = $2 AND state IN ('asked', 'approved') ORDER BY id LIMIT 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(contract)
    .get_result(conn.sql())
    .await
    .optional()?;
    Ok(row.map(|row| row.id))
}

/// A refund that is asked for.
#[derive(Debug, Clone)]
pub struct NewRefund<'a> {
    pub asked_on: NaiveDate,
    pub refund: &'a Refund,
    pub worked: &'a Value,
    /// The post that asks.
    pub asked_by: i64,
    /// Keyed hash of the other account that the guardian named.
    pub elsewhere: Option<Vec<u8>>,
}

/// Keeps a refund that is asked for; its order number holds the contract's and how many it had before.
pub async fn add(
    conn: &mut ScopedConn,
    contract: &Contract,
    NewRefund { asked_on, refund, worked, asked_by, elsewhere }: NewRefund<'_>,
    at: DateTime<Utc>,
) -> Result<i64, DbError> {
    let row: Id = prepared(
        "INSERT INTO refunds (tenant_id, institution_id, contract_id, order_ref, asked_on, reason, amount_fen, steps, due_on, \
           target_on, state, created_at, asked_by, asked_person, elsewhere_index) \
         SELECT $1, $2, $3, format('TF%sC%sN%s', lpad($1::text, 6, '0'), $3, 1 + count(*)), $4, $5, $6, $7, $8, $9, 'asked', $10, \
           $11, (SELECT me.person_id FROM users me WHERE me.tenant_id = $1 AND me.id = $11), $12 \
         FROM refunds WHERE tenant_id = $1 AND contract_id = $3 RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(contract.institution_id)
    .bind::<BigInt, _>(contract.id)
    .bind::<Date, _>(asked_on)
    .bind::<Text, _>(refund.ground.to_string())
    .bind::<BigInt, _>(refund.amount.0)
    .bind::<Jsonb, _>(worked)
    .bind::<Date, _>(refund.due_on)
    .bind::<Date, _>(refund.target_on)
    .bind::<Timestamptz, _>(at)
    .bind::<BigInt, _>(asked_by)
    .bind::<Nullable<Binary>, _>(elsewhere)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Whether a post is of the person that this is.
pub async fn is_person(conn: &mut ScopedConn, post: i64, person: i64) -> Result<bool, DbError> {
    let row: Option<Id> = prepared("SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND person_id = $3")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(post)
        .bind::<BigInt, _>(person)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.is_some())
}

/// How many people hold a post of an institution.
pub async fn people_of(conn: &mut ScopedConn, institution: i64) -> Result<i64, DbError> {
    let row: Id = prepared(
        "SELECT count(DISTINCT person_id) AS id FROM users WHERE tenant_id = $1 AND institution_id = $2 AND status = 'active' \
         AND role IN ('institution_admin', 'institution_staff')",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// A refund is approved, at the sum that it was worked out to.
pub async fn approve(conn: &mut ScopedConn, id: i64, by: i64, refund: &Refund, worked: &Value) -> Result<(), DbError> {
    prepared(
        "UPDATE refunds SET state = 'approved', amount_fen = $3, steps = $4, approved_by = $5, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(refund.amount.0)
    .bind::<Jsonb, _>(worked)
    .bind::<BigInt, _>(by)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// A refund is taken back.
pub async fn withdraw(conn: &mut ScopedConn, id: i64) -> Result<(), DbError> {
    prepared("UPDATE refunds SET state = 'withdrawn', version = version + 1 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Ends a contract that the family leaves.
pub async fn cancel_contract(conn: &mut ScopedConn, id: i64) -> Result<(), DbError> {
    prepared(
        "UPDATE contracts SET status = 'cancelled', version = version + 1 WHERE tenant_id = $1 AND id = $2 AND status = 'open'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .execute(conn.sql())
    .await?;
    Ok(())
}
