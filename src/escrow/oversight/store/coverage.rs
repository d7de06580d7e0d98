//! SQL of what parents read of coverage.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{
        model::Mode,
        oversight::rules::{Held, Published},
    },
};

/// An institution's account with what is published of it.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    pub institution: i64,
    pub held: Held,
    pub before: Option<Published>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    balance_fen: i64,
    #[diesel(sql_type = BigInt)]
    needed_fen: i64,
    #[diesel(sql_type = Text)]
    mode: String,
    #[diesel(sql_type = Nullable<Text>)]
    published_mode: Option<String>,
    #[diesel(sql_type = Date)]
    statement_on: NaiveDate,
    #[diesel(sql_type = Bool)]
    whole: bool,
    #[diesel(sql_type = Nullable<Integer>)]
    share_bp: Option<i32>,
    #[diesel(sql_type = Nullable<Date>)]
    held_on: Option<NaiveDate>,
}

/// The accounts in use of the own bureau whose institutions keep a ledger, at the end of the last day that their statements cover,
/// each with what the institution's other accounts held then and what was on its way between them.
pub async fn accounts(conn: &mut ScopedConn) -> Result<Vec<Account>, DbError> {
    let rows: Vec<Row> = prepared(
        "SELECT a.institution_id, a.mode, (a.balance_fen - coalesce(later.fen, 0) + coalesce(beside.fen, 0) + coalesce(moving.fen, 0))::bigint \
             AS balance_fen, \
           CASE a.mode WHEN 'risk_deposit' THEN o.charged_fen ELSE o.unearned_fen END AS needed_fen, a.statement_on, \
           NOT EXISTS (SELECT FROM statements s WHERE s.tenant_id = a.tenant_id AND s.account_id = a.id AND s.gap_fen IS NOT NULL) AS whole, \
           p.mode AS published_mode, p.share_bp, p.held_on \
         FROM escrow_accounts a CROSS JOIN LATERAL (SELECT (a.statement_on + 1)::timestamp AT TIME ZONE interval '8 hours' AS after) day \
         JOIN LATERAL (SELECT sum(o.contracted_fen - o.consumed_fen - o.refunded_fen)::bigint AS unearned_fen, \
             coalesce(sum(o.contracted_fen) FILTER (WHERE o.day > a.statement_on - interval '3 months'), 0)::bigint AS charged_fen \
           FROM owed_days o WHERE o.tenant_id = a.tenant_id AND o.institution_id = a.institution_id AND o.day <= a.statement_on) o \
           ON o.unearned_fen IS NOT NULL \
         LEFT JOIN LATERAL (SELECT sum(CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END) AS fen FROM entries e \
           WHERE e.tenant_id = a.tenant_id AND e.account_id = a.id AND e.booked_at >= day.after) later ON true \
         LEFT JOIN LATERAL (SELECT sum(b.balance_fen - coalesce(since.fen, 0)) AS fen FROM escrow_accounts b \
           LEFT JOIN LATERAL (SELECT sum(CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END) AS fen FROM entries e \
             WHERE e.tenant_id = b.tenant_id AND e.account_id = b.id AND e.booked_at >= day.after) since ON true \
           WHERE b.tenant_id = a.tenant_id AND b.institution_id = a.institution_id AND b.status IN ('upcoming', 'emptying')) beside ON true \
         LEFT JOIN LATERAL (SELECT sum(t.amount_fen) AS fen FROM own_transfers t WHERE t.tenant_id = a.tenant_id \
           AND t.institution_id = a.institution_id AND t.state <> 'missing' AND t.booked_at < day.after \
           AND (t.arrived_at IS NULL OR t.arrived_at >= day.after)) moving ON true \
         LEFT JOIN published_coverage p ON p.tenant_id = a.tenant_id AND p.institution_id = a.institution_id \
         WHERE a.tenant_id = $1 AND a.status = 'active' AND a.statement_on IS NOT NULL ORDER BY a.institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let account = |row: Row| {
        let mode = |text: &str| text.parse().unwrap_or(Mode::Custody);
        let before = row.share_bp.zip(row.held_on).zip(row.published_mode.as_deref());
        Account {
            institution: row.institution_id,
            held: Held {
                mode: mode(&row.mode),
                balance_fen: row.balance_fen,
                needed_fen: row.needed_fen,
                on: row.statement_on,
                whole: row.whole,
            },
            before: before.map(|((share_bp, held_on), of)| Published { mode: mode(of), share_bp, held_on }),
        }
    };
    Ok(rows.into_iter().map(account).collect())
}

#[derive(QueryableByName)]
struct Gone {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
}

/// Takes back what is published of institutions without an account of that mode in use any more, or of `all`; which they were.
pub async fn take_back(conn: &mut ScopedConn, all: bool) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Gone> = prepared(
        "DELETE FROM published_coverage p WHERE p.tenant_id = $1 AND ($2 OR NOT EXISTS (SELECT FROM escrow_accounts a \
           WHERE a.tenant_id = p.tenant_id AND a.institution_id = p.institution_id AND a.status = 'active' AND a.mode = p.mode)) \
         RETURNING p.institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Bool, _>(all)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.institution_id).collect())
}

/// Writes what is published of an institution, or that nothing is.
pub async fn set(
    conn: &mut ScopedConn,
    institution: i64,
    published: Option<Published>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let Some(Published { mode, share_bp, held_on }) = published else {
        prepared("DELETE FROM published_coverage WHERE tenant_id = $1 AND institution_id = $2")
            .bind::<Integer, _>(conn.tenant())
            .bind::<BigInt, _>(institution)
            .execute(conn.sql())
            .await?;
        return Ok(());
    };
    prepared(
        "INSERT INTO published_coverage (tenant_id, institution_id, share_bp, held_on, judged_at, mode) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, institution_id) DO UPDATE SET share_bp = $3, held_on = $4, judged_at = $5, mode = $6",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Integer, _>(share_bp)
    .bind::<Date, _>(held_on)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(mode.to_string())
    .execute(conn.sql())
    .await?;
    Ok(())
}
