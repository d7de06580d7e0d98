//! What people change: an account is filed, a warning is handled.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde_json::json;

use super::{
    desk::{Closing, steps_of},
    detector::Level,
    error::EscrowError,
    model::{self, Conclusion, Mode, Status, Step, account_number, due_workdays, needs_two},
    oversight::store::telling::{self, Colleague},
    store::{
        accounts::{self, NewAccount},
        warnings::{self, Standing, Warning},
    },
};
use crate::{
    approvals::{self, ApprovalError, Draft, Kind},
    audit::{self, Event},
    db::{DbError, ScopedConn},
    identity::{Action, Caller, may, roles},
    kernel::{Calendar, CreditCode, Private},
    lists::{self, ListError, ListMove, Proposal},
    policies::{self, InForce},
    public,
    web::{AppState, FieldError},
};

/// Longest comment in characters.
const COMMENT_MAX: usize = 2000;
/// Longest name of a bank, and longest number, in characters.
const TEXT_MAX: usize = 100;

/// An account as filed, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Filing<'a> {
    pub credit_code: &'a str,
    pub bank: &'a str,
    pub account: &'a str,
    pub mode: &'a str,
    pub agreement_no: &'a str,
    pub payee_account: &'a str,
}

/// A filing whose fields are right.
struct Checked {
    credit_code: CreditCode,
    account_no: String,
    payee_account: String,
    mode: Mode,
}

fn check(filing: &Filing<'_>) -> Result<Checked, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |path: &str, rule: &str, zh: &str, en: &str| errors.push(FieldError::new(path, rule, zh, en));
    let code = filing.credit_code.parse::<CreditCode>().ok();
    if code.is_none() {
        wrong(
            "credit_code",
            "ADM-USCC-VALID",
            "统一社会信用代码不对，应为 18 位且校验位正确",
            "not a valid unified social credit code of 18 characters",
        );
    }
    let (account_no, payee_account) = (account_number(filing.account), account_number(filing.payee_account));
    for (path, number) in [("account", &account_no), ("payee_account", &payee_account)] {
        if !(8..=40).contains(&number.len()) {
            wrong(
                path,
                "FUND-ACCOUNT-UNIQUE",
                "账号应为 8 至 40 位数字或字母",
                "an account number has 8 to 40 digits or letters",
            );
        }
    }
    if payee_account == account_no && !account_no.is_empty() {
        wrong(
            "payee_account",
            "FUND-ACCOUNT-UNIQUE",
            "划拨收款账户须与监管账户不同",
            "releases go to another account than the escrow account itself",
        );
    }
    for (path, text) in [("bank", filing.bank), ("agreement_no", filing.agreement_no)] {
        if text.trim().is_empty() || text.chars().count() > TEXT_MAX {
            wrong(path, "FUND-MODE", "请填写，不超过 100 字", "fill this in, 100 characters at most");
        }
    }
    let mode = filing.mode.parse::<Mode>().ok();
    if mode.is_none() {
        wrong("mode", "FUND-MODE", "请选择银行托管或风险保证金", "choose custody or risk_deposit");
    }
    match (code, mode) {
        (Some(credit_code), Some(mode)) if errors.is_empty() => {
            Ok(Checked { credit_code, account_no, payee_account, mode })
        }
        _ => Err(errors),
    }
}

/// Files an institution's dedicated account (FUND-MODE, FUND-ACCOUNT-UNIQUE); returns its id. Its name is the
/// institution's registered name. An institution's user files for no other institution.
pub async fn file_account(state: &AppState, caller: &Caller, filing: &Filing<'_>) -> Result<i64, EscrowError> {
    if !may(caller.actor.role, Action::FileAccount) {
        return Err(EscrowError::Forbidden);
    }
    let checked = check(filing).map_err(EscrowError::Invalid)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let holder = accounts::holder(&mut conn, checked.credit_code.as_str()).await?.ok_or(EscrowError::NotFound)?;
    let payee_account = Private::new(checked.payee_account);
    let account = NewAccount {
        institution: holder.id,
        bank: filing.bank.trim(),
        account_no: &checked.account_no,
        account_name: &holder.name,
        mode: checked.mode.into(),
        agreement_no: filing.agreement_no.trim(),
        payee_account: &payee_account,
    };
    let id = match accounts::add(&mut conn, &account, caller.now).await {
        Err(DbError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            return Err(EscrowError::AccountTaken);
        }
        other => other?,
    };
    let event = Event {
        action: "escrow.account_filed",
        subject_kind: "escrow_account",
        subject_id: id.to_string(),
        institution: Some(holder.id),
        after: Some(json!({"bank": account.bank, "account_no": account.account_no, "mode": checked.mode,
                           "agreement_no": account.agreement_no, "payee_account": account.payee_account})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    // Parents are told which account to pay into.
    public::publish(&mut conn, holder.id, caller.now).await?;
    conn.commit().await?;
    Ok(id)
}

/// A step about a warning.
#[derive(Debug, Clone, Copy)]
pub struct Handling<'a> {
    pub step: Step,
    pub comment: &'a str,
    /// The version that was read, where the caller says so.
    pub version: Option<i32>,
    /// The post of the colleague to whom it is handed over.
    pub to: Option<i64>,
    /// Of who closes it, where they say so; no other step has one.
    pub conclusion: Option<Conclusion>,
}

/// What became of a step.
#[derive(Debug)]
pub struct Handled {
    /// The warning as it was.
    pub warning: Warning,
    /// The proposal that waits for a second official, who then takes the step; nothing has changed yet.
    pub proposed: Option<i64>,
}

/// Takes a step about a warning of the caller's bureau. Closing one that takes two officials is proposed to a colleague
/// ([`desk`](super::desk)); a red warning that is escalated proposes to suspend the listing.
pub async fn handle(
    state: &AppState,
    caller: &Caller,
    id: i64,
    handling: Handling<'_>,
) -> Result<Handled, EscrowError> {
    let Handling { step, comment, version, to, conclusion } = handling;
    let conclusion = conclusion.filter(|_| step == Step::Resolve);
    let action = if step == Step::Explain { Action::ExplainWarning } else { Action::HandleWarning };
    if !may(caller.actor.role, action) {
        return Err(EscrowError::Forbidden);
    }
    let comment = checked_comment(step, comment)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    if step == Step::Resolve {
        // Proposals before what they are about, in which order deciding locks them, too.
        approvals::give_way(&mut conn, caller, Kind::CloseWarning, &[id.to_string()]).await?;
    }
    let warning = warnings::for_update(&mut conn, id).await?.ok_or(EscrowError::NotFound)?;
    if version.is_some_and(|version| version != warning.version) {
        return Err(EscrowError::Changed);
    }
    let before = standing_of(&warning)?;
    let (status, level) = model::after(before.0, before.1, step).map_err(EscrowError::Refused)?;
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    if step == Step::Resolve && needs_two(&in_force, level) {
        let id = propose_closing(&mut conn, caller, &warning, (comment, conclusion)).await?;
        warnings::notify(&mut conn).await?;
        conn.commit().await?;
        return Ok(Handled { warning, proposed: Some(id) });
    }
    let due_on = if level == before.1 { warning.due_on } else { due_on(&state.calendar, caller, &in_force, level) };
    let colleague = if step == Step::HandOver { Some(colleague(&mut conn, to).await?) } else { None };
    let handler = match (&colleague, step) {
        (Some(colleague), _) => Some(colleague.display_name.as_str()),
        (None, Step::Explain | Step::Note) => None,
        _ => Some(caller.actor.display_name.as_str()),
    };
    let standing = Standing {
        status: status.into(),
        level: level.into(),
        due_on,
        handler,
        resolved_by: (status == Status::Resolved).then_some(&caller.actor.display_name),
    };
    warnings::stand(&mut conn, id, &standing, caller.now).await?;
    warnings::conclude(&mut conn, id, conclusion.map(Into::into)).await?;
    let comment = match &colleague {
        Some(colleague) if comment.is_empty() => format!("移交给{}", colleague.display_name),
        Some(colleague) => format!("移交给{}：{comment}", colleague.display_name),
        None => comment.to_owned(),
    };
    warnings::add_action(&mut conn, caller, &warning, step.into(), &comment).await?;
    record(&mut conn, caller, &warning, (step, conclusion), (status, level), &comment).await?;
    if let Some(colleague) = &colleague {
        tell_colleague(state, &mut conn, caller, &warning, colleague).await?;
    }
    if let Some(institution) = warning.institution_id.filter(|_| step == Step::Escalate && level == Level::Red) {
        propose_suspension(&mut conn, caller, institution).await?;
    }
    warnings::notify(&mut conn).await?;
    conn.commit().await?;
    Ok(Handled { warning, proposed: None })
}

/// The colleague to whom a warning is handed over.
async fn colleague(conn: &mut ScopedConn, to: Option<i64>) -> Result<Colleague, EscrowError> {
    let roles: Vec<String> = roles(Action::HandleWarning).iter().map(ToString::to_string).collect();
    let colleagues = telling::colleagues(conn, &roles).await?;
    let unknown = || {
        let (zh, en) = ("请选择本局能办理预警的同事", "choose a colleague of this bureau who may handle warnings");
        EscrowError::Invalid(vec![FieldError::new("to", "to", zh, en)])
    };
    colleagues.into_iter().find(|colleague| Some(colleague.id) == to).ok_or_else(unknown)
}

/// The colleague hears of it by mail.
async fn tell_colleague(
    state: &AppState,
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    colleague: &Colleague,
) -> Result<(), DbError> {
    let Some(email) = &colleague.email else { return Ok(()) };
    let (name, by) = (&warning.institution_name, &caller.actor.display_name);
    let link = format!("{}/b/escrow/warnings/{}", state.public_url(), warning.id);
    let subject = format!("【预警移交】{name} / A warning is handed over to you: {name}");
    let body = format!(
        "{by}把{name}的一条预警移交给您办理。\n查看：{link}\n\n{by} hands a warning about {name} over to you.\nSee it: {link}\n"
    );
    let key = format!("warning:{}:handed:{}:{}", warning.id, warning.version, colleague.id);
    telling::mail_to(conn, (email, &key), (&subject, &body), caller.now).await
}

/// How a stored warning stands.
pub(super) fn standing_of(warning: &Warning) -> Result<(Status, Level), DbError> {
    let unknown = |_| DbError::Pool("a warning is stored with an unknown status or level".to_owned());
    Ok((warning.status.parse().map_err(unknown)?, warning.level.parse().map_err(unknown)?))
}

/// Asks a second official to close a warning; returns the proposal's id.
async fn propose_closing(
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    (comment, conclusion): (&str, Option<Conclusion>),
) -> Result<i64, EscrowError> {
    let payload = Closing {
        account: warning.account_id,
        about: warning.institution_name.clone(),
        kind: warning.kind.clone(),
        level: warning.level.clone(),
        status: warning.status.clone(),
        steps: steps_of(warning),
        conclusion,
    };
    let draft = Draft {
        subject: warning.id.to_string(),
        institution: warning.institution_id,
        payload: json!(payload),
        told: json!({ "kind": warning.kind, "level": warning.level }),
    };
    let ids = approvals::propose(conn, caller, Kind::CloseWarning, comment, &[draft]).await?;
    ids.first().copied().ok_or(EscrowError::NotFound)
}

/// A confirmed red asks a second official to suspend the listing (WL-SUSPEND). An institution that is not listed, or
/// whose suspension waits already, needs none.
pub(super) async fn propose_suspension(
    conn: &mut ScopedConn,
    caller: &Caller,
    institution: i64,
) -> Result<(), EscrowError> {
    // Parents may read the reason, so it says nothing of what was found.
    let reason = "资金监管红色预警经核实".to_owned();
    let proposal = Proposal { institution, step: ListMove::Suspend, ground: None, reason };
    match lists::propose(conn, caller, proposal).await {
        Err(ListError::Db(error) | ListError::Approval(ApprovalError::Db(error))) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn checked_comment(step: Step, comment: &str) -> Result<&str, EscrowError> {
    let comment = comment.trim();
    let length = comment.chars().count();
    if length > COMMENT_MAX {
        return Err(EscrowError::Invalid(vec![FieldError::new(
            "comment",
            "comment",
            "说明不超过 2000 字",
            "2000 characters at most",
        )]));
    }
    if length == 0 && step.needs_comment() {
        return Err(EscrowError::Invalid(vec![FieldError::new(
            "comment",
            "comment",
            "请写明情况或理由",
            "say what was found, or why",
        )]));
    }
    Ok(comment)
}

fn due_on(calendar: &Calendar, caller: &Caller, in_force: &InForce, level: Level) -> Option<chrono::NaiveDate> {
    calendar.add_workdays(caller.today(), due_workdays(in_force, level)?)
}

pub(super) async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    warning: &Warning,
    (step, conclusion): (Step, Option<Conclusion>),
    now: (Status, Level),
    comment: &str,
) -> Result<(), DbError> {
    let action = match step {
        Step::Acknowledge => "warning.acknowledged",
        Step::Explain => "warning.explained",
        Step::Investigate => "warning.investigated",
        Step::Resolve => "warning.resolved",
        Step::Escalate => "warning.escalated",
        Step::Note => "warning.noted",
        Step::HandOver => "warning.handed_over",
    };
    // What officials say among themselves does not stand in the institution's own trail.
    let among_officials = matches!(step, Step::Note | Step::HandOver);
    let mut after = json!({"status": now.0, "level": now.1});
    if let Some(conclusion) = conclusion {
        after["conclusion"] = json!(conclusion);
    }
    let event = Event {
        action,
        subject_kind: "warning",
        subject_id: warning.id.to_string(),
        institution: warning.institution_id.filter(|_| !among_officials),
        before: Some(json!({"status": warning.status, "level": warning.level})),
        after: Some(after),
        reason: (!comment.is_empty()).then_some(comment),
    };
    audit::store::record(conn, caller, event).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filing() -> Filing<'static> {
        Filing {
            credit_code: "52331002MJY0000011",
            bank: "台州银行椒江支行",
            account: "6230 5500 1203 0091 264",
            mode: "custody",
            agreement_no: "TG-2026-001",
            payee_account: "33105001",
        }
    }

    #[test]
    fn a_filing_is_checked_field_by_field() {
        let code = valid_code();
        let right = Filing { credit_code: &code, ..filing() };
        assert_eq!(check(&right).map(|checked| checked.account_no).ok().as_deref(), Some("6230550012030091264"));
        for (path, wrong) in [
            ("credit_code", Filing { credit_code: "123", ..right.clone() }),
            ("account", Filing { account: "1234567", ..right.clone() }),
            ("payee_account", Filing { payee_account: "", ..right.clone() }),
            ("payee_account", Filing { payee_account: "6230550012030091264", ..right.clone() }),
            ("bank", Filing { bank: "  ", ..right.clone() }),
            ("agreement_no", Filing { agreement_no: "", ..right.clone() }),
            ("mode", Filing { mode: "escrow", ..right.clone() }),
        ] {
            let errors = check(&wrong).err().unwrap_or_default();
            assert_eq!(errors.iter().map(|error| error.path.as_str()).collect::<Vec<_>>(), [path]);
        }
    }

    /// The sample code with whatever check character makes it valid.
    fn valid_code() -> String {
        let body = "52331002MJY000001";
        "0123456789ABCDEFGHJKLMNPQRTUWXY"
            .chars()
            .map(|check| format!("{body}{check}"))
            .find(|code| code.parse::<CreditCode>().is_ok())
            .unwrap()
    }

    #[test]
    fn every_step_but_seeing_and_handing_over_needs_a_reason() {
        assert!(checked_comment(Step::Acknowledge, " ").is_ok());
        assert!(checked_comment(Step::HandOver, "").is_ok());
        for step in [Step::Explain, Step::Investigate, Step::Resolve, Step::Escalate, Step::Note] {
            assert!(checked_comment(step, " ").is_err() && checked_comment(step, "已核对合同").is_ok(), "{step}");
        }
        assert!(checked_comment(Step::Explain, &"字".repeat(2000)).is_ok());
        assert!(checked_comment(Step::Explain, &"字".repeat(2001)).is_err());
    }
}
