//! SQL of what is judged of accounts, banks and institutions without a look into the ledger.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn},
    escrow::oversight::rules::{Break, Feed, Filing, Inflow, LENDERS},
};

#[derive(QueryableByName)]
struct FeedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Text)]
    bank: String,
    #[diesel(sql_type = Date)]
    covered_on: NaiveDate,
}

/// The feeds of all accounts in use, and of those that are being emptied, of the caller's own bureau, each with the last day of which the bank has said anything.
pub async fn feeds(conn: &mut ScopedConn) -> Result<Vec<Feed>, DbError> {
    let rows: Vec<FeedRow> = sql_query(
        "SELECT a.id, a.institution_id, btrim(a.bank) AS bank, greatest(a.statement_on, a.heard_on, \
           (a.last_booked_at AT TIME ZONE interval '8 hours')::date, (a.created_at AT TIME ZONE interval '8 hours')::date, a.in_use_from) AS covered_on \
         FROM escrow_accounts a WHERE a.tenant_id = $1 AND a.status IN ('active', 'emptying') ORDER BY a.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let feed = |row: FeedRow| Feed {
        account: row.id,
        institution: row.institution_id,
        bank: row.bank,
        covered_on: row.covered_on,
    };
    Ok(rows.into_iter().map(feed).collect())
}

#[derive(QueryableByName)]
struct BreakRow {
    #[diesel(sql_type = BigInt)]
    account_id: i64,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Date)]
    gap_after: NaiveDate,
    #[diesel(sql_type = Date)]
    gap_before: NaiveDate,
    #[diesel(sql_type = BigInt)]
    gap_fen: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    closing_fen: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    opening_fen: Option<i64>,
}

/// The places at which statements of the caller's own bureau do not fit together, by account and institution.
pub async fn breaks(conn: &mut ScopedConn) -> Result<Vec<((i64, i64), Break)>, DbError> {
    // A gap stands on the statements on both of its sides.
    let rows: Vec<BreakRow> = sql_query(
        "SELECT s.account_id, a.institution_id, s.gap_after, s.gap_before, s.gap_fen, \
           max(s.end_fen) FILTER (WHERE s.last_on = s.gap_after) AS closing_fen, \
           max(s.opening_fen) FILTER (WHERE (s.first_at AT TIME ZONE interval '8 hours')::date = s.gap_before) AS opening_fen \
         FROM statements s JOIN escrow_accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id \
         WHERE s.tenant_id = $1 AND s.gap_fen IS NOT NULL AND a.status <> 'closed' \
         GROUP BY s.account_id, a.institution_id, s.gap_after, s.gap_before, s.gap_fen \
         ORDER BY s.account_id, s.gap_after, s.gap_before, s.gap_fen",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let broken = |row: BreakRow| {
        let place = Break {
            after: row.gap_after,
            before: row.gap_before,
            fen: row.gap_fen,
            closing_fen: row.closing_fen,
            opening_fen: row.opening_fen,
        };
        ((row.account_id, row.institution_id), place)
    };
    Ok(rows.into_iter().map(broken).collect())
}

#[derive(QueryableByName)]
struct InstitutionRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Bool)]
    unfiled: bool,
    #[diesel(sql_type = Bool)]
    has_account: bool,
    #[diesel(sql_type = Date)]
    since_on: NaiveDate,
    #[diesel(sql_type = BigInt)]
    fees_fen: i64,
    #[diesel(sql_type = Nullable<Date>)]
    first_fee_on: Option<NaiveDate>,
}

/// The next institutions of the caller's own bureau in order of id, each with what is on file about it where it operates and has
/// no agreement about an account in use.
pub async fn institutions(
    conn: &mut ScopedConn,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Option<Filing>)>, DbError> {
    let rows: Vec<InstitutionRow> = sql_query(
        "SELECT i.id, i.status = 'operating' AND NOT coalesce(a.filed, false) AS unfiled, a.filed IS NOT NULL AS has_account, \
           greatest(i.licence_from, (i.created_at AT TIME ZONE interval '8 hours')::date) AS since_on, \
           coalesce(p.fen, 0)::bigint AS fees_fen, p.first_on AS first_fee_on \
         FROM institutions i \
         LEFT JOIN LATERAL (SELECT bool_or(a.agreement_no IS NOT NULL) AS filed FROM escrow_accounts a \
           WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id AND a.status = 'active') a ON true \
         LEFT JOIN LATERAL (SELECT sum(p.amount_fen) AS fen, \
             min((p.paid_at AT TIME ZONE interval '8 hours')::date) AS first_on FROM payments p \
           WHERE p.tenant_id = i.tenant_id AND p.institution_id = i.id AND i.status = 'operating' \
           AND NOT coalesce(a.filed, false)) p ON true \
         WHERE i.tenant_id = $1 AND i.id > $2 ORDER BY i.id LIMIT $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    let one = |row: InstitutionRow| {
        let filing = Filing {
            since_on: row.since_on,
            fees_fen: row.fees_fen,
            first_fee_on: row.first_fee_on,
            has_account: row.has_account,
        };
        (row.id, row.unfiled.then_some(filing))
    };
    Ok(rows.into_iter().map(one).collect())
}

#[derive(QueryableByName)]
struct InflowRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    amount_fen: i64,
    #[diesel(sql_type = Timestamptz)]
    booked_at: DateTime<Utc>,
}

/// Money that came in since `from` from payers whose names say that they lend.
pub async fn lenders(
    conn: &mut ScopedConn,
    institutions: &[i64],
    from: DateTime<Utc>,
) -> Result<Vec<(i64, Inflow)>, DbError> {
    let names: Vec<String> = LENDERS.iter().map(|word| format!("%{word}%")).collect();
    let rows: Vec<InflowRow> = sql_query(
        "SELECT e.institution_id, e.amount_fen, e.booked_at FROM escrow_accounts a \
         JOIN entries e ON e.tenant_id = a.tenant_id AND e.account_id = a.id \
         WHERE a.tenant_id = $1 AND a.institution_id = ANY($2) AND a.status <> 'closed' AND e.booked_at >= $3 AND e.credit \
           AND NOT e.reversal AND e.counterparty_name LIKE ANY($4) ORDER BY e.institution_id, e.booked_at, e.bank_ref",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .bind::<Timestamptz, _>(from)
    .bind::<Array<Text>, _>(names)
    .load(conn.sql())
    .await?;
    let inflow = |row: InflowRow| (row.institution_id, Inflow { amount_fen: row.amount_fen, booked_at: row.booked_at });
    Ok(rows.into_iter().map(inflow).collect())
}
