//! The same sums inside a scoped transaction of the ingest role: a refund counts once the bank has paid it out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row};

use super::{
    owed::{BOOK, Booked, CONTRACTS, ContractRow, FACTS, FactRow, SET_TOTALS, UNTIL, contracts_of, put_together},
    payers::{self, CREDITED, CreditedRow, HOUSE, HouseRow},
};
use crate::{
    db::Statements,
    ledger::{
        booking::Outcome,
        rules::refund::route::{Payers, Route},
    },
    vault::Vault,
};

/// A refund and the entry of the bank that paid it out.
#[derive(Debug, Clone, Copy)]
pub struct PaidRefund<'a> {
    pub refund: i64,
    pub account: i64,
    pub booked_at: DateTime<Utc>,
    pub bank_ref: &'a str,
    /// Where it went.
    pub route: Route,
}

/// By contract who paid on it, of contracts of an institution.
pub async fn payers(
    client: &ClientWrapper,
    vault: &Vault,
    (tenant, institution): (i32, i64),
    contracts: &[i64],
) -> Result<BTreeMap<i64, Payers>, Error> {
    let credited = |row: &Row| CreditedRow {
        contract_id: row.get("contract_id"),
        channel: row.get("channel"),
        elsewhere: row.get("elsewhere"),
        account: row.get("account"),
        name: row.get("name"),
    };
    let rows = client.rows(CREDITED, &[&tenant, &contracts]).await?;
    let house = client.row_if_any(HOUSE, &[&tenant, &institution]).await?;
    let house =
        house.map(|row| HouseRow { names: row.get("names"), accounts: row.get("accounts"), filed: row.get("filed") });
    Ok(payers::put_together(rows.iter().map(credited).collect(), house.unwrap_or_default(), vault))
}

impl From<&Row> for ContractRow {
    fn from(row: &Row) -> ContractRow {
        ContractRow {
            id: row.get("id"),
            price_fen: row.get("price_fen"),
            materials_fen: row.get("materials_fen"),
            units_bought: row.get("units_bought"),
            units_gifted: row.get("units_gifted"),
            status: row.get("status"),
            last_lesson_on: row.get("last_lesson_on"),
        }
    }
}

impl From<&Row> for FactRow {
    fn from(row: &Row) -> FactRow {
        FactRow {
            contract_id: row.get("contract_id"),
            what: row.get("what"),
            day: row.get("day"),
            value: row.get("value"),
        }
    }
}

/// Books refunds that the bank has paid out. The institution's escrow account is locked by the caller, who judges it
/// afterwards.
pub async fn refunds_paid(
    client: &ClientWrapper,
    tenant: i32,
    institution: i64,
    paid: &[PaidRefund<'_>],
) -> Result<(), Error> {
    let ids: Vec<i64> = paid.iter().map(|one| one.refund).collect();
    let books = Books::open(client, tenant, institution, &ids).await?;
    for one in paid {
        client
            .change(
                "UPDATE refunds SET state = 'paid', paid_at = $3, account_id = $4, entry_booked_at = $3, entry_ref = $5, \
                 route = $6, version = version + 1 WHERE tenant_id = $1 AND id = $2",
                &[&tenant, &one.refund, &one.booked_at, &one.account, &one.bank_ref, &<&str>::from(one.route)],
            )
            .await?;
    }
    books.close(client, tenant, institution).await
}

/// Takes back that refunds were paid out: they wait again. The institution's escrow account is locked by the caller, who
/// judges it afterwards.
pub async fn refunds_unpaid(
    client: &ClientWrapper,
    tenant: i32,
    institution: i64,
    refunds: &[i64],
) -> Result<(), Error> {
    let books = Books::open(client, tenant, institution, refunds).await?;
    client
        .change(
            "UPDATE refunds SET state = 'approved', paid_at = NULL, account_id = NULL, entry_booked_at = NULL, entry_ref = NULL, \
             route = NULL, version = version + 1 WHERE tenant_id = $1 AND institution_id = $2 AND id = ANY($3) AND state = 'paid'",
            &[&tenant, &institution, &refunds],
        )
        .await?;
    books.close(client, tenant, institution).await
}

/// It is known now where a refund went.
pub async fn refund_route(client: &ClientWrapper, tenant: i32, refund: i64, route: Route) -> Result<(), Error> {
    let route = <&str>::from(route);
    client
        .change(
            "UPDATE refunds SET route = $3, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND state = 'paid'",
            &[&tenant, &refund, &route],
        )
        .await?;
    Ok(())
}

/// Contracts of refunds as they were booked before these change.
struct Books {
    contracts: Vec<i64>,
    locked: Vec<Row>,
    before: BTreeMap<i64, Booked>,
}

impl Books {
    async fn open(client: &ClientWrapper, tenant: i32, institution: i64, ids: &[i64]) -> Result<Books, Error> {
        let rows = client
            .rows(
                "SELECT DISTINCT contract_id FROM refunds WHERE tenant_id = $1 AND institution_id = $2 AND id = ANY($3)",
                &[&tenant, &institution, &ids],
            )
            .await?;
        let contracts: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let locked = client.rows(CONTRACTS, &[&tenant, &contracts]).await?;
        let facts = client.rows(FACTS, &[&tenant, &contracts]).await?;
        let before = put_together(contract_rows(&locked), facts.iter().map(FactRow::from).collect());
        Ok(Books { contracts, locked, before })
    }

    /// Books what has changed since.
    async fn close(self, client: &ClientWrapper, tenant: i32, institution: i64) -> Result<(), Error> {
        let facts = client.rows(FACTS, &[&tenant, &self.contracts]).await?;
        let after = put_together(contract_rows(&self.locked), facts.iter().map(FactRow::from).collect());
        book(client, tenant, institution, &Outcome::of(&self.before, &after)).await
    }
}

fn contract_rows(rows: &[Row]) -> Vec<ContractRow> {
    rows.iter().map(ContractRow::from).collect()
}

async fn book(client: &ClientWrapper, tenant: i32, institution: i64, outcome: &Outcome) -> Result<(), Error> {
    let totals = &outcome.totals;
    let ids: Vec<i64> = totals.iter().map(|one| one.contract).collect();
    let paid: Vec<i64> = totals.iter().map(|one| one.sums.paid_fen).collect();
    let consumed: Vec<i64> = totals.iter().map(|one| one.sums.consumed_fen).collect();
    let refunded: Vec<i64> = totals.iter().map(|one| one.sums.refunded_fen).collect();
    let units: Vec<i32> = totals.iter().map(|one| one.consumed_units).collect();
    let status: Vec<&str> = totals.iter().map(|one| one.status.into()).collect();
    client.change(SET_TOTALS, &[&tenant, &ids, &paid, &consumed, &refunded, &units, &status]).await?;
    if outcome.days.is_empty() {
        return Ok(());
    }
    let until: Option<chrono::NaiveDate> = client.row(UNTIL, &[&tenant, &institution]).await?.get(0);
    let days: Vec<chrono::NaiveDate> = outcome.days.keys().copied().collect();
    let paid: Vec<i64> = outcome.days.values().map(|sums| sums.paid_fen).collect();
    let consumed: Vec<i64> = outcome.days.values().map(|sums| sums.consumed_fen).collect();
    let refunded: Vec<i64> = outcome.days.values().map(|sums| sums.refunded_fen).collect();
    let contracts = contracts_of(&outcome.days);
    client.change(BOOK, &[&tenant, &institution, &days, &paid, &consumed, &refunded, &until, &contracts]).await?;
    Ok(())
}
