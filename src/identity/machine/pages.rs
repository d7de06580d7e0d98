//! The pages of keys: a bureau's for its banks, an institution's for its own systems.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, Duration, Utc};
use strum::IntoEnumIterator;

use super::{
    MachineScope,
    keys::{self, KeyError, LIFE_DAYS_MAX, Made, Owner, Request},
    store::Key,
};
use crate::{
    identity::{Action, Caller, Role},
    web::{
        Access, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// The routes.
pub fn routes() -> Vec<Route> {
    let bank = Access::Official(Action::KeepBankKeys);
    let own = Access::May(Action::KeepSystemKeys);
    vec![
        Route::get("/b/keys", bank, || web::get().to(list)),
        Route::post("/b/keys", bank, || web::post().to(make)),
        Route::post("/b/keys/{key}/rotate", bank, || web::post().to(rotate)),
        Route::post("/b/keys/{key}/revoke", bank, || web::post().to(revoke)),
        Route::get("/org/keys", own, || web::get().to(list)),
        Route::post("/org/keys", own, || web::post().to(make)),
        Route::post("/org/keys/{key}/rotate", own, || web::post().to(rotate)),
        Route::post("/org/keys/{key}/revoke", own, || web::post().to(revoke)),
    ]
}

/// What was typed, given back when it was not right.
#[derive(Debug, Clone, Default)]
struct Typed {
    name: String,
    accounts: String,
    scopes: Vec<String>,
    days: String,
}

/// What a form could not do: the id of the field, and why.
type Fault = Option<(String, String)>;

#[derive(Template)]
#[template(path = "account/keys.html")]
struct KeysPage<'a> {
    page: &'a Page,
    keys: Vec<Key>,
    /// `/b/keys` or `/org/keys`.
    base: &'static str,
    now: DateTime<Utc>,
    typed: Typed,
    fault: Fault,
}

/// A key within this time of its end is said to end soon.
const SOON: Duration = Duration::days(30);

impl KeysPage<'_> {
    fn for_institution(&self) -> bool {
        self.base == "/org/keys"
    }

    fn wrong(&self, id: &str) -> bool {
        self.fault.as_ref().is_some_and(|(at, _)| at == id)
    }

    fn works(&self, key: &Key) -> bool {
        key.revoked_at.is_none() && self.now < key.expires_at
    }

    fn ends_soon(&self, key: &Key) -> bool {
        self.works(key) && key.expires_at <= self.now + SOON
    }

    fn overlapping(&self, key: &Key) -> Option<DateTime<Utc>> {
        key.previous_until.filter(|until| self.works(key) && self.now < *until)
    }

    /// A bureau revokes a key of an institution's system, and leaves its secret to the institution.
    fn may_rotate(&self, key: &Key) -> bool {
        self.for_institution() || key.institution_id.is_none()
    }

    fn scopes(&self, key: &Key) -> String {
        let known = key.scopes.iter().filter_map(|scope| scope.parse::<MachineScope>().ok());
        let words: Vec<&str> = known.map(|scope| self.page.lang.t(scope.words().0, scope.words().1)).collect();
        words.join(self.page.t("；", "; "))
    }

    fn choices(&self) -> Vec<(String, &'static str, bool)> {
        let choice = |scope: MachineScope| {
            let name = scope.to_string();
            let chosen = self.typed.scopes.contains(&name);
            (name, self.page.lang.t(scope.words().0, scope.words().1), chosen)
        };
        MachineScope::iter()
            .filter(|scope| MachineScope::of(Role::InstitutionSystem).contains(scope))
            .map(choice)
            .collect()
    }
}

#[derive(Template)]
#[template(path = "account/key_made.html")]
struct MadePage<'a> {
    page: &'a Page,
    made: &'a Made,
    base: &'static str,
}

fn base(caller: &Caller) -> &'static str {
    if caller.actor.role.is_institution() { "/org/keys" } else { "/b/keys" }
}

async fn list(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let typed = Typed { days: LIFE_DAYS_MAX.to_string(), scopes: vec!["read_register".to_owned()], ..Typed::default() };
    show(&request, &state, &caller, typed, None).await
}

async fn show(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    typed: Typed,
    fault: Fault,
) -> Result<HttpResponse, Problem> {
    let keys = keys::list(&state.pools, caller).await?;
    let mut page = Page::new(request, "接口密钥", "Keys");
    if page.done() == Some("revoked") {
        page.note = Some(Note::new(
            page.t("密钥已作废，用它的请求从现在起被拒绝", "Revoked; its requests are refused from now on"),
            "",
        ));
    }
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = KeysPage { page: &page, keys, base: base(caller), now: caller.now, typed, fault };
    page.render_as(status, &template)
}

/// The secret, this once.
fn show_made(request: &HttpRequest, caller: &Caller, made: &Made) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "请保存新密钥", "Keep the new secret");
    page.render(&MadePage { page: &page, made, base: base(caller) })
}

/// The field that an error is about, and what it says to a person.
fn fault(page: &Page, error: KeyError) -> Result<(String, String), Problem> {
    let (at, zh, en) = match error {
        KeyError::Name => {
            ("name", "请填写这是谁的系统，不超过 100 字", "Say whose system it is, in 100 characters at most")
        }
        KeyError::Accounts => (
            "accounts",
            "账号应为 8 至 40 位数字或字母，每行一个，最多 200 个",
            "An account number has 8 to 40 digits or letters; one a line, 200 at most",
        ),
        KeyError::Life => ("days", "有效期为 1 至 365 天", "A key is good for 1 to 365 days"),
        KeyError::Scope(_) => {
            ("scope-read_register", "请至少勾选一项权限", "Tick at least one thing that the key may do")
        }
        KeyError::Overlap => ("keys", "新旧密钥同时有效不能超过 90 天", "Both secrets work for 90 days at most"),
        KeyError::Over => {
            ("keys", "这个密钥已过期或已作废，请新建一个", "This key has expired or was revoked; make a new one")
        }
        other => return Err(other.into()),
    };
    Ok((at.to_owned(), page.t(zh, en).to_owned()))
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Problem {
        match error {
            KeyError::NotFound => Problem::not_found(),
            KeyError::Forbidden | KeyError::Role | KeyError::Institution => Problem::forbidden(),
            KeyError::Db(error) => error.into(),
            KeyError::Seal(error) => {
                tracing::error!(%error, "a key's secret could not be sealed");
                Problem::internal()
            }
            other => Problem::bad_request("密钥的请求不对，请返回重试。", other.to_string()),
        }
    }
}

async fn make(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let institution = caller.actor.institution;
    let typed = Typed {
        name: form.get("name").to_owned(),
        accounts: form.get("accounts").to_owned(),
        scopes: form.all("scope").into_iter().map(str::to_owned).collect(),
        days: form.get("days").to_owned(),
    };
    let lines = typed.accounts.split(['\n', ',', '，', ' ']).map(crate::escrow::account_number);
    let wanted = Request {
        role: if institution.is_some() { Role::InstitutionSystem } else { Role::Bank },
        owner: institution.map_or(Owner::Bureau, Owner::Institution),
        name: &typed.name,
        scopes: typed.scopes.iter().filter_map(|scope| scope.parse().ok()).collect(),
        accounts: lines.filter(|line| !line.is_empty()).collect(),
        life_days: typed.days.parse().unwrap_or_default(),
    };
    // On the page nothing ticked is not everything.
    let made = if institution.is_some() && wanted.scopes.is_empty() {
        Err(KeyError::Scope(String::new()))
    } else {
        keys::make(&state.pools, &state.secrets, &caller, wanted).await
    };
    match made {
        Ok(made) => show_made(&request, &caller, &made),
        Err(error) => {
            let fault = fault(&Page::new(&request, "接口密钥", "Keys"), error)?;
            show(&request, &state, &caller, typed, Some(fault)).await
        }
    }
}

async fn rotate(
    request: HttpRequest,
    state: State,
    caller: Caller,
    key: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let days = form.get("overlap").parse().unwrap_or(7);
    let overlap = Duration::try_days(days).unwrap_or(Duration::MAX);
    match keys::rotate(&state.pools, &state.secrets, &caller, &key, overlap).await {
        Ok(made) => show_made(&request, &caller, &made),
        Err(error) => refused(&request, &state, &caller, error).await,
    }
}

async fn refused(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    error: KeyError,
) -> Result<HttpResponse, Problem> {
    let fault = fault(&Page::new(request, "接口密钥", "Keys"), error)?;
    let typed = Typed { days: LIFE_DAYS_MAX.to_string(), ..Typed::default() };
    show(request, state, caller, typed, Some(fault)).await
}

async fn revoke(
    request: HttpRequest,
    state: State,
    caller: Caller,
    key: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    if form.get("sure").is_empty() {
        let page = Page::new(&request, "接口密钥", "Keys");
        let message = page.t(
            "作废后不能恢复；请勾选“对方已停用”再作废",
            "A revoked key cannot be brought back; tick that the other side has stopped using it",
        );
        let fault = Some((format!("sure-{key}"), message.to_owned()));
        let typed = Typed { days: LIFE_DAYS_MAX.to_string(), ..Typed::default() };
        return show(&request, &state, &caller, typed, fault).await;
    }
    match keys::revoke(&state.pools, &caller, &key).await {
        Ok(()) => Ok(see_other(&format!("{}?done=revoked", base(&caller)))),
        Err(error) => refused(&request, &state, &caller, error).await,
    }
}
