//! Filing a change, taking it back, confirming and refusing it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde_json::{Value, json};

use super::{
    desk::Change,
    model::{Amendment, Checked, OnFile, REASON_MAX, State, Wish},
    store,
};
use crate::{
    approvals::{self, ApprovalError, Draft, Kind},
    audit::{self, Event},
    db::{DbError, Scope, ScopedConn},
    escrow::{
        error::EscrowError,
        filing::store as filings,
        oversight::store::telling::{self, Mail},
        store::accounts,
    },
    identity::{Action, Caller, may},
    kernel::{Private, mask, private::AccountNumber},
    web::{AppState, FieldError},
};

/// What became of confirming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    Done,
    /// A second official decides; the proposal's number.
    Proposed(i64),
}

/// Files a change of the caller's own account. Nothing is other than it was until the bureau confirms it.
pub async fn file(state: &AppState, caller: &Caller, account: i64, wish: &Wish<'_>) -> Result<i64, EscrowError> {
    if !may(caller.actor.role, Action::AmendAccount) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let known = accounts::account(&mut conn, account).await?;
    let known = known.filter(|known| known.tenant_id == caller.actor.tenant).ok_or(EscrowError::NotFound)?;
    let of_institution = accounts::of_institution(&mut conn, known.institution_id).await?;
    conn.commit().await?;
    let payee = known.payee(state.pools.vault())?.unwrap_or_default();
    if !known.is_filed() || known.status == "closed" {
        return Err(EscrowError::NotAmendable);
    }
    let dedicated: Vec<&str> = of_institution.iter().map(|one| one.account_no.as_str()).collect();
    let on_file = OnFile {
        account_no: &known.account_no,
        agreement_no: known.agreement_no.as_deref().unwrap_or_default(),
        payee: payee.expose(),
        dedicated: &dedicated,
    };
    let checked = wish.check(&on_file).map_err(EscrowError::Invalid)?;
    let checked = Checked { reason: mask::numbers(&checked.reason), ..checked };
    // The bureau's officers hear of it, whom an institution's user does not see.
    let mut conn = Scope::system(caller.actor.tenant).begin(&state.pools).await?;
    let by = (caller.actor.user_id, caller.actor.display_name.as_str());
    let id = match store::add(&mut conn, (known.institution_id, account), &checked, by, caller.now).await {
        Err(DbError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            return Err(EscrowError::AmendmentUnderWay);
        }
        other => other?,
    };
    let new_payee = checked.payee.as_deref().map(Private::<AccountNumber>::new);
    let event = Event {
        action: "escrow.amendment_filed",
        subject_kind: "escrow_account",
        subject_id: account.to_string(),
        institution: Some(known.institution_id),
        before: Some(told(known.agreement_no.as_deref(), Some(&payee))),
        after: Some(told(checked.agreement_no.as_deref(), new_payee.as_ref())),
        reason: Some(&checked.reason),
    };
    audit::store::record(&mut conn, caller, event).await?;
    let what = match new_payee {
        Some(_) => {
            "申请变更划拨收款账户，须两名工作人员核对确认 / files another account for releases: two officials confirm it"
        }
        None => "申请变更监管协议编号，请核对确认 / files another agreement: please confirm it",
    };
    let body =
        format!("{}：{what}\n{}/b/escrow/accounts/{}\n", known.institution_name, state.public_url(), known.credit_code);
    let mail = Mail {
        key: &format!("amendment:{id}:filed"),
        subject: &format!("监管账户备案变更待确认：{} / A change of the filing waits", known.institution_name),
        for_bureau: Some(&body),
        for_institution: None,
        due_at: caller.now,
        now: caller.now,
    };
    telling::mail(&mut conn, &mail).await?;
    conn.commit().await?;
    Ok(id)
}

/// Agreement and payee as the trail tells them, with the payee's mask.
fn told(agreement_no: Option<&str>, payee: Option<&Private<AccountNumber>>) -> Value {
    json!({ "agreement_no": agreement_no, "payee_account": payee })
}

/// A change that waits, locked.
async fn waiting(conn: &mut ScopedConn, id: i64) -> Result<Amendment, EscrowError> {
    let change = store::lock(conn, id).await?.ok_or(EscrowError::NotFound)?;
    if change.state == State::Filed { Ok(change) } else { Err(EscrowError::AmendmentSettled) }
}

/// The institution takes its change back.
pub async fn withdraw(state: &AppState, caller: &Caller, id: i64) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::AmendAccount) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let change = waiting(&mut conn, id).await?;
    store::settle(&mut conn, id, (State::Withdrawn, ""), &caller.actor.display_name, caller.now).await?;
    record(&mut conn, caller, &change, ("escrow.amendment_withdrawn", None)).await?;
    Ok(conn.commit().await?)
}

fn comment(given: &str) -> Result<String, EscrowError> {
    let given = given.trim();
    if given.is_empty() || given.chars().count() > REASON_MAX {
        let (zh, en) = ("请写明核对的情况，不超过 500 字", "say what was checked, in 500 characters at most");
        return Err(EscrowError::Invalid(vec![FieldError::new("comment", "FUND-ACCOUNT-UNIQUE", zh, en)]));
    }
    Ok(mask::numbers(given))
}

fn official(caller: &Caller) -> Result<(), EscrowError> {
    let may = may(caller.actor.role, Action::FileAccount) && !caller.actor.role.is_institution();
    if may { Ok(()) } else { Err(EscrowError::Forbidden) }
}

/// An official confirms a change: of the agreement at once, of the payee by proposing it to another one.
pub async fn confirm(state: &AppState, caller: &Caller, id: i64, given: &str) -> Result<Confirmed, EscrowError> {
    official(caller)?;
    let given = comment(given)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    approvals::give_way(&mut conn, caller, Kind::ChangePayee, &[id.to_string()]).await?;
    let change = waiting(&mut conn, id).await?;
    if change.own {
        return Err(EscrowError::OwnAmendment);
    }
    if !change.takes_two() {
        apply(&mut conn, caller, &change, &given).await?;
        conn.commit().await?;
        return Ok(Confirmed::Done);
    }
    let account = accounts::account(&mut conn, change.account).await?.ok_or(EscrowError::NotFound)?;
    let before = account.payee(conn.vault())?;
    let draft = Draft {
        subject: id.to_string(),
        institution: Some(change.institution),
        payload: json!(Change {
            account: change.account,
            account_no: change.account_no.clone(),
            credit_code: change.credit_code.clone(),
            payee_before: before.map(|before| before.masked()).unwrap_or_default(),
            payee: change.payee.as_ref().map(Private::masked).unwrap_or_default(),
            agreement_before: account.agreement_no.clone().unwrap_or_default(),
            agreement_no: change.agreement_no.clone(),
            reason: change.reason.clone(),
        }),
        told: json!({ "account_no": change.account_no, "payee_account": change.payee }),
    };
    let ids = approvals::propose(&mut conn, caller, Kind::ChangePayee, &given, &[draft]).await;
    let ids = ids.map_err(|error| match error {
        ApprovalError::AlreadyPending => EscrowError::AmendmentProposed,
        other => other.into(),
    })?;
    conn.commit().await?;
    ids.first().copied().map(Confirmed::Proposed).ok_or(EscrowError::NotFound)
}

/// An official refuses a change, with why. What a colleague is to decide is decided there.
pub async fn refuse(state: &AppState, caller: &Caller, id: i64, given: &str) -> Result<(), EscrowError> {
    official(caller)?;
    let given = comment(given)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let subject = [id.to_string()];
    approvals::give_way(&mut conn, caller, Kind::ChangePayee, &subject).await?;
    let change = waiting(&mut conn, id).await?;
    if !approvals::waiting_about(&mut conn, Kind::ChangePayee, &subject, caller.now).await?.is_empty() {
        return Err(EscrowError::AmendmentProposed);
    }
    store::settle(&mut conn, id, (State::Refused, &given), &caller.actor.display_name, caller.now).await?;
    record(&mut conn, caller, &change, ("escrow.amendment_refused", Some(&given))).await?;
    let text = ("教育局不同意这项变更，已备案的内容不变", "the bureau refuses the change; what is on file stays");
    tell(&mut conn, caller, &change, text).await?;
    Ok(conn.commit().await?)
}

/// Carries a change out: the agreement from today, a payee from tomorrow, so that nothing of today is paid to it unseen.
pub(super) async fn apply(
    conn: &mut ScopedConn,
    caller: &Caller,
    change: &Amendment,
    comment: &str,
) -> Result<(), EscrowError> {
    filings::lock(conn, change.institution).await?;
    let account = accounts::account(conn, change.account).await?.ok_or(EscrowError::NotFound)?;
    if account.status == "closed" {
        return Err(EscrowError::NotAmendable);
    }
    let today = caller.today();
    let from = if change.takes_two() { today.succ_opt().unwrap_or(today) } else { today };
    let by = caller.actor.display_name.as_str();
    store::confirm(conn, change, &account, (comment, by), (from, caller.now)).await?;
    let event = Event {
        action: "escrow.amendment_confirmed",
        subject_kind: "escrow_account",
        subject_id: change.account.to_string(),
        institution: Some(change.institution),
        before: Some(told(account.agreement_no.as_deref(), account.payee(conn.vault())?.as_ref())),
        after: Some({
            let mut after = told(change.agreement_no.as_deref(), change.payee.as_ref());
            after["in_force_from"] = json!(from);
            after
        }),
        reason: Some(comment),
    };
    audit::store::record(conn, caller, event).await?;
    let (zh, en) = (format!("变更已确认，自 {from} 起生效"), format!("the change is confirmed and holds from {from}"));
    Ok(tell(conn, caller, change, (&zh, &en)).await?)
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    change: &Amendment,
    (action, reason): (&'static str, Option<&str>),
) -> Result<(), DbError> {
    let event = Event {
        action,
        subject_kind: "escrow_account",
        subject_id: change.account.to_string(),
        institution: Some(change.institution),
        after: Some(told(change.agreement_no.as_deref(), change.payee.as_ref())),
        reason,
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await
}

async fn tell(
    conn: &mut ScopedConn,
    caller: &Caller,
    change: &Amendment,
    (zh, en): (&str, &str),
) -> Result<(), DbError> {
    let body =
        format!("{}（{}）：{zh}。\n{}: {en}.\n", change.institution_name, change.account_no, change.institution_name);
    let mail = Mail {
        key: &format!("amendment:{}:decided", change.id),
        subject: "监管账户备案变更有结果 / The change of your escrow account's filing is decided",
        for_bureau: None,
        for_institution: Some((change.institution, &body)),
        due_at: caller.now,
        now: caller.now,
    };
    telling::mail(conn, &mail).await
}
