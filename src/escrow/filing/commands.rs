//! Filing an account: a first one, what a sheet left out of one, or the one that takes another's place.

use chrono::NaiveDate;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use serde_json::{Value, json};

use super::{
    model::{self, Checked, Filing},
    rules::{self, Differing, Outcome},
    store::{self, NewAccount, OnFile},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Scope, ScopedConn},
    escrow::{
        error::EscrowError,
        model::Mode,
        oversight::{
            self,
            store::telling::{self, Mail},
        },
        store::accounts::{self, Holder},
    },
    identity::{Action, Caller, may},
    kernel::{Private, private::AccountNumber},
    policies::{self, InForce},
    public,
    web::{AppState, FieldError},
};

/// What became of a filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filed {
    pub id: i64,
    /// Whether there is an account that there was not.
    pub is_new: bool,
    /// Whether anything is other than it was.
    pub is_changed: bool,
}

/// Files an institution's dedicated account (FUND-MODE, FUND-ACCOUNT-UNIQUE). Its name is the institution's registered name. An
/// institution's user files for no other institution.
///
/// Of an account that is on file by its number alone it adds the rest; told again, it changes nothing; told otherwise, it is
/// refused with what is on file. With a day it takes the place of the account in use from that day on.
pub async fn file(state: &AppState, caller: &Caller, filing: &Filing<'_>) -> Result<Filed, EscrowError> {
    if !may(caller.actor.role, Action::FileAccount) {
        return Err(EscrowError::Forbidden);
    }
    let checked = filing.check().map_err(EscrowError::Invalid)?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let holder = accounts::holder(&mut conn, checked.credit_code.as_str()).await?.ok_or(EscrowError::NotFound)?;
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    conn.commit().await?;
    // The bureau's officers hear of it, whom an institution's user does not see; which institution it is, is settled.
    let mut conn = Scope::system(caller.actor.tenant).begin(&state.pools).await?;
    let on_file = store::lock(&mut conn, holder.id).await?;
    let change = match on_file.iter().find(|one| one.account_no == checked.account_no) {
        Some(known) => {
            let done = of_known(state, caller, &mut conn, &holder, known, &checked).await?;
            if done.is_some() && known.agreement_no.is_none() {
                allowed(&in_force, checked.mode)?;
            }
            done
        }
        None => {
            allowed(&in_force, checked.mode)?;
            Some(of_new(caller, &mut conn, &holder, &on_file, &checked).await?)
        }
    };
    let Some(filed) = change else {
        conn.commit().await?;
        let known = on_file.iter().find(|one| one.account_no == checked.account_no).map(|one| one.id);
        return known.map(|id| Filed { id, is_new: false, is_changed: false }).ok_or(EscrowError::NotFound);
    };
    // Parents are told which account to pay into.
    public::publish(&mut conn, holder.id, caller.now).await?;
    conn.commit().await?;
    oversight::after_filing(state, caller.actor.tenant, holder.id, filed.id, caller.now).await;
    Ok(filed)
}

/// FUND-MODE: a province may allow one way of supervision alone.
fn allowed(in_force: &InForce, mode: Mode) -> Result<(), EscrowError> {
    if in_force.holds(policies::ESCROW_MODES, mode.into()) {
        return Ok(());
    }
    let (zh, en) = match mode {
        Mode::Custody => (
            "按现行政策，本地不采用银行托管，请改选风险保证金并附相应协议",
            "custody is not allowed here by the policy in force; choose risk_deposit and file the agreement for it",
        ),
        Mode::RiskDeposit => (
            "按现行政策，本地不采用风险保证金，请改选银行托管并附相应协议",
            "a risk deposit is not allowed here by the policy in force; choose custody and file the agreement for it",
        ),
    };
    Err(EscrowError::Invalid(vec![FieldError::new("mode", "FUND-MODE", zh, en)]))
}

/// A filing of an account that the institution has; `None` where it says what is on file.
async fn of_known(
    state: &AppState,
    caller: &Caller,
    conn: &mut ScopedConn,
    holder: &Holder,
    known: &OnFile,
    filing: &Checked,
) -> Result<Option<Filed>, EscrowError> {
    if known.status == "closed" {
        return Err(EscrowError::AccountTaken);
    }
    if let Some(day) = filing.in_use_from.filter(|day| known.status == "upcoming" && known.in_use_from != Some(*day)) {
        rules::begins(day, caller.today()).map_err(|error| EscrowError::Invalid(vec![error]))?;
        store::moves_to(conn, known.id, day).await?;
        let days = |day: Option<NaiveDate>| json!({"in_use_from": day});
        let change = (Some(days(known.in_use_from)), days(Some(day)));
        record(conn, caller, holder, ("escrow.change_moved", known.id), change).await?;
        return Ok(Some(Filed { id: known.id, is_new: false, is_changed: true }));
    }
    if filing.in_use_from.is_some_and(|day| known.in_use_from != Some(day)) {
        let filed = known.in_use_from.map_or_else(|| "—".to_owned(), |day| day.to_string());
        return Err(EscrowError::Differs(vec![Differing { field: "in_use_from", filed: Some(filed) }]));
    }
    let vault = state.pools.vault();
    let is_same = |index: &Vec<u8>| vault.digests::<AccountNumber>(&filing.payee_account).contains(index);
    let filed = rules::OnFile {
        bank: &known.bank,
        mode: known.mode.parse().ok(),
        agreement_no: known.agreement_no.as_deref(),
        same_payee: known.payee_index.as_ref().map(is_same),
        branches: &known.branches,
    };
    let action = match rules::compare(&filed, filing) {
        Outcome::Repeats => return Ok(None),
        Outcome::Differs(fields) => return Err(EscrowError::Differs(fields)),
        Outcome::Completes => {
            store::complete(conn, known.id, filing).await?;
            "escrow.account_completed"
        }
        Outcome::NamesBranches => {
            store::name_branches(conn, known.id, filing.branches.as_deref().unwrap_or_default()).await?;
            "escrow.branches_named"
        }
    };
    let before =
        json!({"bank": known.bank, "mode": known.mode, "agreement_no": known.agreement_no, "branches": known.branches});
    record(conn, caller, holder, (action, known.id), (Some(before), told(filing, &known.branches))).await?;
    if action == "escrow.account_completed" {
        let subject =
            format!("监管账户备案已补齐：{} / The escrow account's filing is complete: {}", holder.name, holder.name);
        let body = |zh: &str, en: &str| format!("{}：{zh}\n{}: {en}\n", holder.name, holder.name);
        let text = body("协议编号和划拨收款账户已备案。", "agreement and payee account are on file.");
        tell(state, conn, caller, holder, (&format!("account:{}:completed", known.id), &subject, &text)).await?;
    }
    Ok(Some(Filed { id: known.id, is_new: false, is_changed: true }))
}

/// A filing of an account that the institution has not had.
async fn of_new(
    caller: &Caller,
    conn: &mut ScopedConn,
    holder: &Holder,
    on_file: &[OnFile],
    filing: &Checked,
) -> Result<Filed, EscrowError> {
    let in_use = on_file.iter().find(|one| one.status == "active");
    let account =
        NewAccount { institution: holder.id, account_name: &holder.name, filing, status: "active", succeeds: None };
    let Some(old) = in_use else {
        if filing.in_use_from.is_some_and(|day| day > caller.today()) {
            return Err(EscrowError::NothingToChange);
        }
        let first = Checked { in_use_from: None, ..filing.clone() };
        let id = added(conn, caller, holder, &NewAccount { filing: &first, ..account }).await?;
        return Ok(Filed { id, is_new: true, is_changed: true });
    };
    let Some(day) = filing.in_use_from else { return Err(EscrowError::InUse) };
    if on_file.iter().any(|one| matches!(one.status.as_str(), "upcoming" | "emptying")) {
        return Err(EscrowError::ChangeUnderWay);
    }
    rules::begins(day, caller.today()).map_err(|error| EscrowError::Invalid(vec![error]))?;
    let at_once = day == caller.today();
    store::ends_before(conn, old.id, day).await?;
    if at_once {
        store::stand(conn, old.id, "emptying").await?;
    }
    let status = if at_once { "active" } else { "upcoming" };
    let id = added(conn, caller, holder, &NewAccount { status, succeeds: Some(old.id), ..account }).await?;
    tell_of_change(conn, caller, holder, (&old.account_no, &filing.account_no, day), id).await?;
    Ok(Filed { id, is_new: true, is_changed: true })
}

/// Names the branches that an account on file serves; none for the whole institution.
pub async fn name_branches(
    state: &AppState,
    caller: &Caller,
    account: i64,
    branches: &[String],
) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::FileAccount) {
        return Err(EscrowError::Forbidden);
    }
    let branches = model::branches(branches).map_err(|error| EscrowError::Invalid(vec![error]))?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let known = accounts::account(&mut conn, account).await?;
    let known = known.filter(|known| known.tenant_id == caller.actor.tenant).ok_or(EscrowError::NotFound)?;
    store::lock(&mut conn, known.institution_id).await?;
    if known.branches != branches {
        store::name_branches(&mut conn, account, &branches).await?;
        let event = Event {
            action: "escrow.branches_named",
            subject_kind: "escrow_account",
            subject_id: account.to_string(),
            institution: Some(known.institution_id),
            before: Some(json!({"branches": known.branches})),
            after: Some(json!({"branches": branches})),
            ..Event::default()
        };
        audit::store::record(&mut conn, caller, event).await?;
        public::publish(&mut conn, known.institution_id, caller.now).await?;
    }
    Ok(conn.commit().await?)
}

/// Takes back a change whose day has not come; the account in use stays the one in use.
pub async fn withdraw(state: &AppState, caller: &Caller, account: i64) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::FileAccount) {
        return Err(EscrowError::Forbidden);
    }
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let known = accounts::account(&mut conn, account).await?;
    let known = known.filter(|known| known.tenant_id == caller.actor.tenant).ok_or(EscrowError::NotFound)?;
    let on_file = store::lock(&mut conn, known.institution_id).await?;
    let waits = on_file.iter().any(|one| one.id == account && one.status == "upcoming");
    // Money that is in it already would be watched by nobody.
    if !waits || known.entry_count > 0 {
        return Err(EscrowError::NotWithdrawn);
    }
    store::withdraw(&mut conn, account).await?;
    let event = Event {
        action: "escrow.change_withdrawn",
        subject_kind: "escrow_account",
        subject_id: account.to_string(),
        institution: Some(known.institution_id),
        before: Some(json!({"status": "upcoming", "in_use_from": known.in_use_from})),
        after: Some(json!({"status": "closed"})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    public::publish(&mut conn, known.institution_id, caller.now).await?;
    Ok(conn.commit().await?)
}

async fn added(
    conn: &mut ScopedConn,
    caller: &Caller,
    holder: &Holder,
    account: &NewAccount<'_>,
) -> Result<i64, EscrowError> {
    let id = match store::add(conn, account, caller.now).await {
        Err(DbError::Diesel(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {
            return Err(EscrowError::AccountTaken);
        }
        other => other?,
    };
    let mut after = told(account.filing, &[]);
    after["succeeds"] = json!(account.succeeds);
    record(conn, caller, holder, ("escrow.account_filed", id), (None, after)).await?;
    Ok(id)
}

/// A filing as the audit trail tells it, with the payee's mask.
fn told(filing: &Checked, branches: &[String]) -> Value {
    let payee = Private::<AccountNumber>::new(&filing.payee_account);
    json!({"bank": filing.bank, "account_no": filing.account_no, "mode": filing.mode, "agreement_no": filing.agreement_no,
           "payee_account": payee, "branches": filing.branches.as_deref().unwrap_or(branches), "in_use_from": filing.in_use_from})
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    holder: &Holder,
    (action, id): (&'static str, i64),
    (before, after): (Option<Value>, Value),
) -> Result<(), DbError> {
    let event = Event {
        action,
        subject_kind: "escrow_account",
        subject_id: id.to_string(),
        institution: Some(holder.id),
        before,
        after: Some(after),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await
}

/// The bureau hears what an institution filed, and an institution what the bureau filed for it.
async fn tell(
    state: &AppState,
    conn: &mut ScopedConn,
    caller: &Caller,
    holder: &Holder,
    (key, subject, text): (&str, &str, &str),
) -> Result<(), DbError> {
    let by_institution = caller.actor.role.is_institution();
    let page = if by_institution { "/b/escrow" } else { "/org/escrow" };
    let body = format!("{text}\n{}{page}\n", state.public_url());
    let mail = Mail {
        key,
        subject,
        for_bureau: by_institution.then_some(body.as_str()),
        for_institution: (!by_institution).then_some((holder.id, body.as_str())),
        due_at: caller.now,
        now: caller.now,
    };
    telling::mail(conn, &mail).await
}

/// Both hear of a change: the institution tells its families, the bureau watches the old account until it is empty.
async fn tell_of_change(
    conn: &mut ScopedConn,
    caller: &Caller,
    holder: &Holder,
    (old, new, day): (&str, &str, NaiveDate),
    id: i64,
) -> Result<(), DbError> {
    let name = &holder.name;
    let subject = format!("监管账户变更：{name}自 {day} 起 / The escrow account changes: {name} from {day}");
    let body = format!(
        "{name}的监管账户自 {day} 起由 {old} 变更为 {new}。原账户的余额须全部转入新账户；转清并由对账单确认前继续监管。\n\n\
         From {day} the escrow account of {name} is {new} in place of {old}. All that is left in the old one moves to the new one; \
         until a statement says that it is empty it is watched.\n"
    );
    let mail = Mail {
        key: &format!("account:{id}:change"),
        subject: &subject,
        for_bureau: Some(&body),
        for_institution: Some((holder.id, &body)),
        due_at: caller.now,
        now: caller.now,
    };
    telling::mail(conn, &mail).await
}
