//! The page on which an account is filed, completed and changed: the institution's own, and the bureau's for any of its own.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, Utc};

use super::{
    amend::{self, pages::ShownChange},
    commands, model,
};
use crate::{
    escrow::{
        EscrowError,
        filing::Filing,
        pages::mode_word,
        store::{
            accounts::{self, Account, Holder},
            siblings::{self, Transfer},
        },
    },
    identity::{Action, Caller},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// The pages of both sides.
pub fn routes() -> Vec<Route> {
    let official = Access::Official(Action::FileAccount);
    vec![
        Route::get("/b/escrow/accounts/{credit_code}", official, || web::get().to(bureau_page)),
        Route::post("/b/escrow/accounts/{credit_code}", official, || web::post().to(bureau_post)),
        Route::get("/org/escrow/accounts", Access::May(Action::FileAccount), || web::get().to(org_page)),
        Route::post("/org/escrow/accounts", Access::May(Action::FileAccount), || web::post().to(org_post)),
    ]
}

/// What is to be filed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The institution's first account.
    First,
    /// What a sheet left out of the account in use.
    Rest,
    /// The account that takes the place of the one in use.
    Change,
    /// Nothing while one takes the place of another.
    Nothing,
}

/// An account with the number that releases go to, as the one who looks may see it.
struct Shown {
    account: Account,
    payee: Option<String>,
    /// What changes of its filing there were, the latest first.
    changes: Vec<ShownChange>,
}

#[derive(Template)]
#[template(path = "escrow/filing.html")]
struct FilingPage<'a> {
    page: &'a Page,
    holder: &'a Holder,
    /// The address of the page itself, and the page above it.
    address: String,
    above: &'a str,
    accounts: &'a [Shown],
    transfers: &'a [Transfer],
    next: Next,
    form: &'a SafeForm,
    errors: &'a [FieldError],
}

impl FilingPage<'_> {
    fn in_use(&self) -> Option<&Account> {
        self.accounts.iter().map(|shown| &shown.account).find(|account| account.status == "active")
    }

    fn errors_of(&self, path: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| error.path == path).collect()
    }

    /// What was typed; before anything was, what is on file of the account that is completed.
    fn value(&self, name: &str) -> String {
        let typed = self.form.get(name);
        if !typed.is_empty() || !self.errors.is_empty() {
            return typed.to_owned();
        }
        match (self.next, self.in_use(), name) {
            (Next::Rest, Some(account), "bank") => account.bank.clone(),
            (Next::Rest, Some(account), "account") => account.account_no.clone(),
            (Next::Change, Some(account), "mode") => account.mode.clone(),
            (Next::Rest | Next::Change, Some(account), "branches") => account.branches.join("\n"),
            (Next::Change, Some(_), "in_use_from") => {
                self.page.today().succ_opt().unwrap_or(self.page.today()).to_string()
            }
            _ => String::new(),
        }
    }

    /// The change of an account that waits.
    fn waiting<'s>(&self, shown: &'s Shown) -> Option<&'s ShownChange> {
        shown.changes.iter().find(|one| one.change.state == amend::State::Filed)
    }

    /// Whether the institution may file a change of agreement or payee.
    fn may_amend(&self, shown: &Shown) -> bool {
        let account = &shown.account;
        self.page.may(Action::AmendAccount)
            && account.is_filed()
            && account.status != "closed"
            && self.waiting(shown).is_none()
    }

    fn is_official(&self) -> bool {
        self.page.actor.as_ref().is_some_and(|actor| !actor.role.is_institution())
    }

    fn change_tag(&self, one: &ShownChange) -> &'static str {
        match one.change.state {
            amend::State::Filed => "wait",
            amend::State::Confirmed => "ok",
            amend::State::Refused => "bad",
            amend::State::Withdrawn => "info",
        }
    }

    fn change_state(&self, one: &ShownChange) -> &'static str {
        let (zh, en) = one.change.state.words();
        self.page.lang.t(zh, en)
    }

    /// What was typed into the form of a change; before anything was, the agreement on file.
    fn amended(&self, account: &Account, name: &str) -> String {
        let typed = self.form.get(name);
        if self.form.get("what") != "amend" && name == "amend_agreement_no" {
            return account.agreement_no.clone().unwrap_or_default();
        }
        typed.to_owned()
    }

    /// The fields of the form of a change: name, label, hint.
    fn amend_fields(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let lang = self.page.lang;
        vec![
            ("amend_agreement_no", lang.t("银行协议编号", "Agreement with the bank, number"), ""),
            (
                "amend_payee_account",
                lang.t("新的划拨收款账户账号", "New account that releases go to"),
                lang.t("不变则留空；须为本机构自有账户", "empty to keep it; an account of the institution's own"),
            ),
            ("amend_reason", lang.t("变更原因", "Why"), ""),
        ]
    }

    fn is_amending(&self) -> bool {
        self.form.get("what") == "amend"
    }

    fn mode(&self, mode: &str) -> &'static str {
        mode_word(self.page, mode)
    }

    fn title(&self) -> &'static str {
        let lang = self.page.lang;
        match self.next {
            Next::First => lang.t("备案监管账户", "File the escrow account"),
            Next::Rest => lang.t("补齐账户备案", "Complete the filing"),
            Next::Change => lang.t("变更监管账户", "Change the account"),
            Next::Nothing => lang.t("账户变更进行中", "The account is being changed"),
        }
    }

    fn button(&self) -> &'static str {
        let lang = self.page.lang;
        match self.next {
            Next::First => lang.t("提交备案", "File it"),
            Next::Rest => lang.t("补齐备案", "Complete it"),
            Next::Change | Next::Nothing => lang.t("提交变更", "File the change"),
        }
    }

    fn is_change(&self) -> bool {
        self.next == Next::Change
    }

    fn may_file(&self) -> bool {
        self.next != Next::Nothing
    }

    /// How an account stands, and whether that is all right.
    fn standing(&self, account: &Account) -> (&'static str, &'static str) {
        let lang = self.page.lang;
        match account.status.as_str() {
            "active" => ("ok", lang.t("在用", "In use")),
            "upcoming" => ("wait", lang.t("待启用", "Waits for its day")),
            "emptying" => ("warn", lang.t("待转清", "To be emptied")),
            _ if account.in_use_until.is_none() => ("wait", lang.t("未启用", "Never in use")),
            _ => ("wait", lang.t("已转清", "Empty")),
        }
    }

    fn fate(&self, transfer: &Transfer) -> (&'static str, &'static str) {
        let lang = self.page.lang;
        match (transfer.missing, transfer.arrived_at) {
            (true, _) => ("bad", lang.t("逾期未到账", "Has not arrived")),
            (false, Some(_)) => ("ok", lang.t("已到账", "Arrived")),
            (false, None) => ("wait", lang.t("在途", "On its way")),
        }
    }
}

/// Which side looks.
#[derive(Debug, Clone, Copy)]
enum Side<'a> {
    Own,
    Bureau(&'a str),
}

impl Side<'_> {
    fn address(self) -> String {
        match self {
            Side::Own => "/org/escrow/accounts".to_owned(),
            Side::Bureau(code) => format!("/b/escrow/accounts/{code}"),
        }
    }
}

async fn holder(state: &State, caller: &Caller, side: Side<'_>) -> Result<(Holder, String), Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let code = match side {
        Side::Own => {
            let institution = caller.actor.institution.ok_or_else(Problem::not_found)?;
            accounts::own_code(&mut conn, institution).await?.ok_or_else(Problem::not_found)?
        }
        Side::Bureau(code) => code.to_owned(),
    };
    let holder = accounts::holder(&mut conn, &code).await?.ok_or_else(Problem::not_found)?;
    conn.commit().await?;
    Ok((holder, code))
}

fn note(page: &Page) -> Option<Note> {
    let (title, text) = match page.done()? {
        "filed" => (
            page.t("监管账户已备案", "The escrow account is filed"),
            page.t(
                "家长在公开页面看到这个账户，缴费只进此账户。",
                "Parents see it on the public page; take fees into this account only.",
            ),
        ),
        "completed" => (
            page.t("备案已补齐", "The filing is complete"),
            page.t("“未备案账户”预警随即解除。", "The warning that nothing was filed closes by itself."),
        ),
        "changed" => (
            page.t("账户变更已备案", "The change is filed"),
            page.t(
                "启用日起家长看到新账户；原账户转清并由对账单确认前继续监管。",
                "From its day parents see the new account; the old one is watched until a statement says that it is empty.",
            ),
        ),
        "withdrawn" => (
            page.t("账户变更已撤回", "The change is taken back"),
            page.t("在用账户不变。", "The account in use stays the one in use."),
        ),
        "amended" => (
            page.t("变更已提交，等教育局确认", "The change is filed and waits for the bureau"),
            page.t(
                "确认之前，已备案的内容不变；划拨收款账户须两名工作人员核对。",
                "What is on file stays until then; another payee account takes two officials.",
            ),
        ),
        "amend_withdrawn" => (page.t("变更已撤回", "The change is taken back"), ""),
        "amend_confirmed" => (page.t("变更已确认", "The change is confirmed"), ""),
        "amend_refused" => (page.t("已不同意，机构会收到通知", "Refused; the institution is told"), ""),
        "amend_proposed" => (
            page.t("已提议，等另一位同事审批", "Proposed; a colleague decides on it next"),
            page.t("同意之前，已备案的账户不变。", "The account on file stays until then."),
        ),
        "branches" => (page.t("适用校区已更新", "The branches are named"), ""),
        "unchanged" => (page.t("内容与已备案的相同，没有改动", "This is what is on file; nothing changed"), ""),
        _ => return None,
    };
    Some(Note::new(title, text))
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    side: Side<'_>,
    (form, errors): (&SafeForm, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let (holder, _) = holder(state, caller, side).await?;
    let mut page = Page::new(request, "监管账户备案", "The escrow account on file");
    page.note = note(&page);
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let rows = accounts::of_institution(&mut conn, holder.id).await?;
    let place = (caller.actor.tenant, holder.id);
    let transfers = siblings::transfers(&mut conn, place, DateTime::<Utc>::UNIX_EPOCH).await?;
    let mut changes = amend::pages::of(&mut conn, caller, &rows).await?;
    conn.commit().await?;
    let own = caller.actor.role.is_institution();
    let shown = |account: Account| {
        let payee = account.payee(state.pools.vault())?.map(|payee| amend::pages::number(&payee, own));
        let changes = changes.remove(&account.id).unwrap_or_default();
        Ok::<_, Problem>(Shown { account, payee, changes })
    };
    let shown = rows.into_iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    let is = |status: &str| shown.iter().any(|shown| shown.account.status == status);
    let in_use = shown.iter().find(|shown| shown.account.status == "active");
    let next = match in_use {
        _ if is("upcoming") || is("emptying") => Next::Nothing,
        None => Next::First,
        Some(shown) if !shown.account.is_filed() => Next::Rest,
        Some(_) => Next::Change,
    };
    let above = if own { "/org/escrow" } else { "/b/escrow" };
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let template = FilingPage {
        page: &page,
        holder: &holder,
        address: side.address(),
        above,
        accounts: &shown,
        transfers: &transfers,
        next,
        form,
        errors,
    };
    page.render_as(status, &template)
}

async fn submit(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    side: Side<'_>,
    form: &SafeForm,
) -> Result<HttpResponse, Problem> {
    let (_, code) = holder(state, caller, side).await?;
    let branches = model::lines(form.get("branches"));
    let back = |done: &str| Ok(see_other(&format!("{}?done={done}", side.address())));
    let account = || form.get("account_id").parse::<i64>().map_err(|_| Problem::not_found());
    let done = if let Some(done) = amend::pages::submit(state, caller, form).await {
        done
    } else if form.get("what") == "branches" {
        commands::name_branches(state, caller, account()?, &branches).await.map(|()| "branches")
    } else if form.get("what") == "withdraw" {
        commands::withdraw(state, caller, account()?).await.map(|()| "withdrawn")
    } else if !form.get("in_use_from").is_empty() && form.get("sure") != "yes" {
        let (zh, en) =
            ("请确认已签协议、余额将全部转入", "confirm that the agreement is signed and all that is left moves there");
        Err(EscrowError::Invalid(vec![FieldError::new("sure", "FUND-ACCOUNT-UNIQUE", zh, en)]))
    } else {
        let filing = Filing {
            credit_code: &code,
            bank: form.get("bank"),
            account: form.get("account"),
            mode: form.get("mode"),
            agreement_no: form.get("agreement_no"),
            payee_account: form.get("payee_account"),
            branches: Some(branches),
            in_use_from: form.get("in_use_from"),
        };
        let filed = commands::file(state, caller, &filing).await;
        filed.map(|filed| match (filed.is_new, filed.is_changed, form.get("in_use_from").is_empty()) {
            (true, _, true) => "filed",
            (true, _, false) => "changed",
            (false, true, _) => "completed",
            (false, false, _) => "unchanged",
        })
    };
    let errors = match done {
        Ok(done) => return back(done),
        Err(EscrowError::Invalid(errors)) => errors,
        Err(EscrowError::Differs(fields)) => fields.iter().map(super::Differing::told).collect(),
        Err(
            error @ (EscrowError::AccountTaken
            | EscrowError::InUse
            | EscrowError::NothingToChange
            | EscrowError::ChangeUnderWay
            | EscrowError::NotWithdrawn
            | EscrowError::NotAmendable
            | EscrowError::AmendmentUnderWay
            | EscrowError::AmendmentSettled
            | EscrowError::AmendmentProposed
            | EscrowError::OwnAmendment),
        ) => {
            let problem = Problem::from(error);
            vec![FieldError::new("account", "FUND-ACCOUNT-UNIQUE", problem.detail_zh, problem.detail_en)]
        }
        Err(error) => return Err(error.into()),
    };
    render(request, state, caller, side, (form, &errors)).await
}

async fn org_page(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, Side::Own, (&SafeForm::default(), &[])).await
}

/// POST /org/escrow/accounts
async fn org_post(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    submit(&request, &state, &caller, Side::Own, &form).await
}

async fn bureau_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, Side::Bureau(&code), (&SafeForm::default(), &[])).await
}

/// POST /b/escrow/accounts/{credit_code}
async fn bureau_post(
    request: HttpRequest,
    state: State,
    caller: Caller,
    code: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    submit(&request, &state, &caller, Side::Bureau(&code), &form).await
}
