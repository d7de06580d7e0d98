//! SQL of what the ledger knows of an account, as the ingest sees it.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error, Row};

use crate::{
    db::Statements,
    escrow::{
        detector::OwedDay,
        ingest::{
            entries::NewEntry,
            matching::{OpenPayment, Order, To, What},
            store::{
                accounts::Account,
                entries::{Bettered, STORED, stored},
            },
        },
    },
    ledger::Route,
};

/// What there is to look up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// Somebody keeps a ledger of the institution.
    pub ledger: bool,
    /// Orders or payments wait for an entry.
    pub waiting: bool,
    /// Of a refund that was paid it is not known where it went.
    pub unsure: bool,
}

/// What there is of an account and its institution; after the account's lock, so that nothing of it is missed.
pub async fn known(client: &ClientWrapper, tenant: i32, account: &Account) -> Result<Known, Error> {
    let row = client
        .row(
            "SELECT EXISTS (SELECT FROM owed_days WHERE tenant_id = $1 AND institution_id = $2), \
             EXISTS (SELECT FROM release_orders WHERE tenant_id = $1 AND account_id = ANY($3) AND state IN ('approved', 'sent', 'bank_ack')) \
             OR EXISTS (SELECT FROM refunds WHERE tenant_id = $1 AND institution_id = $2 AND state = 'approved') \
             OR EXISTS (SELECT FROM payments WHERE tenant_id = $1 AND institution_id = $2 AND entry_ref IS NULL), \
             EXISTS (SELECT FROM refunds WHERE tenant_id = $1 AND institution_id = $2 AND route = 'undetermined')",
            &[&tenant, &account.institution_id, &all_of(account)],
        )
        .await?;
    Ok(Known { ledger: row.get(0), waiting: row.get(1), unsure: row.get(2) })
}

/// The account and the institution's others: an order that was worked out on one may be carried out on another.
fn all_of(account: &Account) -> Vec<i64> {
    account.other_ids.iter().copied().chain([account.id]).collect()
}

/// What is owed by an institution, day by day.
pub async fn owed_days(client: &ClientWrapper, tenant: i32, institution: i64) -> Result<Vec<OwedDay>, Error> {
    let rows = client
        .rows(
            "SELECT day, contracted_fen, consumed_fen, refunded_fen, until_on, contracts FROM owed_days \
             WHERE tenant_id = $1 AND institution_id = $2 ORDER BY day",
            &[&tenant, &institution],
        )
        .await?;
    let day = |row: &Row| OwedDay {
        day: row.get(0),
        contracted_fen: row.get(1),
        consumed_fen: row.get(2),
        refunded_fen: row.get(3),
        until_on: row.get(4),
        contracts: row.get(5),
    };
    Ok(rows.iter().map(day).collect())
}

/// Approved orders of these amounts, the oldest first; a refund with its contract. Who paid on that is not read here.
pub async fn orders(
    client: &ClientWrapper,
    tenant: i32,
    account: &Account,
    amounts: &[i64],
) -> Result<Vec<(Order, Option<i64>)>, Error> {
    let rows = client
        .rows(
            "SELECT 'release' AS what, id, order_ref, amount_fen, (calculated_at AT TIME ZONE interval '8 hours')::date AS since, \
               NULL::bigint AS contract_id, NULL::bytea AS elsewhere \
             FROM release_orders WHERE tenant_id = $1 AND account_id = ANY($3) AND state IN ('approved', 'sent', 'bank_ack') \
             AND amount_fen = ANY($4) \
             UNION ALL SELECT 'refund', id, order_ref, amount_fen, asked_on, contract_id, elsewhere_index FROM refunds \
             WHERE tenant_id = $1 AND institution_id = $2 AND state = 'approved' AND amount_fen = ANY($4) ORDER BY since, id",
            &[&tenant, &account.institution_id, &all_of(account), &amounts],
        )
        .await?;
    let order = |row: &Row| {
        let order = Order {
            what: if row.get::<_, &str>("what") == "release" { What::Release } else { What::Refund },
            id: row.get("id"),
            order_ref: row.get("order_ref"),
            amount_fen: row.get("amount_fen"),
            since: row.get("since"),
            to: To { elsewhere: row.get("elsewhere"), ..To::default() },
        };
        (order, row.get("contract_id"))
    };
    Ok(rows.iter().map(order).collect())
}

/// Payments of these amounts that no entry bears out, not older than `since`; those that went elsewhere may be moved in.
pub async fn payments(
    client: &ClientWrapper,
    tenant: i32,
    institution: i64,
    amounts: &[i64],
    since: DateTime<Utc>,
) -> Result<Vec<OpenPayment>, Error> {
    let rows = client
        .rows(
            "SELECT id, receipt_no, amount_fen, (paid_at AT TIME ZONE interval '8 hours')::date AS paid_on, \
               (payee_index IS NOT NULL OR payee_is_person) AS elsewhere FROM payments \
             WHERE tenant_id = $1 AND institution_id = $2 AND entry_ref IS NULL AND amount_fen = ANY($3) AND paid_at >= $4 ORDER BY paid_at, id",
            &[&tenant, &institution, &amounts, &since],
        )
        .await?;
    let payment = |row: &Row| OpenPayment {
        id: row.get("id"),
        receipt_no: row.get("receipt_no"),
        amount_fen: row.get("amount_fen"),
        paid_on: row.get::<_, NaiveDate>("paid_on"),
        elsewhere: row.get("elsewhere"),
    };
    Ok(rows.iter().map(payment).collect())
}

/// A release order was carried out by an entry of an account.
pub async fn settle_release(
    client: &ClientWrapper,
    tenant: i32,
    (id, account): (i64, i64),
    entry: &NewEntry,
) -> Result<(), Error> {
    client
        .change(
            "UPDATE release_orders SET state = 'settled', settled_at = $3, entry_booked_at = $3, entry_ref = $4, account_id = $5, \
             version = version + 1 WHERE tenant_id = $1 AND id = $2",
            &[&tenant, &id, &entry.booked_at, &entry.bank_ref, &account],
        )
        .await?;
    Ok(())
}

/// Payments are borne out by entries: by id, each with its entry.
pub async fn tie_payments(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    ties: &[(i64, &NewEntry)],
) -> Result<(), Error> {
    let ids: Vec<i64> = ties.iter().map(|(id, _)| *id).collect();
    let booked: Vec<DateTime<Utc>> = ties.iter().map(|(_, entry)| entry.booked_at).collect();
    let refs: Vec<&str> = ties.iter().map(|(_, entry)| entry.bank_ref.as_str()).collect();
    client
        .change(
            "UPDATE payments p SET account_id = $3, entry_booked_at = n.booked, entry_ref = n.ref \
             FROM unnest($2::bigint[], $4::timestamptz[], $5::text[]) AS n (id, booked, ref) \
             WHERE p.tenant_id = $1 AND p.id = ANY($2) AND p.id = n.id",
            &[&tenant, &ids, &account, &booked, &refs],
        )
        .await?;
    Ok(())
}

/// Which of these entries of an account bear out a payment.
pub async fn tied(client: &ClientWrapper, tenant: i32, account: i64, refs: &[&str]) -> Result<HashSet<String>, Error> {
    let rows = client
        .rows(
            "SELECT entry_ref FROM payments WHERE tenant_id = $1 AND account_id = $2 AND entry_ref = ANY($3)",
            &[&tenant, &account, &refs],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Keeps that an entry names a refund and went to somebody who did not pay; whether that is new.
pub async fn astray(
    client: &ClientWrapper,
    tenant: i32,
    account: &Account,
    (refund, bank_ref): (i64, &str),
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let added = client
        .change(
            "INSERT INTO refunds_astray (tenant_id, account_id, entry_ref, refund_id, institution_id, found_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            &[&tenant, &account.id, &bank_ref, &refund, &account.institution_id, &now],
        )
        .await?;
    Ok(added == 1)
}

/// Which of these entries of an account went astray.
pub async fn strays(
    client: &ClientWrapper,
    tenant: i32,
    account: i64,
    refs: &[&str],
) -> Result<HashSet<String>, Error> {
    let rows = client
        .rows(
            "SELECT entry_ref FROM refunds_astray WHERE tenant_id = $1 AND account_id = $2 AND entry_ref = ANY($3)",
            &[&tenant, &account, &refs],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A refund that was paid, with the entry that paid it.
#[derive(Debug)]
pub struct Paid {
    pub order: Order,
    pub contract: i64,
    pub route: Option<Route>,
    pub entry: NewEntry,
}

/// Refunds that an account paid with one of these entries, or to a family whose payment one of them bears out, in order of
/// their booking. What was paid before routes were kept is left as it is.
pub async fn paid(client: &ClientWrapper, tenant: i32, account: &Account, refs: &[&str]) -> Result<Vec<Paid>, Error> {
    let rows = client
        .rows(
            &format!(
                "SELECT {STORED}, r.id, r.order_ref AS number, r.amount_fen AS refunded_fen, r.asked_on, r.contract_id, r.elsewhere_index, \
                   r.route FROM refunds r JOIN LATERAL (SELECT o.* FROM entries o WHERE o.tenant_id = r.tenant_id \
                   AND o.account_id = r.account_id AND o.bank_ref = r.entry_ref AND NOT o.credit \
                   AND o.booked_at > r.entry_booked_at - interval '1 day' AND o.booked_at < r.entry_booked_at + interval '1 day' \
                   LIMIT 1) e ON true \
                 WHERE r.tenant_id = $1 AND r.institution_id = $2 AND r.account_id = $3 AND r.state = 'paid' AND r.route IS NOT NULL \
                 AND (r.entry_ref = ANY($4) OR r.contract_id IN (SELECT p.contract_id FROM payments p WHERE p.tenant_id = $1 \
                   AND p.institution_id = $2 AND p.account_id = $3 AND p.entry_ref = ANY($4))) ORDER BY e.booked_at, e.seq, r.id"
            ),
            &[&tenant, &account.institution_id, &account.id, &refs],
        )
        .await?;
    let paid = |row: &Row| Paid {
        order: Order {
            what: What::Refund,
            id: row.get("id"),
            order_ref: row.get("number"),
            amount_fen: row.get("refunded_fen"),
            since: row.get("asked_on"),
            to: To { elsewhere: row.get("elsewhere_index"), ..To::default() },
        },
        contract: row.get("contract_id"),
        route: row.get::<_, &str>("route").parse().ok(),
        entry: stored(row),
    };
    Ok(rows.iter().map(paid).collect())
}

/// What left an account in these amounts and carries no order out.
pub async fn loose(client: &ClientWrapper, tenant: i32, account: i64, amounts: &[i64]) -> Result<Vec<NewEntry>, Error> {
    let rows = client
        .rows(
            &format!(
                "SELECT {STORED} FROM entries e WHERE e.tenant_id = $1 AND e.account_id = $2 AND NOT e.credit \
                 AND NOT e.reversal AND e.order_ref IS NULL AND e.amount_fen = ANY($3) ORDER BY e.booked_at, e.seq, e.bank_ref"
            ),
            &[&tenant, &account, &amounts],
        )
        .await?;
    Ok(rows.iter().map(stored).collect())
}

/// Entries stand elsewhere within their days: so do they in what they bear out and carry out.
pub async fn moved(client: &ClientWrapper, tenant: i32, account: &Account, bettered: &[Bettered]) -> Result<(), Error> {
    let moved = || bettered.iter().filter(|one| one.stored.booked_at != one.entry.booked_at);
    let refs: Vec<&str> = moved().map(|one| one.entry.bank_ref.as_str()).collect();
    let to: Vec<DateTime<Utc>> = moved().map(|one| one.entry.booked_at).collect();
    if refs.is_empty() {
        return Ok(());
    }
    for table in ["payments", "refunds", "release_orders"] {
        client
            .change(
                &format!(
                    "UPDATE {table} t SET entry_booked_at = m.at FROM unnest($4::text[], $5::timestamptz[]) AS m (ref, at) \
                     WHERE t.tenant_id = $1 AND t.institution_id = $2 AND t.account_id = $3 AND t.entry_ref = ANY($4) AND t.entry_ref = m.ref"
                ),
                &[&tenant, &account.institution_id, &account.id, &refs, &to],
            )
            .await?;
    }
    Ok(())
}

/// Accounts of a bureau of which it was learned anew what is owed on days that are judged already, or whose figures were
/// never written, in order of id.
pub async fn changed(client: &ClientWrapper, tenant: i32) -> Result<Vec<i64>, Error> {
    let rows = client
        .rows(
            "SELECT a.id FROM escrow_accounts a WHERE a.tenant_id = $1 AND (a.owed_changed_on IS NOT NULL \
             OR (a.entry_count > 0 AND a.flow_fen IS NULL) \
             OR (a.status = 'active' AND a.unearned_fen IS NULL AND EXISTS (SELECT FROM owed_days d \
               WHERE d.tenant_id = a.tenant_id AND d.institution_id = a.institution_id))) ORDER BY a.id",
            &[&tenant],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// The same, of institutions with several accounts that were used one after another.
pub async fn changed_beside(client: &ClientWrapper, tenant: i32) -> Result<Vec<i64>, Error> {
    let rows = client
        .rows(
            "SELECT a.id FROM escrow_accounts a WHERE a.tenant_id = $1 AND a.owed_changed_on IS NOT NULL AND EXISTS (SELECT FROM \
             escrow_accounts o WHERE o.tenant_id = $1 AND o.institution_id = a.institution_id AND o.in_use_from IS NOT NULL) ORDER BY a.id",
            &[&tenant],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
