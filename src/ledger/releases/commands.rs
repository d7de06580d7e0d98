//! What people do about releases: work one out for a period, approve, send or reject it.

use chrono::{Days, NaiveDate, NaiveTime};
use serde::Deserialize;
use serde_json::json;

use super::{
    error::ReleaseError,
    model::{Act, State},
    store::{self, NewOrder, OrderRow},
};
use crate::{
    audit::{self, Event},
    escrow::model::Mode,
    identity::{Action, Caller, may},
    kernel::clock::BEIJING,
    ledger::rules::release,
    policies,
    web::{AppState, FieldError},
};

/// Most days of one period.
const PERIOD_DAYS_MAX: i64 = 366;
/// Longest reason in characters.
const REASON_MAX: usize = 2_000;

/// What is to be released: the confirmed lessons of a period and all before it that were not released yet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Of the institution; an institution's user names its own or none.
    #[serde(default)]
    pub credit_code: String,
    pub period_from: NaiveDate,
    pub period_to: NaiveDate,
    /// 1 unless the period has an order already.
    #[serde(default = "first")]
    pub seq: i32,
}

fn first() -> i32 {
    1
}

fn check(request: &Request, today: NaiveDate) -> Result<(), ReleaseError> {
    let days = (request.period_to - request.period_from).num_days();
    let mut errors = Vec::new();
    let mut wrong = |path: &str, zh: &str, en: &str| errors.push(FieldError::new(path, "format", zh, en));
    if !(0..PERIOD_DAYS_MAX).contains(&days) {
        wrong(
            "period_from",
            "起始日须不晚于截止日，最多 366 天。",
            "The first day is not after the last, and a period has 366 days at most.",
        );
    }
    if request.period_to > today {
        wrong("period_to", "截止日不能晚于今天。", "The last day is not after today.");
    }
    if !(1..=99).contains(&request.seq) {
        wrong("seq", "序号须为 1 至 99。", "The number is from 1 to 99.");
    }
    if errors.is_empty() { Ok(()) } else { Err(ReleaseError::Invalid(errors)) }
}

/// Works out the order of a period and keeps it; the same order however often it is asked for. Returns it, and whether it
/// is new.
pub async fn calculate(state: &AppState, caller: &Caller, request: &Request) -> Result<(OrderRow, bool), ReleaseError> {
    if !may(caller.actor.role, Action::CalculateRelease) {
        return Err(ReleaseError::Forbidden);
    }
    check(request, caller.today())?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let institution = match caller.actor.institution {
        Some(own) if request.credit_code.is_empty() => own,
        own => {
            let named = store::institution(&mut conn, &request.credit_code).await?.ok_or(ReleaseError::NotFound)?;
            own.is_none_or(|own| own == named).then_some(named).ok_or(ReleaseError::NotFound)?
        }
    };
    let account = store::lock_account(&mut conn, institution).await?.ok_or(ReleaseError::NoAccount)?;
    if let Some(there) = store::of_period(&mut conn, institution, request.period_to, request.seq).await? {
        return if there.period_from == request.period_from {
            Ok((there, false))
        } else {
            Err(ReleaseError::OtherPeriod)
        };
    }
    let end = request.period_to.checked_add_days(Days::new(1)).unwrap_or(request.period_to).and_time(NaiveTime::MIN);
    let end = end.and_local_timezone(BEIJING).single().map_or(caller.now, |end| end.to_utc());
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    let waits = in_force.word("release.first") == "after_cooling_off";
    let days = u32::try_from(in_force.number("refund.cooling_off_days")).unwrap_or_default();
    let cooled_until = waits.then(|| release::cooled_until(&state.calendar, caller.today(), days));
    let sums = store::sums(&mut conn, institution, end, caller.now, cooled_until).await?;
    let amount = release::release(account.mode.parse().unwrap_or(Mode::RiskDeposit), sums)?;
    let by_rule = in_force.word("release.approval") == "rule";
    let stands = if by_rule { State::Approved } else { State::Calculated };
    let inputs = json!(sums);
    let order = NewOrder {
        institution,
        account: account.id,
        period: (request.period_from, request.period_to),
        seq: request.seq,
        amount_fen: amount.0,
        inputs: &inputs,
        state: stands.into(),
        approved_by: by_rule.then_some("rule"),
    };
    let id = store::add(&mut conn, &order, caller.now).await?;
    let row = store::order(&mut conn, id).await?.ok_or(ReleaseError::NotFound)?;
    let event = Event {
        action: "release.calculated",
        subject_kind: "release_order",
        subject_id: id.to_string(),
        institution: Some(institution),
        after: Some(json!({"order_ref": row.order_ref, "period_from": row.period_from, "period_to": row.period_to,
            "amount_fen": amount, "inputs": inputs, "state": stands, "approved_by": row.approved_by})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok((row, true))
}

/// What is done about an order.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    pub act: Act,
    pub comment: &'a str,
    /// The version that was read; another one by now is refused.
    pub version: Option<i32>,
}

/// Approves, sends or rejects an order.
pub async fn act(state: &AppState, caller: &Caller, id: i64, acting: Acting<'_>) -> Result<OrderRow, ReleaseError> {
    if !may(caller.actor.role, Action::DecideRelease) {
        return Err(ReleaseError::Forbidden);
    }
    let comment = acting.comment.trim();
    let mut errors = Vec::new();
    if acting.act == Act::Reject && comment.is_empty() {
        errors.push(FieldError::new("comment", "required", "请写明退回的理由。", "Say why it is rejected."));
    }
    if comment.chars().count() > REASON_MAX {
        errors.push(FieldError::new("comment", "too-long", "请写在 2000 字以内。", "Write 2,000 characters at most."));
    }
    if !errors.is_empty() {
        return Err(ReleaseError::Invalid(errors));
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let row = store::lock(&mut conn, id).await?.ok_or(ReleaseError::NotFound)?;
    if acting.version.is_some_and(|version| version != row.version) {
        return Err(ReleaseError::Changed);
    }
    let stands = row.state.parse().unwrap_or(State::Settled);
    let to = stands.after(acting.act).ok_or(ReleaseError::State(stands))?;
    let by = (acting.act == Act::Approve).then_some(caller.actor.display_name.as_str());
    store::set_state(&mut conn, id, to.into(), by).await?;
    let event = Event {
        action: match acting.act {
            Act::Approve => "release.approved",
            Act::Send => "release.sent",
            Act::Reject => "release.rejected",
        },
        subject_kind: "release_order",
        subject_id: id.to_string(),
        institution: Some(row.institution_id),
        before: Some(json!({"state": stands})),
        after: Some(json!({"state": to, "order_ref": row.order_ref, "amount_fen": row.amount_fen})),
        reason: (!comment.is_empty()).then_some(comment),
    };
    audit::store::record(&mut conn, caller, event).await?;
    let row = store::order(&mut conn, id).await?.ok_or(ReleaseError::NotFound)?;
    conn.commit().await?;
    Ok(row)
}
