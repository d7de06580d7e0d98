//! The JSON of the API, as the contract says.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::evidence::{Attachment, api::DocumentView};
use super::store::{
    accounts::Account,
    entries::Entry,
    warnings::{Action, Warning},
};
use crate::{db::DbError, kernel::clock::BEIJING, vault::Vault};

pub(super) fn local(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    at.with_timezone(&BEIJING)
}

/// An account. What rests on contracts is null until there are any, and what nobody can say is null, too.
#[derive(Debug, Serialize)]
pub struct AccountDocument {
    id: i64,
    region: String,
    credit_code: String,
    institution: String,
    bank: String,
    account: String,
    account_name: String,
    mode: String,
    /// Null where a sheet named the account and nobody has filed these two. An official reads the payee's mask.
    agreement_no: Option<String>,
    payee_account: Option<String>,
    /// `upcoming` waits for its day, `emptying` had a successor and holds money still.
    status: String,
    /// None named: the whole institution.
    branches: Vec<String>,
    in_use_from: Option<NaiveDate>,
    /// The first day on which its successor is in use.
    in_use_until: Option<NaiveDate>,
    balance_fen: i64,
    entries: i64,
    last_booked_at: Option<DateTime<FixedOffset>>,
    statement_on: Option<NaiveDate>,
    unearned_fen: Option<i64>,
    coverage_bp: Option<i64>,
    minimum_fen: Option<i64>,
    runoff_on: Option<NaiveDate>,
}

impl AccountDocument {
    /// An account as its institution reads it (`own`), or as an official does.
    pub fn of(account: Account, vault: &Vault, own: bool) -> Result<AccountDocument, DbError> {
        let payee = account.payee(vault)?;
        Ok(AccountDocument {
            id: account.id,
            region: format!("{:06}", account.tenant_id),
            credit_code: account.credit_code,
            institution: account.institution_name,
            bank: account.bank,
            account: account.account_no,
            account_name: account.account_name,
            mode: account.mode,
            agreement_no: account.agreement_no,
            payee_account: payee.map(|payee| if own { payee.expose().to_owned() } else { payee.masked() }),
            status: account.status,
            branches: account.branches,
            in_use_from: account.in_use_from,
            in_use_until: account.in_use_until,
            balance_fen: account.balance_fen,
            entries: account.entry_count,
            last_booked_at: account.last_booked_at.map(local),
            statement_on: account.statement_on,
            unearned_fen: account.figures.unearned_fen,
            coverage_bp: account.figures.coverage_bp(),
            minimum_fen: account.figures.minimum_fen,
            runoff_on: account.figures.runoff_on,
        })
    }
}

/// What an entry is called in receipts: the same whenever the same entry of the account is delivered.
pub fn entry_id(tenant: i32, account: i64, bank_ref: &str) -> String {
    hex::encode(&Sha256::digest(format!("{tenant}:{account}:{bank_ref}"))[..16])
}

/// An entry, in the words of `parse statement`.
#[derive(Debug, Serialize)]
pub struct EntryDocument {
    entry_id: String,
    bank_ref: String,
    seq: i32,
    booked_on: NaiveDate,
    /// Null for an entry without a time of day.
    booked_at: Option<DateTime<FixedOffset>>,
    value_on: Option<NaiveDate>,
    direction: &'static str,
    amount_fen: i64,
    reversal: bool,
    kind: String,
    counterparty_name: Option<String>,
    counterparty_account: Option<String>,
    remittance: Option<String>,
    balance_after_fen: Option<i64>,
    /// The approved release or refund order that it settles.
    order_ref: Option<String>,
}

impl EntryDocument {
    /// An entry of an account as its institution reads it (`own`), or as an official does.
    pub fn of(tenant: i32, account: i64, entry: Entry, own: bool) -> EntryDocument {
        let entry = if own { entry } else { entry.masked() };
        let at = local(entry.booked_at);
        EntryDocument {
            entry_id: entry_id(tenant, account, &entry.bank_ref),
            seq: entry.seq,
            booked_on: at.date_naive(),
            booked_at: (entry.has_time()).then_some(at),
            value_on: entry.value_on,
            direction: if entry.credit { "credit" } else { "debit" },
            amount_fen: entry.amount_fen,
            reversal: entry.reversal,
            kind: entry.kind,
            counterparty_name: entry.counterparty_name,
            counterparty_account: entry.counterparty_account,
            remittance: entry.remittance,
            balance_after_fen: entry.balance_after_fen,
            order_ref: entry.order_ref,
            bank_ref: entry.bank_ref,
        }
    }
}

/// The balance at the end of a local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Balance {
    pub date: NaiveDate,
    pub balance_fen: i64,
    pub credit_fen: i64,
    pub debit_fen: i64,
}

/// A warning.
#[derive(Debug, Serialize)]
pub struct WarningDocument {
    id: i64,
    region: String,
    /// Null for a warning about an institution as a whole, or about a bank.
    account_id: Option<i64>,
    account: Option<String>,
    credit_code: Option<String>,
    institution: Option<String>,
    /// Of a warning about a bank.
    bank: Option<String>,
    kind: String,
    level: String,
    status: String,
    raised_at: DateTime<FixedOffset>,
    bank_ref: Option<String>,
    evidence: Value,
    history: Value,
    policy_version: String,
    due_on: Option<NaiveDate>,
    detected_at: DateTime<FixedOffset>,
    resolved_at: Option<DateTime<FixedOffset>>,
    resolved_by: Option<String>,
    handler: Option<String>,
    conclusion: Option<String>,
    version: i32,
}

impl From<Warning> for WarningDocument {
    fn from(warning: Warning) -> WarningDocument {
        let (institution, bank) = match warning.institution_id {
            Some(_) => (Some(warning.institution_name), None),
            None => (None, Some(warning.institution_name)),
        };
        WarningDocument {
            id: warning.id,
            region: format!("{:06}", warning.tenant_id),
            account_id: warning.account_id,
            account: warning.account_no,
            credit_code: warning.credit_code,
            institution,
            bank,
            kind: warning.kind,
            level: warning.level,
            status: warning.status,
            raised_at: local(warning.raised_at),
            bank_ref: warning.bank_ref,
            evidence: warning.evidence,
            history: warning.history,
            policy_version: warning.policy_version,
            due_on: warning.due_on,
            detected_at: local(warning.detected_at),
            resolved_at: warning.resolved_at.map(local),
            resolved_by: warning.resolved_by,
            handler: warning.handler,
            conclusion: warning.conclusion,
            version: warning.version,
        }
    }
}

/// What somebody did about a warning.
#[derive(Debug, Serialize)]
pub struct ActionDocument {
    action: String,
    comment: String,
    actor: String,
    role: String,
    at: DateTime<FixedOffset>,
    documents: Vec<DocumentView>,
}

impl ActionDocument {
    /// An action with what is attached to it, as the institution reads it (`own`), or as an official does.
    pub fn of(action: Action, attached: &[Attachment], own: bool) -> ActionDocument {
        let of_it = attached.iter().filter(|document| document.action == action.id);
        ActionDocument {
            documents: of_it.map(|document| DocumentView::of(document, own)).collect(),
            action: action.action,
            comment: action.comment,
            actor: action.actor_name,
            role: action.actor_role,
            at: local(action.at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_same_receipt_whenever_it_comes() {
        assert_eq!(entry_id(331_002, 7, "A1"), entry_id(331_002, 7, "A1"));
        assert_ne!(entry_id(331_002, 7, "A1"), entry_id(331_003, 7, "A1"));
        assert_ne!(entry_id(331_002, 7, "A1"), entry_id(331_002, 71, "1"));
    }
}
