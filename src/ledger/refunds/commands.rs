//! What people do about refunds: work one out, ask for it, approve it, take it back.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{
    error::RefundError,
    limits::is_of_refunds,
    model::{Act, State, Worked},
    store::{self, Contract, NewRefund, RefundRow},
};
use crate::{
    audit::{self, Event},
    db::ScopedConn,
    escrow::account_number,
    identity::{Action, Caller, may},
    kernel::{Fen, Private, mask, private::AccountNumber},
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
    /// That account, as the guardian signed it.
    #[serde(default, deserialize_with = "private")]
    pub elsewhere_account: Private<AccountNumber>,
    /// The sum that was shown; another one by now is refused.
    #[serde(default)]
    pub shown_fen: Option<Fen>,
}

fn private<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Private<AccountNumber>, D::Error> {
    String::deserialize(deserializer).map(Private::new)
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
            elsewhere_named: !self.elsewhere_account.is_empty(),
            charged: None,
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
        let digits = account_number(self.elsewhere_account.expose()).len();
        if asked.elsewhere_named && !(6..=40).contains(&digits) {
            errors.push(FieldError::new(
                "elsewhere_account",
                "ACCOUNT",
                "账号应为 6 至 40 位数字或字母。",
                "An account number has 6 to 40 digits or letters.",
            ));
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
        elsewhere_account: asked.elsewhere.then(|| request.elsewhere_account.masked()),
        charged_units: None,
        policy_version,
    };
    let new = NewRefund {
        asked_on: asked.on,
        refund: &refund,
        worked: &json!(worked),
        asked_by: caller.actor.user_id,
        elsewhere: if asked.elsewhere { named(&conn, request) } else { None },
    };
    let id = store::add(&mut conn, &contract, new, caller.now).await?;
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

/// The keyed hash of the other account that was named.
fn named(conn: &ScopedConn, request: &Request) -> Option<Vec<u8>> {
    conn.vault().digests::<AccountNumber>(request.elsewhere_account.expose()).pop()
}

/// What is done about a refund.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    pub act: Act,
    pub comment: &'a str,
    /// How many of the units that were given an official charges; absent: all that were consumed.
    pub charged_units: Option<u32>,
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
    let (to, action, amount) = match acting.act {
        Act::Approve => {
            let charged = acting.charged_units;
            let refund = approve(&mut conn, state, caller, &contract, &row, (comment, charged)).await?;
            (State::Approved, "refund.approved", refund.amount)
        }
        Act::Withdraw => {
            reason_given(comment, "请写明家长为什么撤回。", "Say why the family takes it back.")?;
            store::withdraw(&mut conn, id).await?;
            (State::Withdrawn, "refund.withdrawn", Fen(row.amount_fen))
        }
    };
    let event = Event {
        action,
        subject_kind: "refund",
        subject_id: id.to_string(),
        institution: Some(row.institution_id),
        before: Some(json!({"state": stands})),
        after: Some(json!({"state": to, "amount_fen": amount, "order_ref": row.order_ref,
            "charged_units": acting.charged_units})),
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

/// Whoever asked for a refund does not approve it. Another person of the institution may, or an official; what a machine asked
/// for, any of several people of the institution.
pub async fn is_own(conn: &mut ScopedConn, caller: &Caller, row: &RefundRow) -> Result<bool, RefundError> {
    if may(caller.actor.role, Action::DecideRefund) {
        return Ok(false);
    }
    Ok(match row.asked_person {
        // Who asked is not kept: anybody here may have.
        None if row.asked_by.is_none() => true,
        None => store::people_of(conn, row.institution_id).await? < 2,
        Some(person) => store::is_person(conn, caller.actor.user_id, person).await?,
    })
}

async fn approve(
    conn: &mut ScopedConn,
    state: &AppState,
    caller: &Caller,
    contract: &Contract,
    row: &RefundRow,
    (comment, charged): (&str, Option<u32>),
) -> Result<Refund, RefundError> {
    let official = may(caller.actor.role, Action::DecideRefund);
    let mut worked: Worked = serde_json::from_value(row.steps.clone()).map_err(|_| RefundError::NotFound)?;
    let asked = Asked {
        on: row.asked_on,
        ground: row.reason.parse().ok(),
        part: worked.part_fen,
        fee: worked.fee_fen,
        elsewhere: !worked.elsewhere.is_empty(),
        elsewhere_reason: worked.elsewhere.clone(),
        elsewhere_named: worked.elsewhere_account.is_some(),
        charged,
    };
    let facts = store::facts(conn, contract, row.id).await?;
    let (limits, _) = limits(conn, caller.actor.tenant, caller.today()).await?;
    let now = refund::refund(&facts, &asked, &limits, &state.calendar);
    if (now.is_referred() || charged.is_some()) && !official {
        return Err(RefundError::Official);
    }
    if is_own(conn, caller, row).await? {
        return Err(RefundError::Own);
    }
    if now.is_blocked() {
        return Err(RefundError::Blocked(Box::new(now)));
    }
    // What an official decides anew is the sum; what was asked for must be it still.
    if charged.is_none() && now.amount.0 != row.amount_fen {
        return Err(RefundError::Sum(now.amount));
    }
    if now.is_referred() {
        reason_given(
            comment,
            "有须核定的事项，请写明核定意见。",
            "Something is left to an official; say what was decided.",
        )?;
    }
    worked.steps.clone_from(&now.steps);
    worked.findings.clone_from(&now.findings);
    worked.charged_units = charged;
    store::approve(conn, row.id, caller.actor.user_id, &now, &json!(worked)).await?;
    if now.ground.ends_the_contract() && asked.part.is_none() {
        store::cancel_contract(conn, contract.id).await?;
    }
    Ok(now)
}
