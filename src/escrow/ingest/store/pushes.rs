//! SQL of pushes that are taken in together: each statement speaks of all of their accounts at once.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use tokio_postgres::{Error, Row};

use super::{
    accounts::{Account, LOCKED},
    orders::Known,
    warnings::{FOUND, stored},
};
use crate::db::Statements;
use crate::escrow::{
    detector::{Outlook, OwedDay, Required},
    ingest::{entries::NewEntry, model::PUSH, reconcile::StoredWarning, transaction::Transaction},
};

/// Locks accounts by their numbers, in order of their ids.
pub async fn lock(tx: &Transaction, tenant: i32, numbers: &[&str]) -> Result<Vec<Account>, Error> {
    let sql = format!("{LOCKED} WHERE a.tenant_id = $1 AND a.account_no = ANY($2) ORDER BY a.id FOR UPDATE OF a");
    Ok(tx.rows(&sql, &[&tenant, &numbers]).await?.into_iter().map(Account::from).collect())
}

/// What there is of an account beside itself.
#[derive(Debug, Clone, Copy)]
pub struct Beside {
    pub known: Known,
    /// The latest place at which a statement on record claims a balance.
    pub last_claim_at: Option<DateTime<Utc>>,
}

/// What there is of accounts and their institutions; after the accounts' locks, so that nothing of it is missed.
pub async fn beside(
    tx: &Transaction,
    tenant: i32,
    accounts: &[i64],
    institutions: &[i64],
) -> Result<HashMap<i64, Beside>, Error> {
    let rows = tx
        .rows(
            "SELECT n.account, \
             (SELECT true FROM owed_days WHERE tenant_id = $1 AND institution_id = n.institution LIMIT 1) IS NOT NULL, \
             coalesce((SELECT true FROM release_orders WHERE tenant_id = $1 AND account_id = n.account \
                       AND state IN ('approved', 'sent', 'bank_ack') LIMIT 1), \
                      (SELECT true FROM refunds WHERE tenant_id = $1 AND institution_id = n.institution AND state = 'approved' LIMIT 1), \
                      (SELECT true FROM payments WHERE tenant_id = $1 AND institution_id = n.institution AND entry_ref IS NULL \
                       LIMIT 1), false), \
             (SELECT true FROM refunds WHERE tenant_id = $1 AND institution_id = n.institution AND route = 'undetermined' LIMIT 1) IS NOT NULL, \
             (SELECT max(first_at) FROM statements WHERE tenant_id = $1 AND account_id = n.account AND opening_fen IS NOT NULL) \
             FROM unnest($2::bigint[], $3::bigint[]) AS n (account, institution)",
            &[&tenant, &accounts, &institutions],
        )
        .await?;
    let one = |row: &Row| {
        let known = Known { ledger: row.get(1), waiting: row.get(2), unsure: row.get(3) };
        (row.get(0), Beside { known, last_claim_at: row.get(4) })
    };
    Ok(rows.iter().map(one).collect())
}

/// All warnings of accounts that the detector found, locked; a row that this version cannot read is left alone.
pub async fn warnings(
    tx: &Transaction,
    tenant: i32,
    accounts: &[i64],
) -> Result<HashMap<i64, Vec<StoredWarning>>, Error> {
    let sql = format!(
        "{FOUND} WHERE tenant_id = $1 AND account_id = ANY($2) AND judged_by = 'detector' ORDER BY id FOR UPDATE"
    );
    let mut found: HashMap<i64, Vec<StoredWarning>> = HashMap::new();
    for row in tx.rows(&sql, &[&tenant, &accounts]).await? {
        if let Some(warning) = stored(&row) {
            found.entry(row.get("account_id")).or_default().push(warning);
        }
    }
    Ok(found)
}

/// What is owed by institutions, day by day.
pub async fn owed_days(
    tx: &Transaction,
    tenant: i32,
    institutions: &[i64],
) -> Result<HashMap<i64, Vec<OwedDay>>, Error> {
    if institutions.is_empty() {
        return Ok(HashMap::new());
    }
    // A row an institution: there are many days, and a row costs more than what stands in it. They come in one order, whichever
    // it is: to put each array in order by itself would sort the days six times.
    let rows = tx
        .rows(
            "SELECT institution_id, array_agg(day), array_agg(contracted_fen), array_agg(consumed_fen), array_agg(refunded_fen), \
             array_agg(until_on), array_agg(contracts) \
             FROM owed_days WHERE tenant_id = $1 AND institution_id = ANY($2) GROUP BY institution_id",
            &[&tenant, &institutions],
        )
        .await?;
    let days =
        |row: &Row| {
            let sums = |column| row.get::<_, Vec<i64>>(column);
            let (contracted, consumed, refunded) = (sums(2), sums(3), sums(4));
            let days = row.get::<_, Vec<NaiveDate>>(1).into_iter().zip(row.get::<_, Vec<Option<NaiveDate>>>(5));
            let days = days.zip(contracted).zip(consumed).zip(refunded).zip(row.get::<_, Vec<i32>>(6));
            let days = days.map(|(((((day, until_on), contracted_fen), consumed_fen), refunded_fen), contracts)| {
                OwedDay { day, contracted_fen, consumed_fen, refunded_fen, contracts, until_on }
            });
            (row.get(0), days.collect())
        };
    Ok(rows.iter().map(days).collect())
}

/// All references of an account.
pub async fn references(tx: &Transaction, tenant: i32, account: i64) -> Result<Vec<Row>, Error> {
    tx.rows("SELECT bank_ref FROM entries WHERE tenant_id = $1 AND account_id = $2", &[&tenant, &account]).await
}

/// A push as it is recorded among the statements of its account.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    pub account: i64,
    pub sha256: &'a [u8],
    pub inserted: i32,
    pub duplicates: i32,
    pub received_at: DateTime<Utc>,
    pub received_by: &'a str,
}

/// Records pushes; ids by account.
pub async fn add_statements(
    tx: &Transaction,
    tenant: i32,
    file_name: &str,
    records: &[Record<'_>],
) -> Result<HashMap<i64, i64>, Error> {
    let column = |of: fn(&Record<'_>) -> i64| records.iter().map(of).collect::<Vec<_>>();
    let counts = |of: fn(&Record<'_>) -> i32| records.iter().map(of).collect::<Vec<_>>();
    let accounts = column(|record| record.account);
    let (inserted, duplicates) = (counts(|record| record.inserted), counts(|record| record.duplicates));
    let digests: Vec<&[u8]> = records.iter().map(|record| record.sha256).collect();
    let at: Vec<DateTime<Utc>> = records.iter().map(|record| record.received_at).collect();
    let by: Vec<&str> = records.iter().map(|record| record.received_by).collect();
    let rows = tx
        .rows(
            "INSERT INTO statements (tenant_id, account_id, file_name, sha256, format, inserted, duplicates, received_at, received_by) \
             SELECT $1, n.account, $2, n.sha256, $3, n.inserted, n.duplicates, n.received_at, n.received_by \
             FROM unnest($4::bigint[], $5::bytea[], $6::int[], $7::int[], $8::timestamptz[], $9::text[]) \
             AS n (account, sha256, inserted, duplicates, received_at, received_by) RETURNING account_id, id",
            &[&tenant, &file_name, &PUSH, &accounts, &digests, &inserted, &duplicates, &at, &by],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Entries of one account with the statement that they came with.
#[derive(Debug, Clone, Copy)]
pub struct Lot<'a> {
    pub account: i64,
    pub institution: i64,
    pub statement: i64,
    pub entries: &'a [NewEntry],
}

/// Adds entries; returns how many were not there before, which is all of them while their accounts are locked.
pub async fn add_entries(tx: &Transaction, tenant: i32, lots: &[Lot<'_>]) -> Result<u64, Error> {
    let all: Vec<(&Lot<'_>, &NewEntry)> =
        lots.iter().flat_map(|lot| lot.entries.iter().map(move |entry| (lot, entry))).collect();
    let text = |of: fn(&NewEntry) -> Option<&str>| all.iter().map(|(_, entry)| of(entry)).collect::<Vec<_>>();
    let accounts: Vec<i64> = all.iter().map(|(lot, _)| lot.account).collect();
    let institutions: Vec<i64> = all.iter().map(|(lot, _)| lot.institution).collect();
    let statements: Vec<i64> = all.iter().map(|(lot, _)| lot.statement).collect();
    let booked: Vec<DateTime<Utc>> = all.iter().map(|(_, entry)| entry.booked_at).collect();
    let seqs: Vec<i32> = all.iter().map(|(_, entry)| entry.seq).collect();
    let values: Vec<Option<NaiveDate>> = all.iter().map(|(_, entry)| entry.value_on).collect();
    let credits: Vec<bool> = all.iter().map(|(_, entry)| entry.credit).collect();
    let reversals: Vec<bool> = all.iter().map(|(_, entry)| entry.reversal).collect();
    let amounts: Vec<i64> = all.iter().map(|(_, entry)| entry.amount_fen).collect();
    let after: Vec<Option<i64>> = all.iter().map(|(_, entry)| entry.balance_after_fen).collect();
    tx.change(
        "INSERT INTO entries (tenant_id, account_id, institution_id, statement_id, booked_at, bank_ref, seq, value_on, credit, \
         reversal, amount_fen, kind, counterparty_name, counterparty_account, remittance, balance_after_fen, order_ref) \
         SELECT $1, n.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::text[], $7::int[], $8::date[], \
         $9::boolean[], $10::boolean[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::text[], $16::bigint[], \
         $17::text[]) AS n ON CONFLICT DO NOTHING",
        &[
            &tenant,
            &accounts,
            &institutions,
            &statements,
            &booked,
            &text(|entry| Some(&entry.bank_ref)),
            &seqs,
            &values,
            &credits,
            &reversals,
            &amounts,
            &text(|entry| Some(entry.kind.into())),
            &text(|entry| entry.counterparty_name.as_deref()),
            &text(|entry| entry.counterparty_account.as_deref()),
            &text(|entry| entry.remittance.as_deref()),
            &after,
            &text(|entry| entry.order_ref.as_deref()),
        ],
    )
    .await
}

/// What a push leaves behind on its account: the rest stays as it is.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub account: i64,
    pub balance_fen: i64,
    pub entry_count: i64,
    pub last_booked_at: Option<DateTime<Utc>>,
    pub required: Required,
    pub outlook: Outlook,
    /// As it is stored.
    pub detector: String,
}

/// An array as text, for one row of several: an array of arrays would lose which is whose.
pub fn array(numbers: &[i64]) -> String {
    format!("{{{}}}", numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(","))
}

/// Writes the outcomes, by which the accounts are judged as far as anything is known.
pub async fn update(tx: &Transaction, tenant: i32, heard_on: NaiveDate, outcomes: &[Outcome]) -> Result<u64, Error> {
    let numbers = |of: fn(&Outcome) -> i64| outcomes.iter().map(of).collect::<Vec<_>>();
    let last: Vec<Option<DateTime<Utc>>> = outcomes.iter().map(|outcome| outcome.last_booked_at).collect();
    let detectors: Vec<&str> = outcomes.iter().map(|outcome| outcome.detector.as_str()).collect();
    let figures = |of: fn(&Outcome) -> Option<i64>| outcomes.iter().map(of).collect::<Vec<_>>();
    let days = |of: fn(&Outcome) -> Option<NaiveDate>| outcomes.iter().map(of).collect::<Vec<_>>();
    let flows: Vec<String> = outcomes.iter().map(|outcome| array(&outcome.outlook.flow_fen)).collect();
    keep_day(tx, tenant, heard_on, &numbers(|outcome| outcome.account)).await?;
    tx.change(
        "UPDATE escrow_accounts a SET balance_fen = n.balance_fen, entry_count = n.entry_count, last_booked_at = n.last_booked_at, \
         detector = n.detector::json, owed_changed_on = NULL, heard_on = greatest(a.heard_on, $2), unearned_fen = n.unearned_fen, \
         needed_fen = n.needed_fen, minimum_fen = n.minimum_fen, outflow_fen = n.outflow_fen, runoff_on = n.runoff_on, \
         flow_fen = n.flow_fen::bigint[], flow_on = n.flow_on \
         FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[], $8::bigint[], $9::bigint[], \
         $10::bigint[], $11::bigint[], $12::date[], $13::text[], $14::date[]) \
         AS n (id, balance_fen, entry_count, last_booked_at, detector, unearned_fen, needed_fen, minimum_fen, outflow_fen, \
         runoff_on, flow_fen, flow_on) WHERE a.tenant_id = $1 AND a.id = ANY($3) AND a.id = n.id",
        &[
            &tenant,
            &heard_on,
            &numbers(|outcome| outcome.account),
            &numbers(|outcome| outcome.balance_fen),
            &numbers(|outcome| outcome.entry_count),
            &last,
            &detectors,
            &figures(|outcome| outcome.required.unearned_fen),
            &figures(|outcome| outcome.required.needed_fen),
            &figures(|outcome| outcome.required.minimum_fen),
            &figures(|outcome| outcome.outlook.outflow_fen),
            &days(|outcome| outcome.outlook.runoff_on),
            &flows,
            &days(|outcome| outcome.outlook.flow_on),
        ],
    )
    .await
}

/// Notes that the bank pushed something, be it that nothing had happened.
pub async fn heard(tx: &Transaction, tenant: i32, on: NaiveDate, accounts: &[i64]) -> Result<(), Error> {
    if !accounts.is_empty() {
        keep_day(tx, tenant, on, accounts).await?;
        tx.change(
            "UPDATE escrow_accounts SET heard_on = $2 WHERE tenant_id = $1 AND id = ANY($3) AND (heard_on IS NULL OR heard_on < $2)",
            &[&tenant, &on, &accounts],
        )
        .await?;
    }
    Ok(())
}

/// Keeps the day on which the bank pushed something. Accounts that were heard of on that day or later have no new one.
async fn keep_day(tx: &Transaction, tenant: i32, on: NaiveDate, accounts: &[i64]) -> Result<(), Error> {
    tx.change(
        "INSERT INTO feed_days (tenant_id, account_id, day) SELECT tenant_id, id, $2 FROM escrow_accounts \
         WHERE tenant_id = $1 AND id = ANY($3) AND (heard_on IS NULL OR heard_on < $2) ON CONFLICT DO NOTHING",
        &[&tenant, &on, &accounts],
    )
    .await?;
    Ok(())
}
