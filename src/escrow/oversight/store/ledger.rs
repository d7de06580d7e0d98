//! SQL of what the rules ask of contracts, payments, lessons and refunds, for some institutions of a bureau at a time.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::oversight::rules::{Complained, Dues, Elsewhere, Loan, OverCap, Payment, Unpaid, excess_fen},
    ledger::PAST_ESCROW,
};

/// A fact and the institution that it is of.
pub type Of<T> = (i64, T);

/// Contracts `c` that are not over: one that the family left is only when all that it paid and did not consume was paid back,
/// fees that were agreed and kept aside.
const ONGOING: &str = "NOT (c.status = 'cancelled' AND c.paid_fen <= c.consumed_fen + (SELECT coalesce(sum(b.amount_fen \
     + CASE WHEN jsonb_typeof(b.steps->'fee_fen') = 'number' THEN (b.steps->>'fee_fen')::bigint ELSE 0 END), 0) FROM refunds b \
     WHERE b.tenant_id = c.tenant_id AND b.contract_id = c.id AND b.state = 'paid'))";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many pupils have lessons to come.
pub async fn pupils(conn: &mut ScopedConn, of: &[i64], today: NaiveDate) -> Result<Vec<Of<i64>>, DbError> {
    let rows: Vec<Count> = prepared(
        "SELECT institution_id, count(DISTINCT pupil_index) AS n FROM contracts WHERE tenant_id = $1 AND institution_id = ANY($2) \
         AND status = 'open' AND last_lesson_on >= $3 GROUP BY institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .bind::<Date, _>(today)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.institution_id, row.n)).collect())
}

#[derive(QueryableByName)]
struct OverCapRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Binary)]
    pupil_index: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    paid_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    paid_fen: i64,
    #[diesel(sql_type = Jsonb)]
    findings: Value,
    #[diesel(sql_type = BigInt)]
    returned_fen: i64,
}

/// Paid contracts that break a limit of prepayment, of which not all of the excess was paid back.
pub async fn over_cap(conn: &mut ScopedConn, of: &[i64]) -> Result<Vec<Of<OverCap>>, DbError> {
    let rows: Vec<OverCapRow> = prepared(format!(
        "SELECT c.institution_id, c.id, c.pupil_index, p.paid_at, p.paid_fen, c.findings, \
           (SELECT coalesce(sum(r.amount_fen), 0)::bigint FROM refunds r WHERE r.tenant_id = c.tenant_id AND r.contract_id = c.id \
              AND r.reason = 'excess' AND r.state = 'paid') AS returned_fen FROM contracts c \
         JOIN LATERAL (SELECT max(p.paid_at) AS paid_at, sum(p.amount_fen)::bigint AS paid_fen FROM payments p \
           WHERE p.tenant_id = c.tenant_id AND p.contract_id = c.id) p ON p.paid_at IS NOT NULL \
         WHERE c.tenant_id = $1 AND c.institution_id = ANY($2) AND {ONGOING} AND c.findings <> '[]'::jsonb \
           AND jsonb_typeof(c.findings) = 'array' ORDER BY c.institution_id, c.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .load(conn.sql())
    .await?;
    let over = rows.into_iter().filter_map(|row| {
        let excess_fen = excess_fen(&row.findings, row.paid_fen)?;
        let order = OverCap { contract: row.id, pupil: row.pupil_index, paid_at: row.paid_at };
        (row.returned_fen < excess_fen).then_some((row.institution_id, order))
    });
    Ok(over.collect())
}

#[derive(QueryableByName)]
struct PaymentRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Binary)]
    pupil_index: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    paid_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    amount_fen: i64,
    #[diesel(sql_type = Bool)]
    payee_is_person: bool,
}

const PAYMENT: &str = "SELECT p.institution_id, p.id, c.pupil_index, p.paid_at, p.amount_fen, p.payee_is_person FROM payments p \
     JOIN contracts c ON c.tenant_id = p.tenant_id AND c.id = p.contract_id WHERE p.tenant_id = $1 AND p.institution_id = ANY($2)";

/// Payments since an instant.
pub async fn payments(conn: &mut ScopedConn, of: &[i64], since: DateTime<Utc>) -> Result<Vec<Of<Payment>>, DbError> {
    let rows: Vec<PaymentRow> = prepared(format!("{PAYMENT} AND p.paid_at >= $3 ORDER BY p.institution_id, p.id"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(of)
        .bind::<Timestamptz, _>(since)
        .load(conn.sql())
        .await?;
    let payment = |row: PaymentRow| {
        let payment = Payment { id: row.id, pupil: row.pupil_index, paid_at: row.paid_at, amount_fen: row.amount_fen };
        (row.institution_id, payment)
    };
    Ok(rows.into_iter().map(payment).collect())
}

/// Payments to another account than the escrow account that no entry of the bank has borne out since.
pub async fn elsewhere(conn: &mut ScopedConn, of: &[i64]) -> Result<Vec<Of<Elsewhere>>, DbError> {
    let rows: Vec<PaymentRow> = prepared(format!(
        "{PAYMENT} AND {PAST_ESCROW} AND {ONGOING} \
         ORDER BY p.institution_id, p.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .load(conn.sql())
    .await?;
    let payment = |row: PaymentRow| {
        let elsewhere = Elsewhere {
            id: row.id,
            pupil: row.pupil_index,
            amount_fen: row.amount_fen,
            personal: row.payee_is_person,
            paid_at: row.paid_at,
        };
        (row.institution_id, elsewhere)
    };
    Ok(rows.into_iter().map(payment).collect())
}

#[derive(QueryableByName)]
struct PupilRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Binary)]
    pupil_index: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    since: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    fee_fen: i64,
    #[diesel(sql_type = Bool)]
    undetermined: bool,
}

/// Pupils who were taught and of whom the bank bears out no payment into escrow at all, with the end of their first lesson and
/// their fees: what the ledger says was paid into escrow, at least the lessons given. Lessons that cost nothing are no
/// consumption.
///
/// A payment after `settled` may be on its way still. Where the bank's statements begin after a payment or do not reach
/// `settled`, whether it came in is not determined.
pub async fn unpaid(conn: &mut ScopedConn, of: &[i64], settled: NaiveDate) -> Result<Vec<Of<Unpaid>>, DbError> {
    let rows: Vec<PupilRow> = prepared(format!(
        "SELECT c.institution_id, c.pupil_index, min(l.since) AS since, \
           sum(greatest(p.claimed_fen, l.given_fen - p.elsewhere_fen, 0))::bigint AS fee_fen, \
           bool_or(p.n > 0 AND (s.reaches_on IS NULL OR s.reaches_on < $3 OR p.first_on < s.opening_on)) AS undetermined \
         FROM contracts c \
         JOIN LATERAL (SELECT min(l.ended_at) AS since, sum(l.amount_fen) AS given_fen FROM lessons l \
           WHERE l.tenant_id = c.tenant_id AND l.contract_id = c.id AND l.state = 'confirmed') l ON l.since IS NOT NULL \
         JOIN LATERAL (SELECT count(*) FILTER (WHERE p.payee_index IS NULL AND NOT p.payee_is_person) AS n, \
             min((p.paid_at AT TIME ZONE interval '8 hours')::date) FILTER (WHERE p.payee_index IS NULL AND NOT p.payee_is_person) AS first_on, \
             coalesce(sum(p.amount_fen) FILTER (WHERE p.payee_index IS NULL AND NOT p.payee_is_person), 0) AS claimed_fen, \
             coalesce(sum(p.amount_fen) FILTER (WHERE p.payee_index IS NOT NULL OR p.payee_is_person), 0) AS elsewhere_fen \
           FROM payments p WHERE p.tenant_id = c.tenant_id AND p.contract_id = c.id) p ON true \
         LEFT JOIN LATERAL (SELECT min(a.opening_on) AS opening_on, \
             max(greatest(a.statement_on, a.heard_on, (a.last_booked_at AT TIME ZONE interval '8 hours')::date)) AS reaches_on \
           FROM escrow_accounts a WHERE a.tenant_id = c.tenant_id AND a.institution_id = c.institution_id \
           AND a.opening_on IS NOT NULL) s ON true \
         WHERE c.tenant_id = $1 AND c.institution_id = ANY($2) AND c.price_fen > 0 AND {ONGOING} \
           AND NOT EXISTS (SELECT FROM contracts o JOIN payments p ON p.tenant_id = o.tenant_id AND p.contract_id = o.id \
             WHERE o.tenant_id = c.tenant_id AND o.institution_id = c.institution_id AND o.pupil_index = c.pupil_index \
             AND (p.entry_ref IS NOT NULL OR (p.payee_index IS NULL AND NOT p.payee_is_person \
               AND (p.paid_at AT TIME ZONE interval '8 hours')::date > $3))) \
         GROUP BY c.institution_id, c.pupil_index ORDER BY c.institution_id, c.pupil_index"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .bind::<Date, _>(settled)
    .load(conn.sql())
    .await?;
    let unpaid = |row: PupilRow| {
        let PupilRow { institution_id, pupil_index: pupil, since, fee_fen, undetermined } = row;
        (institution_id, Unpaid { pupil, since, fee_fen, undetermined })
    };
    Ok(rows.into_iter().map(unpaid).collect())
}

#[derive(QueryableByName)]
struct DuesRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    due_fen: i64,
    #[diesel(sql_type = BigInt)]
    inflow_fen: i64,
    #[diesel(sql_type = Date)]
    last_due_on: NaiveDate,
}

/// What had to be in by `settled` of the contracts signed since the account's statements begin, and what came in since: into any
/// account of the institution, for families pay into the one before for a while, but not from another one.
///
/// Fees may be paid in instalments, so that the whole price is not due at once: due of a contract is what the ledger says was
/// paid into escrow, at least the lessons given, and for one that has begun without any payment the first payment, which is at
/// most `payment_max`.
pub async fn dues(
    conn: &mut ScopedConn,
    of: &[i64],
    settled: NaiveDate,
    payment_max: i64,
) -> Result<Vec<Of<Dues>>, DbError> {
    let rows: Vec<DuesRow> = prepared(format!(
        "SELECT a.institution_id, c.due_fen, coalesce(e.fen, 0)::bigint AS inflow_fen, c.last_due_on FROM escrow_accounts a \
         JOIN LATERAL (SELECT sum(greatest(p.fen, \
             (c.price_fen::numeric * c.consumed_units / (c.units_bought + c.units_gifted))::bigint, \
             CASE WHEN p.n = 0 THEN least(c.price_fen, $4) ELSE 0 END))::bigint AS due_fen, \
             max(greatest(c.signed_on, c.first_lesson_on)) AS last_due_on \
           FROM contracts c JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(p.amount_fen) FILTER (WHERE p.payee_index IS NULL \
               AND NOT p.payee_is_person AND (p.paid_at AT TIME ZONE interval '8 hours')::date <= $3), 0)::bigint AS fen \
             FROM payments p WHERE p.tenant_id = c.tenant_id AND p.contract_id = c.id) p ON true \
           WHERE c.tenant_id = a.tenant_id AND c.institution_id = a.institution_id AND {ONGOING} \
             AND c.signed_on >= a.opening_on AND greatest(c.signed_on, c.first_lesson_on) <= $3) c ON c.last_due_on IS NOT NULL \
         LEFT JOIN LATERAL (SELECT sum(e.amount_fen) AS fen FROM escrow_accounts o \
             JOIN entries e ON e.tenant_id = o.tenant_id AND e.account_id = o.id \
           WHERE o.tenant_id = a.tenant_id AND o.institution_id = a.institution_id AND e.booked_at >= (a.opening_on::timestamp AT TIME ZONE interval '8 hours') AND e.credit AND NOT e.reversal \
           AND e.kind NOT IN ('interest', 'top_up', 'reversal') AND NOT EXISTS (SELECT FROM own_transfers t WHERE t.tenant_id = e.tenant_id \
             AND t.to_account = e.account_id AND t.to_ref = e.bank_ref)) e ON true \
         WHERE a.tenant_id = $1 AND a.institution_id = ANY($2) AND a.status = 'active' AND a.opening_on IS NOT NULL \
         ORDER BY a.institution_id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .bind::<Date, _>(settled)
    .bind::<BigInt, _>(payment_max)
    .load(conn.sql())
    .await?;
    let dues = |row: DuesRow| {
        (row.institution_id, Dues { due_fen: row.due_fen, inflow_fen: row.inflow_fen, last_due_on: row.last_due_on })
    };
    Ok(rows.into_iter().map(dues).collect())
}

#[derive(QueryableByName)]
struct Lately {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct LoanRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Binary)]
    pupil_index: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    paid_at: DateTime<Utc>,
    #[diesel(sql_type = Bool)]
    borne_out: bool,
    #[diesel(sql_type = Nullable<Text>)]
    payer: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    remark: Option<String>,
}

/// Payments that a loan paid, each with the payer and the remark of the entry that bears it out.
pub async fn loans(conn: &mut ScopedConn, of: &[i64]) -> Result<Vec<Of<Loan>>, DbError> {
    let rows: Vec<LoanRow> = prepared(format!(
        "SELECT p.institution_id, c.pupil_index, p.paid_at, e.bank_ref IS NOT NULL AS borne_out, \
           e.counterparty_name AS payer, e.remittance AS remark FROM payments p \
         JOIN contracts c ON c.tenant_id = p.tenant_id AND c.id = p.contract_id \
         LEFT JOIN entries e ON e.tenant_id = p.tenant_id AND e.account_id = p.account_id AND e.booked_at = p.entry_booked_at \
           AND e.bank_ref = p.entry_ref \
         WHERE p.tenant_id = $1 AND p.institution_id = ANY($2) AND p.channel = 'loan' AND {ONGOING} \
         ORDER BY p.institution_id, p.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .load(conn.sql())
    .await?;
    let loan = |row: LoanRow| {
        let entry = row.borne_out.then_some((row.payer, row.remark));
        (row.institution_id, Loan { pupil: row.pupil_index, paid_at: row.paid_at, entry })
    };
    Ok(rows.into_iter().map(loan).collect())
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Date)]
    due_on: NaiveDate,
    #[diesel(sql_type = Binary)]
    pupil_index: Vec<u8>,
}

/// The last lawful days of refunds that are past and not paid, in order, each with its pupil.
pub async fn overdue_refunds(
    conn: &mut ScopedConn,
    of: &[i64],
    today: NaiveDate,
) -> Result<Vec<Of<(NaiveDate, Vec<u8>)>>, DbError> {
    let rows: Vec<DueRow> = prepared(
        "SELECT r.institution_id, r.due_on, c.pupil_index FROM refunds r \
         JOIN contracts c ON c.tenant_id = r.tenant_id AND c.id = r.contract_id WHERE r.tenant_id = $1 AND r.institution_id = ANY($2) \
         AND r.state IN ('asked', 'approved') AND r.due_on < $3 ORDER BY r.institution_id, r.due_on",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .bind::<Date, _>(today)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.institution_id, (row.due_on, row.pupil_index))).collect())
}

#[derive(QueryableByName)]
struct AskedRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    n: i64,
    #[diesel(sql_type = Date)]
    on: NaiveDate,
}

/// Pupils for whom a refund was asked after `from`, and the latest day on which one was.
pub async fn asking(
    conn: &mut ScopedConn,
    of: &[i64],
    (from, today): (NaiveDate, NaiveDate),
) -> Result<Vec<Of<(i64, NaiveDate)>>, DbError> {
    let rows: Vec<AskedRow> = prepared(
        "SELECT r.institution_id, count(DISTINCT c.pupil_index) AS n, max(r.asked_on) AS on FROM refunds r \
         JOIN contracts c ON c.tenant_id = r.tenant_id AND c.id = r.contract_id \
         WHERE r.tenant_id = $1 AND r.institution_id = ANY($2) AND r.state <> 'withdrawn' AND r.asked_on > $3 AND r.asked_on <= $4 \
         GROUP BY r.institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .bind::<Date, _>(from)
    .bind::<Date, _>(today)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.institution_id, (row.n, row.on))).collect())
}

#[derive(QueryableByName)]
struct ComplaintRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Binary)]
    family: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    amount_fen: i64,
    #[diesel(sql_type = Bool)]
    personal_payee: bool,
    #[diesel(sql_type = Bool)]
    confirmed: bool,
    #[diesel(sql_type = Timestamptz)]
    received_at: DateTime<Utc>,
}

/// Complaints that count, each with the family: the pupil of a contract under the same telephone, else the telephone, else,
/// of an anonymous one, the complaint itself.
const COMPLAINT: &str = "SELECT k.institution_id, k.id, coalesce((SELECT c.pupil_index FROM contracts c WHERE c.tenant_id = k.tenant_id \
       AND c.institution_id = k.institution_id AND c.guardian_phone_index = k.phone_index ORDER BY c.id LIMIT 1), \
       k.phone_index, int8send(k.id)) AS family, coalesce(k.amount_fen, 0)::bigint AS amount_fen, k.personal_payee, \
       k.state = 'confirmed' AS confirmed, (k.received_on::timestamp AT TIME ZONE interval '8 hours') AS received_at FROM complaints k \
     WHERE k.tenant_id = $1 AND k.institution_id = ANY($2) AND k.state <> 'refuted'";

/// Complaints of fees paid elsewhere, unless they were refuted.
pub async fn complaints(conn: &mut ScopedConn, of: &[i64]) -> Result<Vec<Of<Complained>>, DbError> {
    let rows: Vec<ComplaintRow> =
        prepared(format!("{COMPLAINT} AND k.kind = 'outside_escrow' ORDER BY k.institution_id, k.id"))
            .bind::<Integer, _>(conn.tenant())
            .bind::<Array<BigInt>, _>(of)
            .load(conn.sql())
            .await?;
    let complaint = |row: ComplaintRow| {
        let complaint = Complained {
            id: row.id,
            family: row.family,
            amount_fen: row.amount_fen,
            personal: row.personal_payee,
            confirmed: row.confirmed,
            received_at: row.received_at,
        };
        (row.institution_id, complaint)
    };
    Ok(rows.into_iter().map(complaint).collect())
}

/// Families that complain of a loan, other than those of which the ledger says that a loan paid, and the latest complaint.
pub async fn loan_complaints(conn: &mut ScopedConn, of: &[i64]) -> Result<Vec<Of<(i64, DateTime<Utc>)>>, DbError> {
    let rows: Vec<Lately> = prepared(format!(
        "SELECT s.institution_id, count(DISTINCT s.family) AS n, max(s.received_at) AS at FROM ({COMPLAINT} AND k.kind = 'training_loan') s \
         WHERE NOT EXISTS (SELECT FROM payments p JOIN contracts c ON c.tenant_id = p.tenant_id AND c.id = p.contract_id \
           WHERE p.tenant_id = $1 AND p.institution_id = s.institution_id AND p.channel = 'loan' AND {ONGOING} \
           AND c.pupil_index = s.family) GROUP BY s.institution_id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.institution_id, (row.n, row.at))).collect())
}
