//! SQL of what counts: the facts of contracts by day, their totals, and what is owed by an institution and day.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Date, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::Fen,
    ledger::{
        model::{ContractStatus, Terms},
        rules::book::{Facts, Sums},
    },
};

/// First key of the lock of an institution's ledger.
const LOCK: i32 = 7_123;

/// One at a time writes an institution's ledger; the lock lasts until the transaction ends.
pub async fn lock_ledger(conn: &mut ScopedConn, institution: i64) -> Result<(), DbError> {
    prepared("SELECT pg_advisory_xact_lock($1, hashint8($2))")
        .bind::<Integer, _>(LOCK)
        .bind::<BigInt, _>(institution)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// A contract as it is booked.
#[derive(Debug, Clone)]
pub struct Booked {
    pub terms: Terms,
    pub status: ContractStatus,
    pub last_lesson_on: NaiveDate,
    pub facts: Facts,
}

/// Contracts of a bureau by id, locked.
pub(super) const CONTRACTS: &str = "SELECT id, price_fen, materials_fen, units_bought, units_gifted, status, last_lesson_on \
     FROM contracts WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE";
/// The same without a lock.
const CONTRACTS_READ: &str = "SELECT id, price_fen, materials_fen, units_bought, units_gifted, status, last_lesson_on \
     FROM contracts WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id";
/// What counts of them: each fact on its own day in Beijing.
pub(super) const FACTS: &str = "SELECT contract_id, 'payment' AS what, (paid_at AT TIME ZONE interval '8 hours')::date AS day, amount_fen AS value \
       FROM payments WHERE tenant_id = $1 AND contract_id = ANY($2) \
     UNION ALL SELECT contract_id, 'lesson', (confirmed_at AT TIME ZONE interval '8 hours')::date, unit_no::bigint \
       FROM lessons WHERE tenant_id = $1 AND contract_id = ANY($2) AND state = 'confirmed' \
     UNION ALL SELECT contract_id, 'refund', (paid_at AT TIME ZONE interval '8 hours')::date, amount_fen \
       FROM refunds WHERE tenant_id = $1 AND contract_id = ANY($2) AND state = 'paid'";
/// What contracts come to.
pub(super) const SET_TOTALS: &str = "UPDATE contracts c SET paid_fen = n.paid, consumed_fen = n.consumed, refunded_fen = n.refunded, \
     consumed_units = n.units, status = n.status, version = version + 1 \
     FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::text[]) \
       AS n (id, paid, consumed, refunded, units, status) WHERE c.tenant_id = $1 AND c.id = ANY($2) AND c.id = n.id";
/// The last lesson that anybody has paid for.
pub(super) const UNTIL: &str = "SELECT max(last_lesson_on) AS until_on FROM contracts WHERE tenant_id = $1 AND institution_id = $2 \
     AND consumed_fen + refunded_fen < paid_fen";
/// Adds to what is owed by day.
pub(super) const BOOK: &str = "INSERT INTO owed_days AS o (tenant_id, institution_id, day, contracted_fen, consumed_fen, refunded_fen, until_on, contracts) \
     SELECT $1, $2, n.day, n.contracted, n.consumed, n.refunded, $7, n.contracts \
     FROM unnest($3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $8::int[]) AS n (day, contracted, consumed, refunded, contracts) \
     ON CONFLICT (tenant_id, institution_id, day) DO UPDATE SET contracted_fen = o.contracted_fen + excluded.contracted_fen, \
     consumed_fen = o.consumed_fen + excluded.consumed_fen, refunded_fen = o.refunded_fen + excluded.refunded_fen, \
     contracts = o.contracts + excluded.contracts, \
     until_on = excluded.until_on";

#[derive(QueryableByName)]
pub(super) struct ContractRow {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) price_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub(super) materials_fen: i64,
    #[diesel(sql_type = Integer)]
    pub(super) units_bought: i32,
    #[diesel(sql_type = Integer)]
    pub(super) units_gifted: i32,
    #[diesel(sql_type = Text)]
    pub(super) status: String,
    #[diesel(sql_type = Date)]
    pub(super) last_lesson_on: NaiveDate,
}

#[derive(QueryableByName)]
pub(super) struct FactRow {
    #[diesel(sql_type = BigInt)]
    pub(super) contract_id: i64,
    #[diesel(sql_type = Text)]
    pub(super) what: String,
    #[diesel(sql_type = Date)]
    pub(super) day: NaiveDate,
    /// An amount; of a lesson the number of its unit.
    #[diesel(sql_type = BigInt)]
    pub(super) value: i64,
}

/// All that counts of contracts of the own bureau, which are locked until the transaction ends.
pub async fn booked(conn: &mut ScopedConn, contracts: &[i64]) -> Result<BTreeMap<i64, Booked>, DbError> {
    facts_of(conn, CONTRACTS, contracts).await
}

/// The same of contracts that nobody is about to change.
pub async fn as_booked(conn: &mut ScopedConn, contracts: &[i64]) -> Result<BTreeMap<i64, Booked>, DbError> {
    facts_of(conn, CONTRACTS_READ, contracts).await
}

async fn facts_of(
    conn: &mut ScopedConn,
    sql: &'static str,
    contracts: &[i64],
) -> Result<BTreeMap<i64, Booked>, DbError> {
    let rows: Vec<ContractRow> =
        prepared(sql).bind::<Integer, _>(conn.tenant()).bind::<Array<BigInt>, _>(contracts).load(conn.sql()).await?;
    let facts: Vec<FactRow> =
        prepared(FACTS).bind::<Integer, _>(conn.tenant()).bind::<Array<BigInt>, _>(contracts).load(conn.sql()).await?;
    Ok(put_together(rows, facts))
}

/// Contracts with the facts that count of each.
pub(super) fn put_together(rows: Vec<ContractRow>, facts: Vec<FactRow>) -> BTreeMap<i64, Booked> {
    let contract = |row: ContractRow| {
        let terms = super::contracts::terms(row.price_fen, row.materials_fen, row.units_bought, row.units_gifted);
        let status = row.status.parse().unwrap_or(ContractStatus::Open);
        (row.id, Booked { terms, status, last_lesson_on: row.last_lesson_on, facts: Facts::default() })
    };
    let mut found: BTreeMap<i64, Booked> = rows.into_iter().map(contract).collect();
    for fact in facts {
        let Some(contract) = found.get_mut(&fact.contract_id) else { continue };
        match fact.what.as_str() {
            "payment" => contract.facts.payments.push((fact.day, Fen(fact.value))),
            "lesson" => contract.facts.lessons.push((fact.day, u32::try_from(fact.value).unwrap_or_default())),
            _ => contract.facts.refunds.push((fact.day, Fen(fact.value))),
        }
    }
    found
}

/// What a contract comes to.
#[derive(Debug, Clone, Copy)]
pub struct Totals {
    pub contract: i64,
    pub sums: Sums,
    pub consumed_units: i32,
    pub status: ContractStatus,
}

/// Writes what contracts come to.
pub async fn set_totals(conn: &mut ScopedConn, totals: &[Totals]) -> Result<(), DbError> {
    let of = |pick: fn(&Totals) -> i64| totals.iter().map(pick).collect::<Vec<i64>>();
    let units: Vec<i32> = totals.iter().map(|one| one.consumed_units).collect();
    let status: Vec<&str> = totals.iter().map(|one| one.status.into()).collect();
    prepared(SET_TOTALS)
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(of(|one| one.contract))
        .bind::<Array<BigInt>, _>(of(|one| one.sums.paid_fen))
        .bind::<Array<BigInt>, _>(of(|one| one.sums.consumed_fen))
        .bind::<Array<BigInt>, _>(of(|one| one.sums.refunded_fen))
        .bind::<Array<Integer>, _>(units)
        .bind::<Array<Text>, _>(status)
        .execute(conn.sql())
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Until {
    #[diesel(sql_type = Nullable<Date>)]
    until_on: Option<NaiveDate>,
}

/// By how many more contracts there are lessons to come, by day.
pub(super) fn contracts_of(days: &BTreeMap<NaiveDate, Sums>) -> Vec<i32> {
    days.values().map(|sums| i32::try_from(sums.contracts).unwrap_or_default()).collect()
}

/// Books what days add to what an institution owes. `paid_until` is the last lesson that was newly paid for.
pub async fn book(
    conn: &mut ScopedConn,
    institution: i64,
    days: &BTreeMap<NaiveDate, Sums>,
    paid_until: Option<NaiveDate>,
) -> Result<(), DbError> {
    let until: Until =
        prepared(UNTIL).bind::<Integer, _>(conn.tenant()).bind::<BigInt, _>(institution).get_result(conn.sql()).await?;
    let of = |pick: fn(&Sums) -> i64| days.values().map(pick).collect::<Vec<i64>>();
    prepared(BOOK)
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .bind::<Array<Date>, _>(days.keys().copied().collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(of(|sums| sums.paid_fen))
        .bind::<Array<BigInt>, _>(of(|sums| sums.consumed_fen))
        .bind::<Array<BigInt>, _>(of(|sums| sums.refunded_fen))
        .bind::<Nullable<Date>, _>(until.until_on)
        .bind::<Array<Integer>, _>(contracts_of(days))
        .execute(conn.sql())
        .await?;
    let (Some(first), Some(paid_until)) = (days.keys().next(), paid_until) else { return Ok(()) };
    // What was paid late was owed on the days in between as well.
    prepared(
        "UPDATE owed_days SET until_on = $4 WHERE tenant_id = $1 AND institution_id = $2 AND day > $3 \
         AND (until_on IS NULL OR until_on < $4)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Date, _>(*first)
    .bind::<Date, _>(paid_until)
    .execute(conn.sql())
    .await?;
    Ok(())
}
