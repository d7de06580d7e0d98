//! SQL of the accounts as the watch page and the league show them. Each statement goes by an index within the range asked for.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Date, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use super::accounts::FIGURES;
use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::figures::{Beside, Figures},
};

/// An account in use with its figures.
#[derive(Debug, Clone, QueryableByName)]
pub struct Holding {
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
    pub category: String,
    #[diesel(sql_type = Text)]
    pub bank: String,
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(embed)]
    pub figures: Figures,
}

fn select(rest: &str) -> String {
    format!(
        "SELECT a.tenant_id, a.id, a.institution_id, i.name AS institution_name, i.credit_code, i.category, a.bank, a.account_no, \
         {FIGURES} FROM escrow_accounts a JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id {rest}"
    )
}

/// The accounts in use of these institutions, each with its bureau.
pub async fn of_institutions(conn: &mut ScopedConn, institutions: &[(i32, i64)]) -> Result<Vec<Holding>, DbError> {
    let (tenants, ids): (Vec<i32>, Vec<i64>) = institutions.iter().copied().unzip();
    Ok(prepared(select(
        "WHERE a.status = 'active' AND (a.tenant_id, a.institution_id) IN (SELECT * FROM unnest($1::int[], $2::bigint[]))",
    ))
    .bind::<Array<Integer>, _>(tenants)
    .bind::<Array<BigInt>, _>(ids)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Other {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    held_fen: i64,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    flow_fen: Option<Vec<i64>>,
    #[diesel(sql_type = Nullable<Date>)]
    flow_on: Option<NaiveDate>,
}

/// Adds to each account what the institution's other accounts hold, and what is on its way between them, while one takes the place
/// of another. Looks at the institutions of these accounts alone.
pub async fn put_together(conn: &mut ScopedConn, holdings: Vec<Holding>) -> Result<Vec<Holding>, DbError> {
    let (tenants, ids): (Vec<i32>, Vec<i64>) = holdings.iter().map(|one| (one.tenant_id, one.institution_id)).unzip();
    let rows: Vec<Other> = prepared(
        "WITH asked AS (SELECT DISTINCT * FROM unnest($1::int[], $2::bigint[]) AS asked (tenant_id, institution_id)) \
         SELECT o.tenant_id, o.institution_id, o.balance_fen AS held_fen, o.flow_fen, o.flow_on FROM asked \
         CROSS JOIN LATERAL (SELECT * FROM escrow_accounts o WHERE o.tenant_id = asked.tenant_id \
           AND o.institution_id = asked.institution_id AND o.status IN ('upcoming', 'emptying') OFFSET 0) o \
         UNION ALL SELECT t.tenant_id, t.institution_id, t.amount_fen, NULL, NULL FROM asked \
         CROSS JOIN LATERAL (SELECT * FROM own_transfers t WHERE t.tenant_id = asked.tenant_id \
           AND t.institution_id = asked.institution_id AND t.state = 'under_way' OFFSET 0) t",
    )
    .bind::<Array<Integer>, _>(tenants)
    .bind::<Array<BigInt>, _>(ids)
    .load(conn.sql())
    .await?;
    let mut beside: BTreeMap<(i32, i64), Beside> = BTreeMap::new();
    for row in rows {
        let all = beside.entry((row.tenant_id, row.institution_id)).or_default();
        all.held_fen = all.held_fen.saturating_add(row.held_fen);
        all.flows.extend(row.flow_fen.zip(row.flow_on));
    }
    let together = |holding: Holding| match beside.get(&(holding.tenant_id, holding.institution_id)) {
        Some(others) => Holding { figures: holding.figures.and(others), ..holding },
        None => holding,
    };
    Ok(holdings.into_iter().map(together).collect())
}

/// Accounts in use of a range whose institutions have no open warning, in order of bureau and id, after `place`. `text` is part of the
/// institution's name or credit code, empty for all.
pub async fn quiet(
    conn: &mut ScopedConn,
    (lo, hi): (i32, i32),
    text: &str,
    (tenant, account): (i32, i64),
    limit: i64,
) -> Result<Vec<Holding>, DbError> {
    // The page is settled before anything is joined to it, and account by account: a join over all of the range would look up every
    // institution and every warning of a province.
    Ok(prepared(select(
        "WHERE (a.tenant_id, a.id) IN (SELECT q.tenant_id, q.id \
           FROM (SELECT tenant_id, id, institution_id FROM escrow_accounts WHERE tenant_id BETWEEN $1 AND $2 \
             AND (tenant_id, id) > ($3, $4) AND status = 'active' ORDER BY tenant_id, id OFFSET 0) q \
           LEFT JOIN LATERAL (SELECT true AS warned FROM warnings w WHERE w.tenant_id = q.tenant_id \
             AND w.institution_id = q.institution_id AND w.status NOT IN ('resolved', 'withdrawn') LIMIT 1) w ON true \
           WHERE w.warned IS NULL AND ($5 = '' OR EXISTS (SELECT FROM institutions o WHERE o.tenant_id = q.tenant_id \
             AND o.id = q.institution_id AND (strpos(o.name, $5) > 0 OR strpos(o.credit_code, upper($5)) > 0))) LIMIT $6) \
         ORDER BY a.tenant_id, a.id",
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<Text, _>(text)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}
