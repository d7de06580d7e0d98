//! SQL of an institution's several accounts while one takes the place of another, as the ingest sees them.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row};

use crate::db::Statements;
use crate::escrow::{
    detector::{OnItsWay, Sibling, SiblingDay, names},
    ingest::transfers::{Fate, Move, Side, Transfer},
};

/// One of the institution's accounts.
#[derive(Debug)]
pub struct Other {
    pub id: i64,
    pub account_no: String,
    pub balance_fen: i64,
}

/// Makes whoever works out transfers of the same institution wait until this transaction ends. Taken after the account's own
/// lock, and no account is locked after it.
pub async fn lock(client: &ClientWrapper, tenant: i32, institution: i64) -> Result<(), Error> {
    let sql = "SELECT pg_advisory_xact_lock(hashtextextended(format('own transfers %s %s', $1::int, $2::bigint), 0))";
    client.change(sql, &[&tenant, &institution]).await?;
    Ok(())
}

/// The institution's other accounts, and the earliest day on which one took the place of another.
pub async fn others(
    client: &ClientWrapper,
    tenant: i32,
    (institution, account): (i64, i64),
) -> Result<(Vec<Other>, Option<NaiveDate>), Error> {
    let rows = client
        .rows(
            "SELECT id, account_no, balance_fen, min(in_use_from) OVER () AS first_on FROM escrow_accounts \
             WHERE tenant_id = $1 AND institution_id = $2 ORDER BY id",
            &[&tenant, &institution],
        )
        .await?;
    let first_on = rows.first().and_then(|row| row.get("first_on"));
    let other =
        |row: &Row| Other { id: row.get("id"), account_no: row.get("account_no"), balance_fen: row.get("balance_fen") };
    Ok((rows.iter().map(other).filter(|other| other.id != account).collect(), first_on))
}

/// Who is on the other side of an entry, by what the bank says of it. `numbers` are the institution's accounts, `name` its own.
pub fn side(
    numbers: &[String],
    name: &str,
    account: Option<&str>,
    named: Option<&str>,
    remittance: Option<&str>,
) -> Side {
    let filled = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    if names(numbers, account, remittance) {
        Side::Own
    } else if filled(account).is_some() || filled(named).is_some_and(|named| named != name) {
        Side::Other
    } else {
        Side::Open
    }
}

/// Entries since an instant that may move money between these accounts.
pub async fn moves(
    client: &ClientWrapper,
    tenant: i32,
    (accounts, numbers, name): (&[i64], &[String], &str),
    since: DateTime<Utc>,
) -> Result<Vec<Move>, Error> {
    let rows = client
        .rows(
            "SELECT account_id, bank_ref, booked_at, credit, amount_fen, counterparty_account, counterparty_name, remittance \
             FROM entries WHERE tenant_id = $1 AND account_id = ANY($2) AND booked_at >= $3 AND order_ref IS NULL AND NOT reversal \
             AND kind NOT IN ('interest', 'bank_fee', 'refund', 'prepayment', 'reversal')",
            &[&tenant, &accounts, &since],
        )
        .await?;
    let one = |row: &Row| Move {
        account: row.get("account_id"),
        bank_ref: row.get("bank_ref"),
        booked_at: row.get("booked_at"),
        credit: row.get("credit"),
        amount_fen: row.get("amount_fen"),
        side: side(numbers, name, row.get("counterparty_account"), row.get("counterparty_name"), row.get("remittance")),
    };
    Ok(rows.iter().map(one).collect())
}

/// The transfers of an institution that are on record since an instant, in order of booking.
pub async fn transfers(
    client: &ClientWrapper,
    tenant: i32,
    institution: i64,
    since: DateTime<Utc>,
) -> Result<Vec<Transfer>, Error> {
    let rows = client
        .rows(
            "SELECT from_account, bank_ref, booked_at, amount_fen, state, to_account, to_ref, arrived_at FROM own_transfers \
             WHERE tenant_id = $1 AND institution_id = $2 AND booked_at >= $3 ORDER BY booked_at, from_account, bank_ref",
            &[&tenant, &institution, &since],
        )
        .await?;
    Ok(rows.iter().map(transfer).collect())
}

fn transfer(row: &Row) -> Transfer {
    let arrived = || {
        Some(Fate::Arrived {
            account: row.get::<_, Option<i64>>("to_account")?,
            bank_ref: row.get::<_, Option<String>>("to_ref")?,
            at: row.get::<_, Option<DateTime<Utc>>>("arrived_at")?,
        })
    };
    let fate = if row.get::<_, &str>("state") == "missing" { Fate::Missing } else { Fate::UnderWay };
    Transfer {
        account: row.get("from_account"),
        bank_ref: row.get("bank_ref"),
        booked_at: row.get("booked_at"),
        amount_fen: row.get("amount_fen"),
        fate: arrived().unwrap_or(fate),
    }
}

/// Puts transfers on record in place of those since an instant.
pub async fn replace(
    client: &ClientWrapper,
    tenant: i32,
    institution: i64,
    (since, transfers): (DateTime<Utc>, &[Transfer]),
) -> Result<(), Error> {
    let sql = "DELETE FROM own_transfers WHERE tenant_id = $1 AND institution_id = $2 AND booked_at >= $3";
    client.change(sql, &[&tenant, &institution, &since]).await?;
    for one in transfers {
        let (state, to) = match &one.fate {
            Fate::UnderWay => ("under_way", None),
            Fate::Missing => ("missing", None),
            Fate::Arrived { account, bank_ref, at } => ("arrived", Some((*account, bank_ref.as_str(), *at))),
        };
        client
            .change(
                "INSERT INTO own_transfers (tenant_id, institution_id, from_account, bank_ref, booked_at, amount_fen, state, to_account, \
                 to_ref, arrived_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                &[
                    &tenant,
                    &institution,
                    &one.account,
                    &one.bank_ref,
                    &one.booked_at,
                    &one.amount_fen,
                    &state,
                    &to.map(|(account, ..)| account),
                    &to.map(|(_, bank_ref, _)| bank_ref),
                    &to.map(|(.., at)| at),
                ],
            )
            .await?;
    }
    Ok(())
}

/// Other accounts with their days since an instant, as one is judged beside them.
pub async fn days(
    client: &ClientWrapper,
    tenant: i32,
    others: &[Other],
    since: DateTime<Utc>,
) -> Result<Vec<Sibling>, Error> {
    let ids: Vec<i64> = others.iter().map(|other| other.id).collect();
    let rows = client.rows(SIBLING_DAYS, &[&tenant, &ids, &since]).await?;
    let mut by_account: HashMap<i64, Vec<SiblingDay>> = HashMap::new();
    for row in rows {
        let day = SiblingDay { day: row.get(1), effect_fen: row.get(2), spent_fen: row.get(3) };
        by_account.entry(row.get(0)).or_default().push(day);
    }
    let sibling = |other: &Other| Sibling {
        account_no: other.account_no.clone(),
        balance_fen: other.balance_fen,
        days: by_account.remove(&other.id).unwrap_or_default(),
    };
    Ok(others.iter().map(sibling).collect())
}

/// The days of accounts ($1 bureau, $2 accounts, $3 since): account, day, effect on its balance, and what it released.
pub const SIBLING_DAYS: &str = "SELECT e.account_id, (e.booked_at AT TIME ZONE interval '8 hours')::date AS day, \
       sum(CASE WHEN e.credit THEN e.amount_fen ELSE -e.amount_fen END)::bigint AS effect_fen, \
       sum(CASE WHEN e.credit AND e.kind IN ('reversal', 'top_up') THEN -e.amount_fen \
                WHEN e.credit OR e.kind IN ('refund', 'reversal') OR t.bank_ref IS NOT NULL THEN 0 ELSE e.amount_fen END)::bigint AS spent_fen \
     FROM entries e LEFT JOIN own_transfers t ON t.tenant_id = e.tenant_id AND t.from_account = e.account_id AND t.bank_ref = e.bank_ref \
       AND t.state <> 'missing' \
     WHERE e.tenant_id = $1 AND e.account_id = ANY($2) AND e.booked_at >= $3 GROUP BY 1, 2 ORDER BY 1, 2";

/// Money that is between the institution's accounts, of its transfers.
pub fn on_their_way(transfers: &[Transfer]) -> Vec<OnItsWay> {
    let moving = |one: &Transfer| {
        let arrived_on = match &one.fate {
            Fate::Missing => return None,
            Fate::UnderWay => None,
            Fate::Arrived { at, .. } => Some(crate::kernel::clock::day(*at)),
        };
        Some(OnItsWay { amount_fen: one.amount_fen, sent_on: crate::kernel::clock::day(one.booked_at), arrived_on })
    };
    transfers.iter().filter_map(moving).collect()
}

/// Whether each of an account's entries that were looked up moves money between the institution's accounts.
pub fn known_of(transfers: &[Transfer], account: i64) -> HashMap<String, bool> {
    let sent = transfers.iter().filter(|one| one.account == account);
    let mut known: HashMap<String, bool> = sent.map(|one| (one.bank_ref.clone(), one.fate != Fate::Missing)).collect();
    known.extend(transfers.iter().filter_map(|one| match &one.fate {
        Fate::Arrived { account: to, bank_ref, .. } if *to == account => Some((bank_ref.clone(), true)),
        _ => None,
    }));
    known
}

/// Notes from which day an institution's accounts have to be judged anew because of another one, and clears the notes.
pub async fn spread(client: &ClientWrapper, tenant: i32) -> Result<(), Error> {
    let locked = client
        .rows(
            "SELECT id FROM escrow_accounts WHERE tenant_id = $1 AND institution_id IN (SELECT institution_id FROM escrow_accounts \
             WHERE tenant_id = $1 AND others_from IS NOT NULL) ORDER BY id FOR UPDATE",
            &[&tenant],
        )
        .await?;
    if locked.is_empty() {
        return Ok(());
    }
    client
        .change(
            "UPDATE escrow_accounts o SET owed_changed_on = least(o.owed_changed_on, c.others_from) FROM (SELECT institution_id, \
             id, others_from FROM escrow_accounts WHERE tenant_id = $1 AND others_from IS NOT NULL) c \
             WHERE o.tenant_id = $1 AND o.institution_id = c.institution_id AND o.id <> c.id AND o.entry_count > 0",
            &[&tenant],
        )
        .await?;
    let sql = "UPDATE escrow_accounts SET others_from = NULL WHERE tenant_id = $1 AND others_from IS NOT NULL";
    client.change(sql, &[&tenant]).await?;
    Ok(())
}

/// Accounts that money left for another one of the institution before an instant, and that has not arrived.
pub async fn late(client: &ClientWrapper, tenant: i32, before: DateTime<Utc>) -> Result<Vec<i64>, Error> {
    let rows = client
        .rows(
            "SELECT DISTINCT from_account FROM own_transfers WHERE tenant_id = $1 AND state = 'under_way' AND booked_at < $2 \
             ORDER BY from_account",
            &[&tenant, &before],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
