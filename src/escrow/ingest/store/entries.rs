//! SQL of entries as the ingest sees them.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use futures_util::{SinkExt, pin_mut};
use tokio_postgres::{Error, Row, RowStream, types::ToSql};

use crate::db::Statements;
use crate::escrow::{
    batches::Line,
    detector::{Entry, Kind},
    ingest::{copy::Rows, entries::NewEntry, model::Repeat},
    statement::Direction,
    store::entries::LINES,
};

/// Up to this many rows travel as parameters of one statement; more are copied.
const ROWS_MAX: usize = 500;
/// Columns that differ between the rows of a batch.
const VARYING: usize = 14;

/// Makes room for months of entries, outside any transaction: a new partition locks the table until its commit.
pub async fn ensure_months(client: &ClientWrapper, months: &[NaiveDate]) -> Result<(), Error> {
    client.change("SELECT ensure_entries_month(month) FROM unnest($1::date[]) month", &[&months]).await?;
    Ok(())
}

/// What [`stored`] reads, of entries that a query calls `e`.
pub(super) const STORED: &str = "e.bank_ref, e.booked_at, e.credit, e.amount_fen, e.seq, e.kind, e.reversal, e.value_on, e.counterparty_name, \
     e.counterparty_account, e.remittance, e.balance_after_fen, e.order_ref";

/// An entry that the account has; of which statement of the delivery at hand does not arise.
pub(super) fn stored(row: &Row) -> NewEntry {
    NewEntry {
        bank_ref: row.get(0),
        booked_at: row.get(1),
        credit: row.get(2),
        amount_fen: row.get(3),
        seq: row.get(4),
        kind: row.get::<_, &str>(5).parse().unwrap_or(Kind::Other),
        reversal: row.get(6),
        value_on: row.get(7),
        counterparty_name: row.get(8),
        counterparty_account: row.get(9),
        remittance: row.get(10),
        balance_after_fen: row.get(11),
        order_ref: row.get(12),
        statement: 0,
    }
}

/// Which of `refs` the account has, with what.
pub async fn known(client: &ClientWrapper, tenant: i32, account: i64, refs: &[&str]) -> Result<Vec<NewEntry>, Error> {
    let rows = client
        .rows(
            &format!(
                "SELECT {STORED} FROM unnest($3::text[]) AS r (bank_ref) \
                 JOIN entries e ON e.bank_ref = r.bank_ref COLLATE \"C\" WHERE e.tenant_id = $1 AND e.account_id = $2"
            ),
            &[&tenant, &account, &refs],
        )
        .await?;
    Ok(rows.iter().map(stored).collect())
}

/// An entry of which another delivery tells more, as it is to be from now on.
#[derive(Debug)]
pub struct Bettered {
    /// As it was until now.
    pub stored: NewEntry,
    pub entry: NewEntry,
}

/// Writes what is known better of entries; their days stay.
pub async fn better(client: &ClientWrapper, tenant: i32, account: i64, bettered: &[Bettered]) -> Result<(), Error> {
    if bettered.is_empty() {
        return Ok(());
    }
    let text = |get: fn(&NewEntry) -> Option<&str>| bettered.iter().map(|one| get(&one.entry)).collect::<Vec<_>>();
    let from: Vec<DateTime<Utc>> = bettered.iter().map(|one| one.stored.booked_at).collect();
    let to: Vec<DateTime<Utc>> = bettered.iter().map(|one| one.entry.booked_at).collect();
    let seqs: Vec<i32> = bettered.iter().map(|one| one.entry.seq).collect();
    let reversals: Vec<bool> = bettered.iter().map(|one| one.entry.reversal).collect();
    let values: Vec<Option<NaiveDate>> = bettered.iter().map(|one| one.entry.value_on).collect();
    let after: Vec<Option<i64>> = bettered.iter().map(|one| one.entry.balance_after_fen).collect();
    client
        .change(
            "UPDATE entries e SET booked_at = n.booked_at, seq = n.seq, kind = n.kind, reversal = n.reversal, value_on = n.value_on, \
             counterparty_name = n.name, counterparty_account = n.account, remittance = n.remark, balance_after_fen = n.after, \
             order_ref = n.order_ref FROM unnest($3::text[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[], $8::bool[], \
             $9::date[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[]) \
             AS n (bank_ref, old_at, booked_at, seq, kind, reversal, value_on, name, account, remark, after, order_ref) \
             WHERE e.tenant_id = $1 AND e.account_id = $2 AND e.booked_at = n.old_at AND e.bank_ref = n.bank_ref COLLATE \"C\"",
            &[
                &tenant,
                &account,
                &text(|entry| Some(&entry.bank_ref)),
                &from,
                &to,
                &seqs,
                &text(|entry| Some(entry.kind.into())),
                &reversals,
                &values,
                &text(|entry| entry.counterparty_name.as_deref()),
                &text(|entry| entry.counterparty_account.as_deref()),
                &text(|entry| entry.remittance.as_deref()),
                &after,
                &text(|entry| entry.order_ref.as_deref()),
            ],
        )
        .await?;
    Ok(())
}

/// Which of `entries`, none of which is stored yet, say the same as one that the account has under another day, at most
/// `days` away, or under the same day with another share of time and value date; at most `limit` of them.
pub async fn said_before(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    entries: &[&NewEntry],
    days: i32,
    limit: i64,
) -> Result<Vec<Repeat>, Error> {
    let text = |of: fn(&NewEntry) -> &Option<String>| -> Vec<&str> {
        entries.iter().map(|entry| of(entry).as_deref().unwrap_or_default()).collect()
    };
    let refs: Vec<&str> = entries.iter().map(|entry| entry.bank_ref.as_str()).collect();
    let days_of: Vec<NaiveDate> = entries.iter().map(|entry| entry.booked_on()).collect();
    let credits: Vec<bool> = entries.iter().map(|entry| entry.credit).collect();
    let amounts: Vec<i64> = entries.iter().map(|entry| entry.amount_fen).collect();
    let names = text(|entry| &entry.counterparty_name);
    let accounts = text(|entry| &entry.counterparty_account);
    let remarks = text(|entry| &entry.remittance);
    let detail = |entry: &&NewEntry| i32::from(!entry.is_untimed()) + i32::from(entry.value_on.is_some());
    let details: Vec<i32> = entries.iter().map(detail).collect();
    let rows = client
        .rows(
            "SELECT DISTINCT ON (n.day, n.bank_ref) n.bank_ref, n.day, n.credit, n.amount_fen, e.bank_ref, e.day \
             FROM unnest($3::text[], $4::date[], $5::bool[], $6::bigint[], $7::text[], $8::text[], $9::text[], $12::int[]) \
                  AS n (bank_ref, day, credit, amount_fen, name, account, remark, detail) \
             JOIN (SELECT bank_ref, credit, amount_fen, (booked_at AT TIME ZONE interval '8 hours')::date AS day, \
                          ((booked_at AT TIME ZONE interval '8 hours')::time <> '00:00')::int + (value_on IS NOT NULL)::int AS detail, \
                          coalesce(counterparty_name, '') AS name, coalesce(counterparty_account, '') AS account, coalesce(remittance, '') AS remark \
                   FROM entries WHERE tenant_id = $1 AND account_id = $2 \
                   AND booked_at >= (SELECT min(d) - $10::int - 1 FROM unnest($4::date[]) d) AND booked_at < (SELECT max(d) + $10::int + 2 FROM unnest($4::date[]) d) \
                   AND bank_ref >= 'syn-' COLLATE \"C\" AND bank_ref < 'syn.' COLLATE \"C\") e \
             ON (e.credit, e.amount_fen, e.name, e.account, e.remark) = (n.credit, n.amount_fen, n.name, n.account, n.remark) \
             AND (e.day <> n.day AND abs(e.day - n.day) <= $10::int OR e.day = n.day AND e.detail <> n.detail) ORDER BY n.day, n.bank_ref, abs(e.day - n.day), e.bank_ref LIMIT $11",
            &[&tenant, &account, &refs, &days_of, &credits, &amounts, &names, &accounts, &remarks, &days, &limit, &details],
        )
        .await?;
    let repeat = |row: &Row| Repeat {
        bank_ref: row.get(0),
        booked_on: row.get(1),
        direction: if row.get(2) { Direction::Credit } else { Direction::Debit },
        amount_fen: row.get(3),
        like_ref: row.get(4),
        like_on: row.get(5),
    };
    Ok(rows.iter().map(repeat).collect())
}

/// The lines of the days on which statements since a day contradict the books.
pub async fn contradicted(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    since: NaiveDate,
) -> Result<Vec<Line>, Error> {
    let rows = client.rows(LINES, &[&tenant, &account, &since]).await?;
    let line = |row: &Row| Line {
        on: row.get("on_day"),
        bank_ref: row.get("bank_ref"),
        credit: row.get("credit"),
        amount_fen: row.get("amount_fen"),
        statement: row.get("statement_id"),
    };
    Ok(rows.iter().map(line).collect())
}

/// The effect on the balance of all entries before `until`, and how many there are.
pub async fn effect(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    until: DateTime<Utc>,
) -> Result<(i64, i64), Error> {
    let row = client
        .row(
            "SELECT coalesce(sum(CASE WHEN credit THEN amount_fen ELSE -amount_fen END), 0)::bigint, count(*) FROM entries \
             WHERE tenant_id = $1 AND account_id = $2 AND booked_at < $3",
            &[&tenant, &account, &until],
        )
        .await?;
    Ok((row.get(0), row.get(1)))
}

/// The effect of the entries from one of `instants`, which are in order, to the next: by the number of the one (from 1;
/// 0 is before the first). One pass over the account.
pub async fn effects(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    instants: &[DateTime<Utc>],
) -> Result<Vec<(usize, i128)>, Error> {
    let rows = client
        .rows(
            "SELECT width_bucket(booked_at, $3::timestamptz[]), sum(CASE WHEN credit THEN amount_fen ELSE -amount_fen END)::text \
             FROM entries WHERE tenant_id = $1 AND account_id = $2 GROUP BY 1",
            &[&tenant, &account, &instants],
        )
        .await?;
    let place = |row: &Row| usize::try_from(row.get::<_, i32>(0)).unwrap_or_default();
    Ok(rows.iter().map(|row| (place(row), row.get::<_, &str>(1).parse().unwrap_or_default())).collect())
}

/// Place and reference of the account's last entry at an instant.
pub async fn last_at(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    at: DateTime<Utc>,
) -> Result<Option<(i32, String)>, Error> {
    let row = client
        .row_if_any(
            "SELECT seq, bank_ref FROM entries WHERE tenant_id = $1 AND account_id = $2 AND booked_at = $3 \
             ORDER BY seq DESC, bank_ref DESC LIMIT 1",
            &[&tenant, &account, &at],
        )
        .await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// One entry of an account's history, for the detector.
#[derive(Debug)]
pub struct Past {
    pub booked_at: DateTime<Utc>,
    bank_ref: String,
    credit: bool,
    amount_fen: i64,
    kind: Kind,
    pub balance_after_fen: Option<i64>,
    order_ref: Option<String>,
    counterparty_name: Option<String>,
    counterparty_account: Option<String>,
    remittance: Option<String>,
}

impl From<Row> for Past {
    fn from(row: Row) -> Past {
        Past {
            booked_at: row.get(0),
            bank_ref: row.get(1),
            credit: row.get(2),
            amount_fen: row.get(3),
            kind: row.get::<_, &str>(4).parse().unwrap_or(Kind::Other),
            balance_after_fen: row.get(5),
            order_ref: row.get(6),
            counterparty_name: row.get(7),
            counterparty_account: row.get(8),
            remittance: row.get(9),
        }
    }
}

impl Past {
    /// The signed effect on the balance.
    pub fn effect_fen(&self) -> i64 {
        if self.credit { self.amount_fen } else { -self.amount_fen }
    }

    /// As the detector takes it.
    pub fn for_detector(&self) -> Entry<'_> {
        Entry {
            booked_at: self.booked_at,
            credit: self.credit,
            amount_fen: self.amount_fen,
            bank_ref: &self.bank_ref,
            kind: self.kind,
            order_ref: self.order_ref.as_deref(),
            counterparty_name: self.counterparty_name.as_deref(),
            counterparty_account: self.counterparty_account.as_deref(),
            remittance: self.remittance.as_deref(),
        }
    }
}

/// The account's whole history in the detector's order, as a stream: it may be longer than memory should hold.
pub async fn history(client: &ClientWrapper, tenant: i32, account: i64) -> Result<RowStream, Error> {
    let parameters: [&(dyn ToSql + Sync); 2] = [&tenant, &account];
    client
        .query_raw(
            "SELECT booked_at, bank_ref, credit, amount_fen, kind, balance_after_fen, order_ref, counterparty_name, \
             counterparty_account, remittance FROM entries WHERE tenant_id = $1 AND account_id = $2 ORDER BY booked_at, seq, bank_ref",
            parameters,
        )
        .await
}

/// Whose entries are added.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub tenant: i32,
    pub account: i64,
    pub institution: i64,
    /// Id of the statement at each place of the delivery.
    pub statement_ids: &'a [i64],
}

/// Adds entries; returns how many were not there before, which is all of them while the account is locked.
pub async fn add(client: &ClientWrapper, owner: Owner<'_>, entries: &[NewEntry]) -> Result<u64, Error> {
    match entries.len() {
        0 => Ok(0),
        1..=ROWS_MAX => add_few(client, owner, entries).await,
        _ => add_many(client, owner, entries).await,
    }
}

const COLUMNS: &str = "booked_at, bank_ref, seq, value_on, credit, reversal, amount_fen, kind, statement_id, \
     counterparty_name, counterparty_account, remittance, balance_after_fen, order_ref";

/// A table of the session, in the order of [`COLUMNS`]; no other session sees it, and it goes with the transaction.
const STAGING: &str = "CREATE TEMPORARY TABLE staging (booked_at timestamptz, bank_ref text, seq int, value_on date, \
     credit boolean, reversal boolean, amount_fen bigint, kind text, statement_id bigint, counterparty_name text, \
     counterparty_account text, remittance text, balance_after_fen bigint, order_ref text) ON COMMIT DROP";

/// One statement with a row of values each: distributed tables take that, and not rows from an array.
async fn add_few(client: &ClientWrapper, owner: Owner<'_>, entries: &[NewEntry]) -> Result<u64, Error> {
    let mut sql = format!("INSERT INTO entries (tenant_id, account_id, institution_id, {COLUMNS}) VALUES ");
    for row in 0..entries.len() {
        sql.push_str(if row == 0 { "($1, $2, $3" } else { ", ($1, $2, $3" });
        for column in 0..VARYING {
            let _ = write!(sql, ", ${}", 4 + row * VARYING + column);
        }
        sql.push(')');
    }
    sql.push_str(" ON CONFLICT DO NOTHING");
    let of = |entry: &NewEntry| owner.statement_ids.get(entry.statement).copied().unwrap_or_default();
    let settled: Vec<(&str, i64)> = entries.iter().map(|entry| (<&str>::from(entry.kind), of(entry))).collect();
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(3 + entries.len() * VARYING);
    parameters.extend([&owner.tenant as &(dyn ToSql + Sync), &owner.account, &owner.institution]);
    for (entry, (kind, statement)) in entries.iter().zip(&settled) {
        parameters.extend([
            &entry.booked_at as &(dyn ToSql + Sync),
            &entry.bank_ref,
            &entry.seq,
            &entry.value_on,
            &entry.credit,
            &entry.reversal,
            &entry.amount_fen,
            kind,
            statement,
            &entry.counterparty_name,
            &entry.counterparty_account,
            &entry.remittance,
            &entry.balance_after_fen,
            &entry.order_ref,
        ]);
    }
    client.execute(&sql, &parameters).await
}

/// COPY into a table of this transaction alone, and on from there: COPY refuses tables with row-level security.
///
/// Nothing here asks whether an entry is there already: the account is locked and what it had was left out, so a repeat
/// is a fault and the key refuses it. Asking would double the work of every row.
async fn add_many(client: &ClientWrapper, owner: Owner<'_>, entries: &[NewEntry]) -> Result<u64, Error> {
    client.batch_execute(STAGING).await?;
    let sink = client.copy_in(&format!("COPY pg_temp.staging ({COLUMNS}) FROM STDIN (FORMAT binary)")).await?;
    pin_mut!(sink);
    for chunk in Rows::new(owner.statement_ids, entries) {
        sink.send(chunk).await?;
    }
    sink.finish().await?;
    let insert = format!(
        "INSERT INTO entries (tenant_id, account_id, institution_id, {COLUMNS}) \
         SELECT $1::int, $2::bigint, $3::bigint, {COLUMNS} FROM pg_temp.staging"
    );
    let added = client.execute(&insert, &[&owner.tenant, &owner.account, &owner.institution]).await?;
    // Another account of the same delivery may follow.
    client.batch_execute("DROP TABLE pg_temp.staging").await?;
    Ok(added)
}
