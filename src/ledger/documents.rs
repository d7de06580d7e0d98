//! Contracts, payments and lessons as programs read them. People's names and numbers are masked but for the institution
//! whose contracts they are.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    rules::silence,
    store::{contracts::Contract, lessons::Lesson, payments::Payment},
};
use crate::{
    db::DbError,
    kernel::{Private, clock::BEIJING, private::Kind},
    vault::Vault,
};

fn local(at: DateTime<Utc>) -> DateTime<FixedOffset> {
    at.with_timezone(&BEIJING)
}

/// In full for the institution itself, else the mask.
fn shown<K: Kind>(value: &Private<K>, own: bool) -> Option<String> {
    (!value.is_empty()).then(|| if own { value.expose().to_owned() } else { value.masked() })
}

/// A contract.
#[derive(Debug, Clone, Serialize)]
pub struct ContractDocument {
    pub id: i64,
    pub contract_no: String,
    pub credit_code: String,
    pub institution_name: String,
    pub course_id: Option<i64>,
    pub subject: String,
    pub product: String,
    pub basis: String,
    pub pupil: Option<String>,
    pub guardian_phone: Option<String>,
    pub signed_on: NaiveDate,
    pub renewal: bool,
    pub price_fen: i64,
    pub materials_fen: i64,
    pub unit_price_fen: i64,
    pub units_bought: i32,
    pub units_gifted: i32,
    pub instalments: i32,
    pub first_lesson_on: NaiveDate,
    pub last_lesson_on: NaiveDate,
    pub paid_fen: i64,
    pub consumed_units: i32,
    pub consumed_fen: i64,
    pub refunded_fen: i64,
    pub unearned_fen: i64,
    pub status: String,
    pub findings: Value,
    pub created_at: DateTime<FixedOffset>,
    pub version: i32,
}

impl ContractDocument {
    /// `own`: for the institution itself.
    pub fn of(row: Contract, vault: &Vault, own: bool) -> Result<ContractDocument, DbError> {
        Ok(ContractDocument {
            pupil: shown(&row.pupil(vault)?, own),
            guardian_phone: shown(&row.guardian_phone(vault)?, own),
            unit_price_fen: row.terms().unit_price().0,
            unearned_fen: row.unearned_fen(),
            id: row.id,
            contract_no: row.contract_no,
            credit_code: row.credit_code,
            institution_name: row.institution_name,
            course_id: row.course_id,
            subject: row.subject,
            product: row.product,
            basis: row.basis,
            signed_on: row.signed_on,
            renewal: row.is_renewal,
            price_fen: row.price_fen,
            materials_fen: row.materials_fen,
            units_bought: row.units_bought,
            units_gifted: row.units_gifted,
            instalments: row.instalments,
            first_lesson_on: row.first_lesson_on,
            last_lesson_on: row.last_lesson_on,
            paid_fen: row.paid_fen,
            consumed_units: row.consumed_units,
            consumed_fen: row.consumed_fen,
            refunded_fen: row.refunded_fen,
            status: row.status,
            findings: row.findings,
            created_at: local(row.created_at),
            version: row.version,
        })
    }
}

/// A payment. `entry_id` is the bank's entry that bears it out, null until one does.
pub fn payment(row: &Payment, vault: &Vault, own: bool) -> Result<Value, DbError> {
    let payee = row.payee(vault)?;
    let entry = row.account_id.zip(row.entry_ref.as_deref());
    Ok(json!({
        "id": row.id,
        "contract_id": row.contract_id,
        "receipt_no": row.receipt_no,
        "paid_at": local(row.paid_at),
        "amount_fen": row.amount_fen,
        "channel": row.channel,
        "payee_account": payee.as_ref().and_then(|payee| shown(payee, own)),
        "payee_is_person": row.payee_is_person,
        "entry": entry.map(|(account, bank_ref)| json!({"account_id": account, "bank_ref": bank_ref})),
        "recorded_at": local(row.recorded_at),
    }))
}

/// A lesson as it stands at `now`, whether or not anybody has looked since silence confirmed it.
pub fn lesson(row: &Lesson, now: DateTime<Utc>) -> Value {
    let stored = row.state.parse().ok();
    let state = stored.map(|stored| silence::state_at(stored, row.due_at, now));
    let silent = state != stored;
    json!({
        "id": row.id,
        "contract_id": row.contract_id,
        "contract_no": row.contract_no,
        "unit_no": row.unit_no,
        "ended_at": local(row.ended_at),
        "state": state,
        "due_at": local(row.due_at),
        "confirmed_at": if silent { Some(local(row.due_at)) } else { row.confirmed_at.map(local) },
        "confirmed_by": if silent { Some("silence") } else { row.confirmed_by.as_deref() },
        "amount_fen": row.amount_fen,
    })
}
