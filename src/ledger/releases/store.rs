//! SQL of release orders, and of what one is worked out from.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, ScopedConn, prepared},
    ledger::rules::release::Releasable,
};

/// An institution's escrow account in use.
#[derive(Debug, Clone, QueryableByName)]
pub struct InUse {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub mode: String,
}

/// The institution with this credit code in the caller's own bureau.
pub async fn institution(conn: &mut ScopedConn, credit_code: &str) -> Result<Option<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let row: Option<Id> = prepared("SELECT id FROM institutions WHERE tenant_id = $1 AND credit_code = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(credit_code)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.id))
}

/// The account that orders of an institution are paid from, locked: orders of it are worked out one after another.
pub async fn lock_account(conn: &mut ScopedConn, institution: i64) -> Result<Option<InUse>, DbError> {
    Ok(prepared(
        "SELECT id, mode FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2 AND status = 'active' FOR UPDATE",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await
    .optional()?)
}

#[derive(QueryableByName)]
struct Sums {
    #[diesel(sql_type = BigInt)]
    confirmed_fen: i64,
    #[diesel(sql_type = BigInt)]
    materials_fen: i64,
    #[diesel(sql_type = BigInt)]
    released_fen: i64,
    #[diesel(sql_type = BigInt)]
    disputed_fen: i64,
    #[diesel(sql_type = BigInt)]
    cooling_fen: i64,
}

/// What was confirmed before `end`, by silence up to `now` among it, the materials of contracts of which anything was, what is
/// disputed of lessons before it, and what all orders but rejected ones release. What contracts first paid after
/// `cooled_until` earned is told apart. Of no contract more than was paid on it and not given back.
pub async fn sums(
    conn: &mut ScopedConn,
    institution: i64,
    end: DateTime<Utc>,
    now: DateTime<Utc>,
    cooled_until: Option<NaiveDate>,
) -> Result<Releasable, DbError> {
    let Sums { confirmed_fen, materials_fen, released_fen, disputed_fen, cooling_fen } = prepared(
        "SELECT coalesce(sum(least(g.confirmed, c.paid_fen - c.refunded_fen)) FILTER (WHERE g.cooled), 0)::bigint AS confirmed_fen, \
           coalesce(sum(greatest(least(c.materials_fen, c.paid_fen - c.refunded_fen - g.confirmed), 0)) \
             FILTER (WHERE g.earned AND g.cooled), 0)::bigint AS materials_fen, \
           coalesce(sum(least(g.confirmed + CASE WHEN g.earned THEN c.materials_fen ELSE 0 END, c.paid_fen - c.refunded_fen)) \
             FILTER (WHERE NOT g.cooled), 0)::bigint AS cooling_fen, \
           coalesce(sum(g.disputed), 0)::bigint AS disputed_fen, \
           (SELECT coalesce(sum(o.amount_fen), 0)::bigint FROM release_orders o \
              WHERE o.tenant_id = $1 AND o.institution_id = $2 AND o.state <> 'rejected') AS released_fen \
         FROM (SELECT contract_id, \
             coalesce(sum(amount_fen) FILTER (WHERE (state = 'confirmed' AND confirmed_at < $3) \
               OR (state = 'awaiting' AND due_at <= $4 AND due_at < $3)), 0) AS confirmed, \
             bool_or((state = 'confirmed' AND confirmed_at < $3) OR (state = 'awaiting' AND due_at <= $4 AND due_at < $3)) AS earned, \
             coalesce(sum(amount_fen) FILTER (WHERE state = 'disputed' AND ended_at < $3), 0) AS disputed, \
             $5 IS NULL OR coalesce((SELECT min(p.paid_at AT TIME ZONE interval '8 hours')::date <= $5 FROM payments p \
               WHERE p.tenant_id = $1 AND p.contract_id = lessons.contract_id), false) AS cooled \
           FROM lessons WHERE tenant_id = $1 AND institution_id = $2 GROUP BY contract_id) g \
         JOIN contracts c ON c.tenant_id = $1 AND c.id = g.contract_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(end)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Date>, _>(cooled_until)
    .get_result(conn.sql())
    .await?;
    Ok(Releasable { confirmed_fen, materials_fen, released_fen, disputed_fen, cooling_fen })
}

/// An order as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct OrderRow {
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
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(sql_type = Date)]
    pub period_from: NaiveDate,
    #[diesel(sql_type = Date)]
    pub period_to: NaiveDate,
    #[diesel(sql_type = Integer)]
    pub seq: i32,
    #[diesel(sql_type = Text)]
    pub order_ref: String,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Jsonb)]
    pub inputs: Value,
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub approved_by: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub calculated_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub settled_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

const SELECT: &str = "SELECT o.tenant_id, o.id, o.institution_id, i.name AS institution_name, i.credit_code, a.account_no, \
     o.period_from, o.period_to, o.seq, o.order_ref, o.amount_fen, o.inputs, o.state, o.approved_by, o.calculated_at, \
     o.settled_at, o.version FROM release_orders o \
     JOIN institutions i ON i.tenant_id = o.tenant_id AND i.id = o.institution_id \
     JOIN escrow_accounts a ON a.tenant_id = o.tenant_id AND a.id = o.account_id";

/// The order of a period by its number.
pub async fn of_period(
    conn: &mut ScopedConn,
    institution: i64,
    period_to: NaiveDate,
    seq: i32,
) -> Result<Option<OrderRow>, DbError> {
    Ok(prepared(format!(
        "{SELECT} WHERE o.tenant_id = $1 AND o.institution_id = $2 AND o.period_to = $3 AND o.seq = $4"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(period_to)
    .bind::<Integer, _>(seq)
    .get_result(conn.sql())
    .await
    .optional()?)
}

/// One order of the caller's range.
pub async fn order(conn: &mut ScopedConn, id: i64) -> Result<Option<OrderRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{SELECT} WHERE o.tenant_id BETWEEN $1 AND $2 AND o.id = $3"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The same of the caller's own bureau, locked.
pub async fn lock(conn: &mut ScopedConn, id: i64) -> Result<Option<OrderRow>, DbError> {
    Ok(prepared(format!("{SELECT} WHERE o.tenant_id = $1 AND o.id = $2 FOR UPDATE OF o"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Orders of the caller's range, the newest first, older than `before` (0: from the newest).
pub async fn orders(
    conn: &mut ScopedConn,
    state: Option<&str>,
    credit_code: Option<&str>,
    before: i64,
    limit: i64,
) -> Result<Vec<OrderRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{SELECT} WHERE o.tenant_id BETWEEN $1 AND $2 AND ($3::text IS NULL OR o.state = $3) \
         AND ($4::text IS NULL OR i.credit_code = $4) AND ($5 = 0 OR o.id < $5) ORDER BY o.id DESC LIMIT $6"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Nullable<Text>, _>(state)
    .bind::<Nullable<Text>, _>(credit_code)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// An order that was worked out.
#[derive(Debug, Clone)]
pub struct NewOrder<'a> {
    pub institution: i64,
    pub account: i64,
    pub period: (NaiveDate, NaiveDate),
    pub seq: i32,
    pub amount_fen: i64,
    pub inputs: &'a Value,
    pub state: &'a str,
    pub approved_by: Option<&'a str>,
}

/// Keeps an order; its number is made of bureau, institution, last day and number within the period.
pub async fn add(conn: &mut ScopedConn, order: &NewOrder<'_>, at: DateTime<Utc>) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let (from, to) = order.period;
    let row: Id = prepared(
        "INSERT INTO release_orders (tenant_id, institution_id, account_id, period_from, period_to, seq, order_ref, amount_fen, \
           inputs, state, approved_by, calculated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, format('HB%sI%sD%sN%s', lpad($1::text, 6, '0'), $2, to_char($5::date, 'YYYYMMDD'), $6), \
           $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(order.institution)
    .bind::<BigInt, _>(order.account)
    .bind::<Date, _>(from)
    .bind::<Date, _>(to)
    .bind::<Integer, _>(order.seq)
    .bind::<BigInt, _>(order.amount_fen)
    .bind::<Jsonb, _>(order.inputs)
    .bind::<Text, _>(order.state)
    .bind::<Nullable<Text>, _>(order.approved_by)
    .bind::<Timestamptz, _>(at)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Moves an order on.
pub async fn set_state(conn: &mut ScopedConn, id: i64, state: &str, approved_by: Option<&str>) -> Result<(), DbError> {
    prepared(
        "UPDATE release_orders SET state = $3, approved_by = coalesce($4, approved_by), version = version + 1 \
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(state)
    .bind::<Nullable<Text>, _>(approved_by)
    .execute(conn.sql())
    .await?;
    Ok(())
}
