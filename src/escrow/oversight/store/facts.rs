//! SQL of what is judged of accounts, banks and institutions without a look into the ledger.

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::oversight::rules::{Break, Feed, Filing, Span},
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
    let rows: Vec<FeedRow> = prepared(
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
        holes: Vec::new(),
    };
    Ok(rows.into_iter().map(feed).collect())
}

#[derive(QueryableByName)]
struct SpanRow {
    #[diesel(sql_type = BigInt)]
    account_id: i64,
    #[diesel(sql_type = Text)]
    format: String,
    #[diesel(sql_type = Nullable<Date>)]
    opening_on: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    first_on: Option<NaiveDate>,
    #[diesel(sql_type = Date)]
    last_on: NaiveDate,
    #[diesel(sql_type = Nullable<Integer>)]
    number: Option<i32>,
}

/// The days of the statements of some accounts, of those that reach `since` or beyond.
pub async fn spans(conn: &mut ScopedConn, of: &[i64], since: NaiveDate) -> Result<Vec<(i64, Span)>, DbError> {
    // The start of a statement without entries is that of its opening, dated as banks do; the rule knows how.
    let rows: Vec<SpanRow> = prepared(
        "SELECT s.account_id, s.format, s.opening_on, greatest(s.last_on, s.closing_on) AS last_on, s.number, \
           CASE WHEN s.first_day_fen IS DISTINCT FROM 0 OR s.opening_on IS NULL \
             THEN (s.first_at AT TIME ZONE interval '8 hours')::date END AS first_on \
         FROM statements s WHERE s.tenant_id = $1 AND s.account_id = ANY($2) AND greatest(s.last_on, s.closing_on) >= $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(of)
    .bind::<Date, _>(since)
    .load(conn.sql())
    .await?;
    let span = |row: SpanRow| {
        let SpanRow { account_id, format, opening_on, first_on, last_on, number } = row;
        (account_id, Span { format, opening_on, first_on, last_on, number })
    };
    Ok(rows.into_iter().map(span).collect())
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = BigInt)]
    account_id: i64,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
}

/// Days since `since` on which the bank pushed something for some accounts.
pub async fn pushed_days(
    conn: &mut ScopedConn,
    of: &[i64],
    since: NaiveDate,
) -> Result<Vec<(i64, NaiveDate)>, DbError> {
    let rows: Vec<DayRow> =
        prepared("SELECT account_id, day FROM feed_days WHERE tenant_id = $1 AND account_id = ANY($2) AND day >= $3")
            .bind::<Integer, _>(conn.tenant())
            .bind::<Array<BigInt>, _>(of)
            .bind::<Date, _>(since)
            .load(conn.sql())
            .await?;
    Ok(rows.into_iter().map(|row| (row.account_id, row.day)).collect())
}

/// Which of some days of accounts have an entry.
pub async fn days_with_entries(
    conn: &mut ScopedConn,
    days: &[(i64, NaiveDate)],
) -> Result<Vec<(i64, NaiveDate)>, DbError> {
    let (accounts, days): (Vec<i64>, Vec<NaiveDate>) = days.iter().copied().unzip();
    let rows: Vec<DayRow> = prepared(
        "SELECT d.account_id, d.day FROM unnest($2::bigint[], $3::date[]) AS d (account_id, day) \
         WHERE EXISTS (SELECT FROM entries e WHERE e.tenant_id = $1 AND e.account_id = d.account_id \
           AND e.booked_at >= (d.day::timestamp AT TIME ZONE interval '8 hours') \
           AND e.booked_at < ((d.day + 1)::timestamp AT TIME ZONE interval '8 hours'))",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(accounts)
    .bind::<Array<Date>, _>(days)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| (row.account_id, row.day)).collect())
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
    let rows: Vec<BreakRow> = prepared(
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
    let rows: Vec<InstitutionRow> = prepared(
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
