//! Proposing values, and adopting what was approved.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    PolicyError,
    model::{InvalidValue, Parameter, Row, Stricter, Value},
    rules::{self, Chain},
    store,
};
use crate::{
    approvals::{self, Approval, Draft, Kind},
    audit::{self, Event},
    db::{DbError, Pools, ScopedConn},
    escrow::policy::Policy as Thresholds,
    identity::{Action, Caller, may},
};

/// A value that a bureau would like to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub parameter: &'static Parameter,
    pub value: Value,
}

/// What is proposed: values, their first day, and why.
#[derive(Debug, Clone)]
pub struct Change<'a> {
    /// What the proposal is about: a parameter's id, or a part of the policy such as `escrow`.
    pub subject: &'a str,
    pub settings: Vec<Setting>,
    pub from: NaiveDate,
    pub reason: &'a str,
    /// The ETag that was read, where the caller must say so.
    pub read: Option<&'a str>,
}

/// As a proposal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payload {
    pub effective_from: NaiveDate,
    pub values: Vec<Proposed>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Proposed {
    pub parameter: String,
    /// What held when it was proposed.
    pub before: Json,
    pub value: Json,
}

/// What identifies a state of everything that is set for a part of a policy, planned values included.
pub fn etag(chain: &Chain, on: NaiveDate, belongs: impl Fn(&str) -> bool + Copy) -> String {
    let last = chain.rows.iter().filter(|row| belongs(row.parameter)).map(|row| row.id).max().unwrap_or_default();
    format!("\"{}~{last}\"", chain.on(on).version("", belongs))
}

/// The chain as it would be with these values of the bureau `tenant`.
pub fn with_settings(chain: &Chain, settings: &[Setting], from: NaiveDate) -> Chain {
    let mut with = chain.clone();
    for (at, setting) in (0..).zip(settings) {
        with.rows.push(Row {
            tenant: chain.tenant,
            // After whatever is there, so that it wins among the values of its day.
            id: i64::MAX / 2 + at,
            parameter: setting.parameter.id,
            effective_from: from,
            value: setting.value.clone(),
            version: 0,
            reason: String::new(),
            proposed_by: String::new(),
            approved_by: String::new(),
            adopted_at: Default::default(),
        });
    }
    with
}

/// Whether no value of the change is looser than what would hold on its first day without it.
fn tightens(chain: &Chain, settings: &[Setting], from: NaiveDate) -> bool {
    settings.iter().all(|setting| {
        let now = chain.resolve(setting.parameter, from).value;
        setting.parameter.stricter != Stricter::Local
            && setting.parameter.compare(&setting.value, &now).is_some_and(std::cmp::Ordering::is_ge)
    })
}

/// Everything that must hold of a change, whoever proposes it.
pub fn check(chain: &Chain, settings: &[Setting], from: NaiveDate, today: NaiveDate) -> Result<(), PolicyError> {
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let earliest = if tightens(chain, settings, from.max(today)) { today } else { tomorrow };
    if from < earliest {
        return Err(PolicyError::Day { given: from, earliest });
    }
    let looser: Vec<_> = settings
        .iter()
        .filter_map(|one| rules::check(one.parameter, &one.value, &chain.rows, chain.tenant, from).err())
        .map(|found| *found)
        .collect();
    if !looser.is_empty() {
        return Err(PolicyError::Looser(looser));
    }
    let same = |one: &Setting| {
        let own = rules::in_force_of(&chain.rows, chain.tenant, one.parameter.id, from);
        match own {
            Some(row) => row.value == one.value,
            None => chain.resolve(one.parameter, from).value == one.value,
        }
    };
    if settings.iter().all(same) {
        return Err(PolicyError::Unchanged);
    }
    coherent(chain, settings, from)
}

/// Thresholds of the escrow warnings must make sense together: a graver level is not easier to reach than a lesser one.
fn coherent(chain: &Chain, settings: &[Setting], from: NaiveDate) -> Result<(), PolicyError> {
    let touched = settings.iter().find(|one| one.parameter.id.starts_with("escrow."));
    let Some(touched) = touched else { return Ok(()) };
    let policy = Thresholds::of(&with_settings(chain, settings, from).on(from));
    policy.validate().map_err(|error| {
        let what = InvalidValue {
            zh: format!("与其他级别不一致（{}）：{}", error.path, error.message_zh),
            en: format!("does not go with the other levels ({}): {}", error.path, error.message_en),
        };
        PolicyError::Invalid(vec![(touched.parameter.id.to_owned(), what)])
    })
}

/// Proposes values for the caller's own bureau and all below it; returns the proposal's id. Another official adopts it.
pub async fn propose(pools: &Pools, caller: &Caller, change: Change<'_>) -> Result<i64, PolicyError> {
    if !may(caller.actor.role, Action::SetPolicy) {
        return Err(PolicyError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let subject = vec![change.subject.to_owned()];
    approvals::give_way(&mut conn, caller, Kind::ChangePolicy, &subject).await?;
    let chain = super::chain(&mut conn, caller.actor.tenant).await?;
    if let Some(read) = change.read {
        let belongs = |id: &str| id.split('.').next() == Some(change.subject);
        if read != etag(&chain, caller.today(), belongs) {
            return Err(PolicyError::Changed);
        }
    }
    check(&chain, &change.settings, change.from, caller.today())?;
    let values: Vec<Proposed> = change
        .settings
        .iter()
        .map(|one| Proposed {
            parameter: one.parameter.id.to_owned(),
            before: one.parameter.write(&chain.resolve(one.parameter, change.from).value),
            value: one.parameter.write(&one.value),
        })
        .collect();
    let told = json!({ "effective_from": change.from, "values": told_of(&values) });
    let payload = Payload { effective_from: change.from, values };
    let draft = Draft { subject: change.subject.to_owned(), institution: None, payload: json!(payload), told };
    let ids = approvals::propose(&mut conn, caller, Kind::ChangePolicy, change.reason, &[draft]).await?;
    conn.commit().await?;
    ids.into_iter().next().ok_or(PolicyError::NotFound)
}

/// Each parameter with its new value.
fn told_of(values: &[Proposed]) -> Json {
    values.iter().map(|one| (one.parameter.clone(), one.value.clone())).collect::<serde_json::Map<_, _>>().into()
}

/// The settings of a proposal; `None` where one names what the program no longer has.
pub(super) fn settings_of(payload: &Payload) -> Option<Vec<Setting>> {
    let setting = |one: &Proposed| {
        let parameter = super::parameter_of(&one.parameter)?;
        Some(Setting { parameter, value: parameter.read(&one.value).ok()? })
    };
    payload.values.iter().map(setting).collect()
}

/// Adopts one approved proposal. Judged by what stands above at this moment; its first day must not have passed.
pub(super) async fn adopt(conn: &mut ScopedConn, caller: &Caller, approval: &Approval) -> Result<(), PolicyError> {
    store::one_at_a_time(conn).await?;
    let payload: Payload = serde_json::from_value(approval.payload.clone()).map_err(|_| PolicyError::NotFound)?;
    let settings = settings_of(&payload).ok_or(PolicyError::NotFound)?;
    let from = payload.effective_from;
    if from < caller.today() {
        return Err(PolicyError::TooLate);
    }
    let chain = super::chain(conn, caller.actor.tenant).await?;
    // The day before was early enough when it was proposed; waiting for the second official makes it no earlier.
    check(&chain, &settings, from, caller.today().pred_opt().unwrap_or(from))?;
    for setting in &settings {
        store::adopt(conn, caller, approval, (setting.parameter, &setting.value), from).await?;
    }
    record(conn, caller, approval, &chain, &settings, from).await?;
    Ok(())
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    approval: &Approval,
    chain: &Chain,
    settings: &[Setting],
    from: NaiveDate,
) -> Result<(), DbError> {
    let events = settings
        .iter()
        .map(|one| Event {
            action: "policy.changed",
            subject_kind: "policy",
            subject_id: one.parameter.id.to_owned(),
            institution: None,
            before: Some(json!({ "value": one.parameter.write(&chain.resolve(one.parameter, from).value) })),
            after: Some(json!({
                "value": one.parameter.write(&one.value), "effective_from": from, "approval": approval.id,
                "proposed_by": approval.proposed_by_name,
            })),
            reason: Some(&approval.reason),
        })
        .collect();
    audit::store::record_all(conn, caller, events).await
}
