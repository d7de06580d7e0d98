//! SQL of the league: what the accounts of a range come to, by bureau, and of one county by township. Each statement goes by an index
//! within the range asked for; nothing is read that lies outside of it.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Date, Integer, Nullable, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
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

/// Of each institution what covers what it is to cover and no more, so that plenty in one hides no lack in another. Its other accounts
/// and what is on its way between them count for it; those are few, and found by an index of their own. Where nobody knows what is to be
/// covered nothing is: `least` would pass over what is unknown and count all that the account holds.
const SUMS: &str = "count(*) AS accounts, count(*) FILTER (WHERE a.needed_fen IS NULL) AS unknown, \
     count(*) FILTER (WHERE f.on IS NULL) AS unheard, \
     coalesce(sum(f.fen) FILTER (WHERE a.entry_count > 0 OR a.opening_fen IS NOT NULL), 0)::bigint AS held_fen, \
     coalesce(sum(a.unearned_fen), 0)::bigint AS unearned_fen, coalesce(sum(a.needed_fen), 0)::bigint AS needed_fen, \
     coalesce(sum(least(a.needed_fen, greatest(f.fen, 0))) FILTER (WHERE a.needed_fen IS NOT NULL), 0)::bigint AS covered_fen, \
     min(f.on) AS oldest_on \
     FROM escrow_accounts a LEFT JOIN (SELECT b.tenant_id, b.institution_id, sum(b.fen)::bigint AS fen FROM \
       (SELECT o.tenant_id, o.institution_id, o.balance_fen AS fen FROM escrow_accounts o \
          WHERE o.tenant_id BETWEEN $1 AND $2 AND o.status IN ('upcoming', 'emptying') \
        UNION ALL SELECT t.tenant_id, t.institution_id, t.amount_fen FROM own_transfers t \
          WHERE t.tenant_id BETWEEN $1 AND $2 AND t.state = 'under_way') b GROUP BY b.tenant_id, b.institution_id) beside \
       ON beside.tenant_id = a.tenant_id AND beside.institution_id = a.institution_id \
     CROSS JOIN LATERAL (SELECT a.balance_fen + coalesce(beside.fen, 0) AS fen, greatest(a.statement_on, a.heard_on, \
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

/// Ranges beyond this are more than a province: the country, which is read from what each sweep keeps.
const PROVINCE: i32 = 10_000;

/// Whether the sums of a range are those that sweeps keep: of the whole country, for whoever sees all of its institutions.
fn is_kept(conn: &ScopedConn, (lo, hi): (i32, i32)) -> bool {
    hi.saturating_sub(lo) >= PROVINCE && conn.scope().is_of_all()
}

/// Sums of bureaus, and how old the oldest of them are; `None` where they are of now.
#[derive(Debug, Default)]
pub struct Bureaus {
    pub sums: Vec<(Option<i32>, Sums)>,
    pub summed_at: Option<DateTime<Utc>>,
}

/// By the bureau.
pub async fn by_bureau(conn: &mut ScopedConn, range: (i32, i32)) -> Result<Bureaus, DbError> {
    let reds: Vec<Red> = prepared(format!(
        "SELECT w.tenant_id AS place, count(DISTINCT coalesce(w.institution_id::text, w.bank)) AS red FROM warnings w \
         WHERE w.tenant_id BETWEEN $1 AND $2 AND {RED} GROUP BY w.tenant_id"
    ))
    .bind::<Integer, _>(range.0)
    .bind::<Integer, _>(range.1)
    .load(conn.sql())
    .await?;
    let (rows, summed_at) = if is_kept(conn, range) {
        let rows: Vec<Row> = prepared(
            "SELECT tenant_id AS place, accounts, unknown, unheard, held_fen, unearned_fen, needed_fen, covered_fen, oldest_on \
             FROM county_sums WHERE tenant_id BETWEEN $1 AND $2 AND accounts > 0",
        )
        .bind::<Integer, _>(range.0)
        .bind::<Integer, _>(range.1)
        .load(conn.sql())
        .await?;
        (rows, summed_at(conn, range).await?)
    } else {
        (sums(conn, range).await?, None)
    };
    Ok(Bureaus { sums: put_together(rows, reds), summed_at })
}

async fn sums(conn: &mut ScopedConn, (lo, hi): (i32, i32)) -> Result<Vec<Row>, DbError> {
    Ok(prepared(format!(
        "SELECT a.tenant_id AS place, {SUMS} WHERE a.tenant_id BETWEEN $1 AND $2 AND a.status = 'active' GROUP BY a.tenant_id"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .load(conn.sql())
    .await?)
}

async fn summed_at(conn: &mut ScopedConn, (lo, hi): (i32, i32)) -> Result<Option<DateTime<Utc>>, DbError> {
    #[derive(QueryableByName)]
    struct At {
        #[diesel(sql_type = Nullable<Timestamptz>)]
        at: Option<DateTime<Utc>>,
    }
    let row: At =
        prepared("SELECT min(summed_at) AS at FROM county_sums WHERE tenant_id BETWEEN $1 AND $2 AND accounts > 0")
            .bind::<Integer, _>(lo)
            .bind::<Integer, _>(hi)
            .get_result(conn.sql())
            .await?;
    Ok(row.at)
}

/// Keeps what the accounts of the own bureau come to now.
pub async fn keep(conn: &mut ScopedConn, now: DateTime<Utc>) -> Result<(), DbError> {
    let own = (conn.tenant(), conn.tenant());
    let all = summed_extent(conn, own).await?;
    let none = Row {
        place: None,
        accounts: 0,
        unknown: 0,
        unheard: 0,
        held_fen: 0,
        unearned_fen: 0,
        needed_fen: 0,
        covered_fen: 0,
        oldest_on: None,
    };
    let row = sums(conn, own).await?.into_iter().next().unwrap_or(none);
    prepared(
        "INSERT INTO county_sums AS k (tenant_id, accounts, unknown, unheard, held_fen, unearned_fen, needed_fen, covered_fen, oldest_on, \
           all_accounts, all_fen, latest, summed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (tenant_id) DO UPDATE SET accounts = $2, unknown = $3, unheard = $4, held_fen = $5, unearned_fen = $6, \
           needed_fen = $7, covered_fen = $8, oldest_on = $9, all_accounts = $10, all_fen = $11, latest = $12, summed_at = $13",
    )
    .bind::<Integer, _>(own.0)
    .bind::<BigInt, _>(row.accounts)
    .bind::<BigInt, _>(row.unknown)
    .bind::<BigInt, _>(row.unheard)
    .bind::<BigInt, _>(row.held_fen)
    .bind::<BigInt, _>(row.unearned_fen)
    .bind::<BigInt, _>(row.needed_fen)
    .bind::<BigInt, _>(row.covered_fen)
    .bind::<Nullable<Date>, _>(row.oldest_on)
    .bind::<BigInt, _>(all.accounts)
    .bind::<BigInt, _>(all.balance_fen)
    .bind::<Nullable<Timestamptz>, _>(all.latest)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// How many accounts a range has, what is in them, and to which day the bank's data reach.
#[derive(Debug, Clone, QueryableByName)]
pub struct Extent {
    #[diesel(sql_type = BigInt)]
    pub accounts: i64,
    #[diesel(sql_type = BigInt)]
    pub balance_fen: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub latest: Option<DateTime<Utc>>,
}

/// The extent of a range.
pub async fn extent(conn: &mut ScopedConn, range: (i32, i32)) -> Result<Extent, DbError> {
    if !is_kept(conn, range) {
        return summed_extent(conn, range).await;
    }
    Ok(prepared(
        "SELECT coalesce(sum(all_accounts), 0)::bigint AS accounts, coalesce(sum(all_fen), 0)::bigint AS balance_fen, \
         max(latest) AS latest FROM county_sums WHERE tenant_id BETWEEN $1 AND $2",
    )
    .bind::<Integer, _>(range.0)
    .bind::<Integer, _>(range.1)
    .get_result(conn.sql())
    .await?)
}

async fn summed_extent(conn: &mut ScopedConn, (lo, hi): (i32, i32)) -> Result<Extent, DbError> {
    Ok(prepared(
        "SELECT count(*) AS accounts, coalesce(sum(balance_fen), 0)::bigint AS balance_fen, max(last_booked_at) AS latest \
         FROM escrow_accounts WHERE tenant_id BETWEEN $1 AND $2 AND status <> 'closed'",
    )
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .get_result(conn.sql())
    .await?)
}

/// Of one county, by the township in which the institution is.
pub async fn by_township(conn: &mut ScopedConn, county: i32) -> Result<Vec<(Option<i32>, Sums)>, DbError> {
    let rows: Vec<Row> = prepared(format!(
        "SELECT i.township AS place, {SUMS} JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
         WHERE a.tenant_id BETWEEN $1 AND $2 AND a.status = 'active' GROUP BY i.township"
    ))
    .bind::<Integer, _>(county)
    .bind::<Integer, _>(county)
    .load(conn.sql())
    .await?;
    let reds: Vec<Red> = prepared(format!(
        "SELECT i.township AS place, count(DISTINCT i.id) AS red FROM warnings w \
         JOIN institutions i ON i.tenant_id = w.tenant_id AND i.id = w.institution_id \
         WHERE w.tenant_id = $1 AND {RED} GROUP BY i.township"
    ))
    .bind::<Integer, _>(county)
    .load(conn.sql())
    .await?;
    Ok(put_together(rows, reds))
}
