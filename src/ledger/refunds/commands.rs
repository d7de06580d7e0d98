//! What people do about refunds: work one out, ask for it, approve it, take it back.

use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::json;

use super::{
    error::RefundError,
    limits::is_of_refunds,
    model::{Act, State, Worked},
    store::{self, Contract, RefundRow},
};
use crate::{
    audit::{self, Event},
    db::ScopedConn,
    identity::{Action, Caller, may},
    kernel::{Fen, mask},
    ledger::{
        booking::Booking,
        rules::refund::{self, Asked, Ground, Limits, Refund},
        store::lessons,
    },
    policies,
    web::{AppState, FieldError},
};

/// What the program's own limits are called.
const BASE: &str = "2026-01";
/// Longest reason in characters.
const REASON_MAX: usize = 2_000;

/// What is asked for, as it was sent or typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The day of the family's written request; today when absent.
    #[serde(default)]
    pub asked_on: Option<NaiveDate>,
    /// Absent: the best ground that the facts give.
    #[serde(default)]
    pub reason: Option<Ground>,
    /// A part alone.
    #[serde(default)]
    pub amount_fen: Option<Fen>,
    #[serde(default)]
    pub fee_fen: Fen,
    /// Why it goes to another account than it came from; absent when it does not.
    #[serde(default)]
    pub elsewhere_reason: Option<String>,
    /// The sum that was shown; another one by now is refused.
    #[serde(default)]
    pub shown_fen: Option<Fen>,
}

impl Request {
    fn read(&self, caller: &Caller, contract: &Contract) -> Result<Asked, RefundError> {
        let today = caller.today();
        let asked = Asked {
            on: self.asked_on.unwrap_or(today),
            ground: self.reason,
            part: self.amount_fen,
            fee: self.fee_fen,
            elsewhere: self.elsewhere_reason.is_some(),
            elsewhere_reason: self.elsewhere_reason.clone().unwrap_or_default(),
        };
        let mut errors = Vec::new();
        if !(contract.signed_on..=today).contains(&asked.on) {
            errors.push(FieldError::new(
                "asked_on",
                "format",
                format!("申请日须在签约日 {} 至今天之间。", contract.signed_on),
                format!("The day of the request lies between the signing, {}, and today.", contract.signed_on),
            ));
        }
        if asked.fee < Fen::ZERO {
            errors.push(FieldError::new("fee_fen", "REFUND-FEE", "手续费不能小于 0。", "A fee is not below zero."));
        }
        if asked.elsewhere_reason.chars().count() > REASON_MAX {
            errors.push(too_long("elsewhere_reason"));
        }
        if errors.is_empty() { Ok(asked) } else { Err(RefundError::Invalid(errors)) }
    }
}

fn too_long(path: &str) -> FieldError {
    FieldError::new(path, "too-long", "请写在 2000 字以内。", "Write 2,000 characters at most.")
}

/// The limits in force today, and their version.
pub async fn limits(conn: &mut ScopedConn, tenant: i32, today: NaiveDate) -> Result<(Limits, String), RefundError> {
    let in_force = policies::in_force(conn, tenant, today).await?;
    Ok((Limits::of(&in_force), in_force.version(BASE, is_of_refunds)))
}

/// A contract, locked with its ledger, after what silence has confirmed by now is booked.
async fn settled(conn: &mut ScopedConn, caller: &Caller, contract: i64) -> Result<Contract, RefundError> {
    let found = store::contract(conn, contract).await?.ok_or(RefundError::NotFound)?;
    let booking = Booking::begin(conn, found.institution_id, &[contract]).await?;
    let confirmed = lessons::confirm_by_silence(conn, &[contract], caller.now).await?;
    booking.finish(conn).await?;
    for (contract, units) in confirmed {
        let event = Event {
            action: "lesson.confirmed",
            subject_kind: "contract",
            subject_id: contract.to_string(),
            institution: Some(found.institution_id),
            after: Some(json!({"units": units, "confirmed_by": "silence"})),
            ..Event::default()
        };
        audit::store::record(conn, caller, event).await?;
    }
    store::contract(conn, contract).await?.ok_or(RefundError::NotFound)
}

/// A contract with the refund of it that the caller would ask for.
struct Drafted {
    contract: Contract,
    asked: Asked,
    refund: Refund,
    policy_version: String,
}

async fn draft(
    conn: &mut ScopedConn,
    state: &AppState,
    caller: &Caller,
    contract: i64,
    request: &Request,
) -> Result<Drafted, RefundError> {
    let contract = settled(conn, caller, contract).await?;
    let asked = request.read(caller, &contract)?;
    if let Some(open) = store::open_of(conn, contract.id).await? {
        return Err(RefundError::Open(open));
    }
    let facts = store::facts(conn, &contract, 0).await?;
    let (limits, policy_version) = limits(conn, caller.actor.tenant, caller.today()).await?;
    let refund = refund::refund(&facts, &asked, &limits, &state.calendar);
    Ok(Drafted { contract, asked, refund, policy_version })
}

/// What a refund would come to, with each step; nothing is kept.
pub async fn work_out(
    state: &AppState,
    caller: &Caller,
    contract: i64,
    request: &Request,
) -> Result<Refund, RefundError> {
    if !may(caller.actor.role, Action::KeepLedger) {
        return Err(RefundError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    Ok(draft(&mut conn, state, caller, contract, request).await?.refund)
}

/// Asks for a refund on the family's behalf; returns its id.
pub async fn ask(state: &AppState, caller: &Caller, contract: i64, request: &Request) -> Result<i64, RefundError> {
    if !may(caller.actor.role, Action::KeepLedger) {
        return Err(RefundError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let Drafted { contract, asked, refund, policy_version } =
        draft(&mut conn, state, caller, contract, request).await?;
    if refund.is_blocked() {
        return Err(RefundError::Blocked(Box::new(refund)));
    }
    if request.shown_fen.is_some_and(|shown| shown != refund.amount) {
        return Err(RefundError::Sum(refund.amount));
    }
    let worked = Worked {
        steps: refund.steps.clone(),
        findings: refund.findings.clone(),
        part_fen: asked.part,
        fee_fen: asked.fee,
        elsewhere: mask::numbers(asked.elsewhere_reason.trim()),
        policy_version,
    };
    let id = store::add(&mut conn, &contract, asked.on, &refund, &json!(worked), caller.now).await?;
    let event = Event {
        action: "refund.asked",
        subject_kind: "refund",
        subject_id: id.to_string(),
        institution: Some(contract.institution_id),
        after: Some(json!({"contract_no": contract.contract_no, "asked_on": asked.on, "reason": refund.ground,
            "amount_fen": refund.amount, "due_on": refund.due_on, "elsewhere": worked.elsewhere})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(id)
}

/// What is done about a refund.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    pub act: Act,
    pub comment: &'a str,
    /// The version that was read; another one by now is refused.
    pub version: Option<i32>,
}

/// Approves a refund or takes it back. The sum is worked out again before it is approved, by the facts of today; what the
/// rules leave to an official, an official approves, and says why.
pub async fn act(state: &AppState, caller: &Caller, id: i64, acting: Acting<'_>) -> Result<(), RefundError> {
    let right = match acting.act {
        Act::Approve => Action::HandleRefund,
        Act::Withdraw => Action::KeepLedger,
    };
    if !may(caller.actor.role, right) {
        return Err(RefundError::Forbidden);
    }
    let comment = acting.comment.trim();
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let contract = store::contract_of(&mut conn, id).await?.ok_or(RefundError::NotFound)?;
    let contract = settled(&mut conn, caller, contract).await?;
    let row = store::lock(&mut conn, caller.today(), id).await?.ok_or(RefundError::NotFound)?;
    if acting.version.is_some_and(|version| version != row.version) {
        return Err(RefundError::Changed);
    }
    let stands = row.state.parse().unwrap_or(State::Withdrawn);
    if stands != State::Asked {
        return Err(RefundError::State(stands));
    }
    if comment.chars().count() > REASON_MAX {
        return Err(RefundError::Invalid(vec![too_long("comment")]));
    }
    let (to, action) = match acting.act {
        Act::Approve => {
            approve(&mut conn, state, caller, &contract, &row, comment).await?;
            (State::Approved, "refund.approved")
        }
        Act::Withdraw => {
            reason_given(comment, "请写明家长为什么撤回。", "Say why the family takes it back.")?;
            (State::Withdrawn, "refund.withdrawn")
        }
    };
    store::set_state(&mut conn, id, to.into()).await?;
    let event = Event {
        action,
        subject_kind: "refund",
        subject_id: id.to_string(),
        institution: Some(row.institution_id),
        before: Some(json!({"state": stands})),
        after: Some(json!({"state": to, "amount_fen": row.amount_fen, "order_ref": row.order_ref})),
        reason: (!comment.is_empty()).then_some(comment),
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(())
}

fn reason_given(comment: &str, zh: &str, en: &str) -> Result<(), RefundError> {
    if comment.is_empty() {
        return Err(RefundError::Invalid(vec![FieldError::new("comment", "required", zh, en)]));
    }
    Ok(())
}

async fn approve(
    conn: &mut ScopedConn,
    state: &AppState,
    caller: &Caller,
    contract: &Contract,
    row: &RefundRow,
    comment: &str,
) -> Result<(), RefundError> {
    let worked: Worked = serde_json::from_value(row.steps.clone()).map_err(|_| RefundError::NotFound)?;
    let asked = Asked {
        on: row.asked_on,
        ground: row.reason.parse().ok(),
        part: worked.part_fen,
        fee: worked.fee_fen,
        elsewhere: !worked.elsewhere.is_empty(),
        elsewhere_reason: worked.elsewhere,
    };
    let facts = store::facts(conn, contract, row.id).await?;
    let (limits, _) = limits(conn, caller.actor.tenant, caller.today()).await?;
    let now = refund::refund(&facts, &asked, &limits, &state.calendar);
    if now.is_blocked() {
        return Err(RefundError::Blocked(Box::new(now)));
    }
    if now.amount.0 != row.amount_fen {
        return Err(RefundError::Sum(now.amount));
    }
    if now.is_referred() {
        if !may(caller.actor.role, Action::DecideRefund) {
            return Err(RefundError::Official);
        }
        reason_given(
            comment,
            "有须核定的事项，请写明核定意见。",
            "Something is left to an official; say what was decided.",
        )?;
    }
    if now.ground.ends_the_contract() && asked.part.is_none() {
        store::cancel_contract(conn, contract.id).await?;
    }
    Ok(())
}
