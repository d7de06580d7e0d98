//! Recording a complaint, and settling it.

use chrono::NaiveDate;
use serde_json::json;

use super::{
    error::ComplaintError,
    model::{Kind, State},
    store::{self, NewComplaint},
};
use crate::{
    audit::{self, Event},
    identity::{Action, Caller, may},
    kernel::{
        CreditCode, Fen, Private, mask,
        private::{Kind as _, Phone},
    },
    web::{AppState, FieldError, SafeForm},
};

/// Longest note and reason, in characters.
const TEXT_MAX: usize = 1000;
/// Most that one complaint may be about.
const AMOUNT_MAX: i64 = 100_000_000;

fn allowed(caller: &Caller) -> Result<(), ComplaintError> {
    if may(caller.actor.role, Action::HandleComplaint) { Ok(()) } else { Err(ComplaintError::Forbidden) }
}

/// A complaint as told, not yet checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told<'a> {
    pub credit_code: &'a str,
    pub kind: &'a str,
    pub received_on: &'a str,
    /// In fen; `Some(Err)` for what is no amount.
    pub amount: Option<Result<i64, ()>>,
    pub personal_payee: bool,
    pub phone: &'a str,
    pub note: &'a str,
}

impl<'a> Told<'a> {
    /// As a form has it.
    pub fn of(form: &'a SafeForm) -> Told<'a> {
        let amount = form.get("amount");
        Told {
            credit_code: form.get("credit_code"),
            kind: form.get("kind"),
            received_on: form.get("received_on"),
            amount: (!amount.is_empty()).then(|| amount.parse::<Fen>().map(|fen| fen.0).map_err(drop)),
            personal_payee: form.get("personal_payee") == "yes",
            phone: form.get("phone"),
            note: form.get("note"),
        }
    }
}

/// A complaint whose fields are right.
struct Checked {
    credit_code: CreditCode,
    kind: Kind,
    received_on: NaiveDate,
    amount_fen: Option<i64>,
    phone: Option<Private<Phone>>,
    note: String,
}

fn check(told: &Told<'_>, today: NaiveDate) -> Result<Checked, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |path: &str, zh: &str, en: &str| errors.push(FieldError::new(path, path, zh, en));
    let credit_code = told.credit_code.parse::<CreditCode>().ok();
    if credit_code.is_none() {
        wrong(
            "credit_code",
            "统一社会信用代码不对，应为 18 位",
            "not a valid unified social credit code of 18 characters",
        );
    }
    let kind = told.kind.parse::<Kind>().ok();
    if kind.is_none() {
        wrong("kind", "请选择投诉的事项", "choose what it is about");
    }
    let received_on = told.received_on.parse::<NaiveDate>().ok().filter(|day| *day <= today);
    if received_on.is_none() {
        wrong(
            "received_on",
            "请填写收到投诉的日期，不晚于今天",
            "give the day on which it was received, today at the latest",
        );
    }
    let amount = match told.amount {
        None => Some(None),
        Some(amount) => amount.ok().filter(|fen| (1..=AMOUNT_MAX).contains(fen)).map(Some),
    };
    if amount.is_none() {
        wrong(
            "amount",
            "金额应大于 0，不超过 1,000,000.00，最多两位小数",
            "an amount above 0, of 1,000,000.00 at most",
        );
    }
    let phone = match (told.phone, Phone::normal(told.phone).as_slice()) {
        ("", _) => Some(None),
        (_, [one]) if (7..=12).contains(&one.len()) => Some(Some(Private::<Phone>::new(one.clone()))),
        _ => None,
    };
    if phone.is_none() {
        wrong("phone", "请填写一个电话号码；匿名投诉请留空", "give one telephone number, or none for an anonymous one");
    }
    let note = told.note;
    if note.chars().count() > TEXT_MAX {
        wrong("note", "不超过 1000 字", "1000 characters at most");
    }
    match (credit_code, kind, received_on, amount, phone) {
        (Some(credit_code), Some(kind), Some(received_on), Some(amount_fen), Some(phone)) if errors.is_empty() => {
            Ok(Checked { credit_code, kind, received_on, amount_fen, phone, note: note.to_owned() })
        }
        _ => Err(errors),
    }
}

/// Records what a family told the bureau; the complaint's number. One family is counted once, however often it calls.
pub(super) async fn record(state: &AppState, caller: &Caller, told: &Told<'_>) -> Result<i64, ComplaintError> {
    allowed(caller)?;
    let checked = check(told, caller.today()).map_err(ComplaintError::Invalid)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let Some(institution) = store::institution(&mut conn, checked.credit_code.as_str()).await? else {
        let (zh, en) =
            ("本县没有登记这家机构，请核对代码", "no such institution on this bureau's register; check the code");
        return Err(ComplaintError::Invalid(vec![FieldError::new("credit_code", "credit_code", zh, en)]));
    };
    let new = NewComplaint {
        institution,
        kind: checked.kind,
        received_on: checked.received_on,
        amount_fen: checked.amount_fen,
        personal_payee: checked.kind == Kind::OutsideEscrow && told.personal_payee,
        phone: checked.phone.as_ref(),
        note: &checked.note,
    };
    let id = store::add(&mut conn, &new, &caller.actor.display_name, caller.now).await?;
    // Not the institution's: its own trail says nothing of a complaint.
    let event = Event {
        action: "complaint.recorded",
        subject_kind: "complaint",
        subject_id: id.to_string(),
        after: Some(
            json!({"credit_code": checked.credit_code.as_str(), "kind": new.kind, "received_on": new.received_on,
                           "amount_fen": new.amount_fen, "personal_payee": new.personal_payee, "phone": checked.phone}),
        ),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(id)
}

/// Says that a complaint was verified, or that it counts no more.
pub(super) async fn settle(
    state: &AppState,
    caller: &Caller,
    id: i64,
    (to, reason): (State, &str),
) -> Result<(), ComplaintError> {
    allowed(caller)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > TEXT_MAX {
        let (zh, en) = ("请写明核实的情况，不超过 1000 字", "say what was found, in 1000 characters at most");
        return Err(ComplaintError::Invalid(vec![FieldError::new("reason", "reason", zh, en)]));
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let before = store::lock(&mut conn, id).await?.ok_or(ComplaintError::NotFound)?;
    // What was verified may turn out to have been put right since.
    if before == State::Refuted || before == to || to == State::Received {
        return Err(ComplaintError::Settled);
    }
    let reason = mask::numbers(reason);
    store::settle(&mut conn, id, (to, &reason), &caller.actor.display_name, caller.now).await?;
    let event = Event {
        action: "complaint.settled",
        subject_kind: "complaint",
        subject_id: id.to_string(),
        before: Some(json!({ "state": before })),
        after: Some(json!({ "state": to })),
        reason: Some(&reason),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}
