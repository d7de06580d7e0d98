//! SQL of forecasts: figures of many accounts in one statement.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::pushes::array;
use crate::db::Statements;
use crate::escrow::detector::{Outlook, Required};

/// What an account comes to, and how it stood when that was worked out.
#[derive(Debug, Clone)]
pub struct Figures {
    pub account: i64,
    pub entry_count: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
    pub statement_on: Option<NaiveDate>,
    pub balance_fen: i64,
    pub required: Required,
    pub outlook: Outlook,
}

/// The accounts of a bureau that have entries.
pub async fn accounts(client: &ClientWrapper, tenant: i32) -> Result<Vec<i64>, Error> {
    let rows = client
        .rows("SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND entry_count > 0 ORDER BY id", &[&tenant])
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Writes the figures of those that stand as they stood, where they are others; how many.
pub async fn write(client: &ClientWrapper, tenant: i32, figures: &[Figures]) -> Result<u64, Error> {
    let numbers = |of: fn(&Figures) -> i64| figures.iter().map(of).collect::<Vec<_>>();
    let sums = |of: fn(&Figures) -> Option<i64>| figures.iter().map(of).collect::<Vec<_>>();
    let days = |of: fn(&Figures) -> Option<NaiveDate>| figures.iter().map(of).collect::<Vec<_>>();
    let last: Vec<Option<DateTime<Utc>>> = figures.iter().map(|one| one.last_booked_at).collect();
    let flows: Vec<String> = figures.iter().map(|one| array(&one.outlook.flow_fen)).collect();
    client
        .change(
            "UPDATE escrow_accounts a SET unearned_fen = n.unearned_fen, needed_fen = n.needed_fen, minimum_fen = n.minimum_fen, \
             outflow_fen = n.outflow_fen, runoff_on = n.runoff_on, flow_fen = n.flow_fen::bigint[], flow_on = n.flow_on \
             FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::date[], $6::bigint[], $7::bigint[], $8::bigint[], \
             $9::bigint[], $10::bigint[], $11::date[], $12::text[], $13::date[]) AS n (id, entry_count, last_booked_at, \
             statement_on, balance_fen, unearned_fen, needed_fen, minimum_fen, outflow_fen, runoff_on, flow_fen, flow_on) \
             WHERE a.tenant_id = $1 AND a.id = ANY($2) AND a.id = n.id AND a.owed_changed_on IS NULL \
             AND (a.entry_count, a.last_booked_at, a.statement_on, a.balance_fen) \
               IS NOT DISTINCT FROM (n.entry_count, n.last_booked_at, n.statement_on, n.balance_fen) \
             AND (a.unearned_fen, a.needed_fen, a.minimum_fen, a.outflow_fen, a.runoff_on, a.flow_fen, a.flow_on) \
               IS DISTINCT FROM (n.unearned_fen, n.needed_fen, n.minimum_fen, n.outflow_fen, n.runoff_on, n.flow_fen::bigint[], n.flow_on)",
            &[
                &tenant,
                &numbers(|one| one.account),
                &numbers(|one| one.entry_count),
                &last,
                &days(|one| one.statement_on),
                &numbers(|one| one.balance_fen),
                &sums(|one| one.required.unearned_fen),
                &sums(|one| one.required.needed_fen),
                &sums(|one| one.required.minimum_fen),
                &sums(|one| one.outlook.outflow_fen),
                &days(|one| one.outlook.runoff_on),
                &flows,
                &days(|one| one.outlook.flow_on),
            ],
        )
        .await
}
