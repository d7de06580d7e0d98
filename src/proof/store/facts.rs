//! The three sides of a day.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::clock,
    ledger::PAST_ESCROW,
    proof::model::{Attendance, Entry, Facts, Order, Payment, Tie},
};

/// The first instant of a local day and of the next one.
fn bounds(day: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    (clock::midnight(day), clock::midnight(day.succ_opt().unwrap_or(NaiveDate::MAX)))
}

fn tie(account: Option<i64>, at: Option<DateTime<Utc>>, bank_ref: Option<String>) -> Option<Tie> {
    Some(Tie { account_id: account?, booked_at: at?, bank_ref: bank_ref? })
}

/// The three sides of a day of an institution of the caller's own bureau.
pub async fn facts(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<Facts, DbError> {
    Ok(Facts {
        entries: entries(conn, institution, day).await?,
        payments: payments(conn, institution, day).await?,
        orders: orders(conn, institution, day).await?,
        lessons: lessons(conn, institution, day).await?,
    })
}

async fn entries(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<Vec<Entry>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        account_id: i64,
        #[diesel(sql_type = Timestamptz)]
        booked_at: DateTime<Utc>,
        #[diesel(sql_type = Text)]
        bank_ref: String,
        #[diesel(sql_type = Bool)]
        credit: bool,
        #[diesel(sql_type = BigInt)]
        amount_fen: i64,
        #[diesel(sql_type = Text)]
        kind: String,
        #[diesel(sql_type = Nullable<Text>)]
        order_ref: Option<String>,
    }
    let (from, until) = bounds(day);
    let rows: Vec<Row> = prepared(
        "SELECT account_id, booked_at, bank_ref, credit, amount_fen, CASE WHEN EXISTS (SELECT FROM own_transfers t \
         WHERE t.tenant_id = entries.tenant_id AND t.state <> 'missing' AND ((t.from_account, t.bank_ref) = (entries.account_id, entries.bank_ref) \
           OR (t.to_account, t.to_ref) = (entries.account_id, entries.bank_ref))) THEN 'own_transfer' ELSE kind END AS kind, order_ref FROM entries \
         WHERE tenant_id = $1 AND account_id IN (SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2) \
         AND booked_at >= $3 AND booked_at < $4 ORDER BY account_id, booked_at, bank_ref",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .load(conn.sql())
    .await?;
    let entry = |row: Row| Entry {
        account_id: row.account_id,
        booked_at: row.booked_at,
        bank_ref: row.bank_ref,
        credit: row.credit,
        amount_fen: row.amount_fen,
        kind: row.kind,
        order_ref: row.order_ref,
    };
    Ok(rows.into_iter().map(entry).collect())
}

async fn payments(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<Vec<Payment>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        receipt_no: String,
        #[diesel(sql_type = Timestamptz)]
        paid_at: DateTime<Utc>,
        #[diesel(sql_type = BigInt)]
        amount_fen: i64,
        #[diesel(sql_type = Nullable<BigInt>)]
        account_id: Option<i64>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        entry_booked_at: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<Text>)]
        entry_ref: Option<String>,
    }
    let (from, until) = bounds(day);
    let rows: Vec<Row> = prepared(format!(
        "SELECT p.receipt_no, p.paid_at, p.amount_fen, p.account_id, p.entry_booked_at, p.entry_ref FROM payments p \
         WHERE p.tenant_id = $1 AND p.institution_id = $2 AND NOT {PAST_ESCROW} \
         AND (p.paid_at >= $3 AND p.paid_at < $4 OR p.entry_booked_at >= $3 AND p.entry_booked_at < $4) ORDER BY p.receipt_no"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .load(conn.sql())
    .await?;
    let payment = |row: Row| Payment {
        receipt_no: row.receipt_no,
        on: clock::day(row.paid_at),
        amount_fen: row.amount_fen,
        tie: tie(row.account_id, row.entry_booked_at, row.entry_ref),
    };
    Ok(rows.into_iter().map(payment).collect())
}

async fn orders(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<Vec<Order>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        order_ref: String,
        #[diesel(sql_type = Bool)]
        is_refund: bool,
        #[diesel(sql_type = BigInt)]
        amount_fen: i64,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        done_at: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<BigInt>)]
        account_id: Option<i64>,
        #[diesel(sql_type = Nullable<Timestamptz>)]
        entry_booked_at: Option<DateTime<Utc>>,
        #[diesel(sql_type = Nullable<Text>)]
        entry_ref: Option<String>,
    }
    let (from, until) = bounds(day);
    // An order is the matter of the day of its entry, or of the day on which somebody marked it as done without one.
    let rows: Vec<Row> = prepared(
        "SELECT order_ref, true AS is_refund, amount_fen, coalesce(entry_booked_at, paid_at) AS done_at, account_id, entry_booked_at, \
           entry_ref FROM refunds WHERE tenant_id = $1 AND institution_id = $2 AND state = 'paid' \
           AND coalesce(entry_booked_at, paid_at) >= $3 AND coalesce(entry_booked_at, paid_at) < $4 \
         UNION ALL SELECT order_ref, false, amount_fen, coalesce(entry_booked_at, settled_at), account_id, entry_booked_at, \
           entry_ref FROM release_orders WHERE tenant_id = $1 AND institution_id = $2 AND state = 'settled' \
           AND coalesce(entry_booked_at, settled_at) >= $3 AND coalesce(entry_booked_at, settled_at) < $4 ORDER BY order_ref",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .load(conn.sql())
    .await?;
    let order = |row: Row| Order {
        order_ref: row.order_ref,
        is_refund: row.is_refund,
        amount_fen: row.amount_fen,
        done_on: row.done_at.map(clock::day),
        tie: tie(row.account_id, row.entry_booked_at, row.entry_ref),
    };
    Ok(rows.into_iter().map(order).collect())
}

async fn lessons(conn: &mut ScopedConn, institution: i64, day: NaiveDate) -> Result<Vec<Attendance>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        contract_no: String,
        #[diesel(sql_type = BigInt)]
        amount_fen: i64,
        #[diesel(sql_type = BigInt)]
        taught_fen: i64,
        #[diesel(sql_type = BigInt)]
        paid_fen: i64,
    }
    let (from, until) = bounds(day);
    let rows: Vec<Row> = prepared(format!(
        "SELECT c.contract_no, l.amount_fen, (SELECT coalesce(sum(t.amount_fen), 0)::bigint FROM lessons t \
           WHERE t.tenant_id = $1 AND t.contract_id = c.id AND t.state = 'confirmed' AND t.confirmed_at < $4) AS taught_fen, \
           (SELECT coalesce(sum(p.amount_fen), 0)::bigint FROM payments p \
           WHERE p.tenant_id = $1 AND p.contract_id = c.id AND p.paid_at < $4 AND NOT {PAST_ESCROW}) AS paid_fen \
         FROM (SELECT contract_id, sum(amount_fen)::bigint AS amount_fen FROM lessons WHERE tenant_id = $1 AND institution_id = $2 \
           AND state = 'confirmed' AND confirmed_at >= $3 AND confirmed_at < $4 GROUP BY contract_id) l \
         JOIN contracts c ON c.tenant_id = $1 AND c.id = l.contract_id ORDER BY c.contract_no"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(from)
    .bind::<Timestamptz, _>(until)
    .load(conn.sql())
    .await?;
    let lesson = |row: Row| Attendance {
        contract_no: row.contract_no,
        amount_fen: row.amount_fen,
        taught_fen: row.taught_fen,
        paid_fen: row.paid_fen,
    };
    Ok(rows.into_iter().map(lesson).collect())
}
