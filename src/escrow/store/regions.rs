//! SQL of the league: what the accounts of a range come to, by bureau, and of one county by township. Each statement goes by an index
//! within the range asked for; nothing is read that lies outside of it.

use chrono::NaiveDate;
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Date, Integer, Nullable},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn},
    escrow::league::Sums,
};

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Integer>)]
    place: Option<i32>,
    #[diesel(sql_type = BigInt)]
    accounts: i64,
    #[diesel(sql_type = BigInt)]
    unknown: i64,
    #[diesel(sql_type = BigInt)]
    unheard: i64,
    #[diesel(sql_type = BigInt)]
    held_fen: i64,
    #[diesel(sql_type = BigInt)]
    unearned_fen: i64,
    #[diesel(sql_type = BigInt)]
    needed_fen: i64,
    #[diesel(sql_type = BigInt)]
    covered_fen: i64,
    #[diesel(sql_type = Nullable<Date>)]
    oldest_on: Option<NaiveDate>,
}

#[derive(QueryableByName)]
struct Red {
    #[diesel(sql_type = Nullable<Integer>)]
    place: Option<i32>,
    #[diesel(sql_type = BigInt)]
    red: i64,
}

/// Of each account what covers what it is to cover and no more, so that plenty in one hides no lack in another.
const SUMS: &str = "count(*) AS accounts, count(*) FILTER (WHERE a.needed_fen IS NULL) AS unknown, \
     count(*) FILTER (WHERE f.on IS NULL) AS unheard, \
     coalesce(sum(a.balance_fen) FILTER (WHERE a.entry_count > 0 OR a.opening_fen IS NOT NULL), 0)::bigint AS held_fen, \
     coalesce(sum(a.unearned_fen), 0)::bigint AS unearned_fen, coalesce(sum(a.needed_fen), 0)::bigint AS needed_fen, \
     coalesce(sum(least(a.needed_fen, greatest(a.balance_fen, 0))), 0)::bigint AS covered_fen, min(f.on) AS oldest_on \
     FROM escrow_accounts a CROSS JOIN LATERAL (SELECT greatest(a.statement_on, a.heard_on, \
       (a.last_booked_at AT TIME ZONE interval '8 hours')::date) AS \"on\") f";
const RED: &str = "w.level = 'red' AND w.status NOT IN ('resolved', 'withdrawn')";

fn put_together(rows: Vec<Row>, reds: Vec<Red>) -> Vec<(Option<i32>, Sums)> {
    let mut found: Vec<(Option<i32>, Sums)> = rows
        .into_iter()
        .map(|row| {
            let sums = Sums {
                accounts: row.accounts,
                unknown: row.unknown,
                unheard: row.unheard,
                held_fen: row.held_fen,
                unearned_fen: row.unearned_fen,
                needed_fen: row.needed_fen,
                covered_fen: row.covered_fen,
                red: 0,
                oldest_on: row.oldest_on,
            };
            (row.place, sums)
        })
        .collect();
    for Red { place, red } in reds {
        match found.iter_mut().find(|(of, _)| *of == place) {
            Some((_, sums)) => sums.red = red,
            // An institution without an account may have a warning all the same.
            None => found.push((place, Sums { red, ..Sums::default() })),
        }
    }
    found
}

/// By the bureau.
pub async fn by_bureau(conn: &mut ScopedConn, (lo, hi): (i32, i32)) -> Result<Vec<(Option<i32>, Sums)>, DbError> {
    let rows: Vec<Row> = sql_query(format!(
        "SELECT a.tenant_id AS place, {SUMS} WHERE a.tenant_id BETWEEN $1 AND $2 AND a.status = 'active' GROUP BY a.tenant_id"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .load(conn.sql())
    .await?;
    let reds: Vec<Red> = sql_query(format!(
        "SELECT w.tenant_id AS place, count(DISTINCT coalesce(w.institution_id::text, w.bank)) AS red FROM warnings w \
         WHERE w.tenant_id BETWEEN $1 AND $2 AND {RED} GROUP BY w.tenant_id"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .load(conn.sql())
    .await?;
    Ok(put_together(rows, reds))
}

/// Of one county, by the township in which the institution is.
pub async fn by_township(conn: &mut ScopedConn, county: i32) -> Result<Vec<(Option<i32>, Sums)>, DbError> {
    let rows: Vec<Row> = sql_query(format!(
        "SELECT i.township AS place, {SUMS} JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
         WHERE a.tenant_id = $1 AND a.status = 'active' GROUP BY i.township"
    ))
    .bind::<Integer, _>(county)
    .load(conn.sql())
    .await?;
    let reds: Vec<Red> = sql_query(format!(
        "SELECT i.township AS place, count(DISTINCT i.id) AS red FROM warnings w \
         JOIN institutions i ON i.tenant_id = w.tenant_id AND i.id = w.institution_id \
         WHERE w.tenant_id = $1 AND {RED} GROUP BY i.township"
    ))
    .bind::<Integer, _>(county)
    .load(conn.sql())
    .await?;
    Ok(put_together(rows, reds))
}
