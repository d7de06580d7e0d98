//! SQL of what parents read of coverage.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Date, Integer, Nullable, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn},
    escrow::oversight::rules::{Held, Published},
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
    unearned_fen: i64,
    #[diesel(sql_type = Date)]
    statement_on: NaiveDate,
    #[diesel(sql_type = Bool)]
    whole: bool,
    #[diesel(sql_type = Nullable<Integer>)]
    share_bp: Option<i32>,
    #[diesel(sql_type = Nullable<Date>)]
    held_on: Option<NaiveDate>,
}

/// The accounts in custody of the own bureau whose institutions keep a ledger, at the end of the last day that their
/// statements cover.
pub async fn accounts(conn: &mut ScopedConn) -> Result<Vec<Account>, DbError> {
    let rows: Vec<Row> = sql_query(
        "SELECT a.institution_id, (a.balance_fen - coalesce(later.fen, 0))::bigint AS balance_fen, o.fen AS unearned_fen, a.statement_on, \
           NOT EXISTS (SELECT FROM statements s WHERE s.tenant_id = a.tenant_id AND s.account_id = a.id AND s.gap_fen IS NOT NULL) AS whole, \
           p.share_bp, p.held_on \
         FROM escrow_accounts a \
         JOIN LATERAL (SELECT sum(o.contracted_fen - o.consumed_fen - o.refunded_fen)::bigint AS fen FROM owed_days o \
           WHERE o.tenant_id = a.tenant_id AND o.institution_id = a.institution_id AND o.day <= a.statement_on) o ON o.fen IS NOT NULL \
         LEFT JOIN LATERAL (SELECT sum(CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END) AS fen FROM entries e \
           WHERE e.tenant_id = a.tenant_id AND e.account_id = a.id \
           AND e.booked_at >= ((a.statement_on + 1)::timestamp AT TIME ZONE interval '8 hours')) later ON true \
         LEFT JOIN published_coverage p ON p.tenant_id = a.tenant_id AND p.institution_id = a.institution_id \
         WHERE a.tenant_id = $1 AND a.status = 'active' AND a.mode = 'custody' AND a.statement_on IS NOT NULL ORDER BY a.institution_id",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let account = |row: Row| Account {
        institution: row.institution_id,
        held: Held {
            balance_fen: row.balance_fen,
            unearned_fen: row.unearned_fen,
            on: row.statement_on,
            whole: row.whole,
        },
        before: row.share_bp.zip(row.held_on).map(|(share_bp, held_on)| Published { share_bp, held_on }),
    };
    Ok(rows.into_iter().map(account).collect())
}

#[derive(QueryableByName)]
struct Gone {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
}

/// Takes back what is published of institutions without an account in custody any more, or of `all`; which they were.
pub async fn take_back(conn: &mut ScopedConn, all: bool) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Gone> = sql_query(
        "DELETE FROM published_coverage p WHERE p.tenant_id = $1 AND ($2 OR NOT EXISTS (SELECT FROM escrow_accounts a \
           WHERE a.tenant_id = p.tenant_id AND a.institution_id = p.institution_id AND a.status = 'active' AND a.mode = 'custody')) \
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
    let Some(Published { share_bp, held_on }) = published else {
        sql_query("DELETE FROM published_coverage WHERE tenant_id = $1 AND institution_id = $2")
            .bind::<Integer, _>(conn.tenant())
            .bind::<BigInt, _>(institution)
            .execute(conn.sql())
            .await?;
        return Ok(());
    };
    sql_query(
        "INSERT INTO published_coverage (tenant_id, institution_id, share_bp, held_on, judged_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, institution_id) DO UPDATE SET share_bp = $3, held_on = $4, judged_at = $5",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Integer, _>(share_bp)
    .bind::<Date, _>(held_on)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
