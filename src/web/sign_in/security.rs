//! One's own sign-in: password, second factors, recovery codes.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use serde::Deserialize;

use super::{enrol::CodesPage, leading_to, safe_next, said, with_cookies, with_wait};
use crate::{
    identity::{
        Caller,
        commands::SignInError,
        sign_in::{
            PasskeyRow, Visitor,
            security::{self, Confirming, Factor, Overview},
        },
    },
    web::{
        Access, AppState, Page, Problem, Query, Route, SafeForm,
        page::{Note, State, see_other},
        session::Keepsake,
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/account/security", Access::SignedIn, || web::get().to(overview)),
        Route::get("/account/confirm", Access::SignedIn, || web::get().to(confirm_page)),
        Route::post("/account/confirm", Access::SignedIn, || web::post().to(confirm)),
        Route::get("/account/password", Access::SignedIn, || web::get().to(password_page)),
        Route::post("/account/password", Access::SignedIn, || web::post().to(change_password)),
        Route::post("/account/totp/remove", Access::SignedIn, || web::post().to(remove_totp)),
        Route::post("/account/passkeys/{id}/remove", Access::SignedIn, || web::post().to(remove_passkey)),
        Route::post("/account/recovery", Access::SignedIn, || web::post().to(renew_codes)),
    ]
}

async fn own(request: &HttpRequest, state: &AppState, caller: &Caller) -> Result<Overview, Problem> {
    let fresh = Keepsake::Fresh.of(request);
    Ok(security::overview(&state.doorway(), caller, fresh.as_deref()).await?)
}

/// What there is, for whoever has just shown who they are; others are told to do so first.
pub(super) async fn fresh_overview(
    request: &HttpRequest,
    state: &AppState,
    caller: &Caller,
) -> Result<Overview, Problem> {
    let own = own(request, state, caller).await?;
    if own.fresh {
        return Ok(own);
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "confirm-first",
        "请先在“账号安全”页确认是您本人，再做这项修改。",
        "Confirm on the page “Account security” that it is you, then make this change.",
    ))
}

#[derive(Template)]
#[template(path = "sign_in/security.html")]
struct SecurityPage<'a> {
    page: &'a Page,
    own: &'a Overview,
    passkeys: bool,
}

impl SecurityPage<'_> {
    fn id(&self, row: &PasskeyRow) -> String {
        security::passkey_id(row)
    }

    /// The last second factor of somebody who must have one cannot go.
    fn removable(&self) -> bool {
        !self.own.required || 1 < self.own.factors()
    }
}

/// What `?done=` says was done.
fn note(page: &Page) -> Option<Note> {
    let (zh, en) = match page.done()? {
        "totp" => ("验证器已启用", "The authenticator app is set up"),
        "totp-removed" => ("验证器已停用", "The authenticator app was removed"),
        "passkey" => ("通行密钥已添加", "The passkey was added"),
        "passkey-removed" => ("通行密钥已删除", "The passkey was removed"),
        "password" => {
            ("密码已修改，其他设备上的登录都已退出", "The password was changed; all other devices were signed out")
        }
        _ => return None,
    };
    Some(Note::new(page.t(zh, en), ""))
}

async fn overview(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let own = own(&request, &state, &caller).await?;
    let mut page = Page::new(&request, "账号安全", "Account security");
    page.note = note(&page);
    page.render(&SecurityPage { page: &page, own: &own, passkeys: state.passkeys.is_some() })
}

#[derive(Template)]
#[template(path = "sign_in/confirm.html")]
struct ConfirmPage<'a> {
    page: &'a Page,
    username: &'a str,
    next: &'a str,
    error: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Going {
    #[serde(default)]
    next: String,
}

fn confirm_frame(request: &HttpRequest) -> Page {
    Page::new(request, "确认是您本人", "Confirm that it is you")
}

async fn confirm_page(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<Going>,
) -> Result<HttpResponse, Problem> {
    let own = own(&request, &state, &caller).await?;
    let page = confirm_frame(&request);
    let next = safe_next(&query.next).unwrap_or("/account/security");
    page.render(&ConfirmPage { page: &page, username: &own.username, next, error: None })
}

async fn confirm(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let next = safe_next(form.get("next")).unwrap_or("/account/security");
    match security::confirm(&state.doorway(), &caller, &visitor, form.raw("password")).await {
        Ok(Confirming::Fresh(token)) => with_cookies(see_other(next), vec![Keepsake::Fresh.keep(&state, token)]),
        Ok(Confirming::Second(token)) => {
            with_cookies(see_other(&leading_to("/login/second", next)), vec![Keepsake::Step.keep(&state, token)])
        }
        Err(error) => {
            let problem = own_password(error)?;
            let own = own(&request, &state, &caller).await?;
            let page = confirm_frame(&request);
            let error = said(&page, &problem);
            let shown = ConfirmPage { page: &page, username: &own.username, next, error: Some(&error) };
            Ok(with_wait(page.render_as(problem.status, &shown)?, &problem))
        }
    }
}

/// What to say on the form about one's own password; everything else is a page of its own.
fn own_password(error: SignInError) -> Result<Problem, Problem> {
    match error {
        SignInError::Refused => Ok(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "password-wrong",
            "当前密码不对，请核对后再试。",
            "The present password is wrong; check it and try again.",
        )),
        SignInError::TooMany(_) | SignInError::Busy => Ok(error.into()),
        other => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "sign_in/password.html")]
struct PasswordPage<'a> {
    page: &'a Page,
    username: &'a str,
    min: usize,
    /// About the present password, and about the new one.
    wrong: Option<&'a str>,
    refused: Option<&'a str>,
}

fn password_frame(request: &HttpRequest) -> Page {
    Page::new(request, "修改密码", "Change the password")
}

async fn password_page(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let own = own(&request, &state, &caller).await?;
    let page = password_frame(&request);
    page.render(&PasswordPage {
        page: &page,
        username: &own.username,
        min: own.length_min(),
        wrong: None,
        refused: None,
    })
}

async fn change_password(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let (current, new) = (form.raw("current"), form.raw("new"));
    let error = match security::change_password(&state.doorway(), &caller, &visitor, current, new).await {
        Ok(()) => return Ok(see_other("/account/security?done=password")),
        Err(error) => error,
    };
    let about_new = matches!(error, SignInError::Password(_));
    let problem = if about_new { Problem::from(error) } else { own_password(error)? };
    let own = own(&request, &state, &caller).await?;
    let page = password_frame(&request);
    let text = match problem.errors.as_slice().first() {
        Some(error) => page.t(&error.message_zh, &error.message_en).to_owned(),
        None => said(&page, &problem),
    };
    let (wrong, refused) = if about_new { (None, Some(text.as_str())) } else { (Some(text.as_str()), None) };
    let shown = PasswordPage { page: &page, username: &own.username, min: own.length_min(), wrong, refused };
    Ok(with_wait(page.render_as(problem.status, &shown)?, &problem))
}

async fn remove_totp(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    _form: SafeForm,
) -> Result<HttpResponse, Problem> {
    remove(&request, &state, &caller, &visitor, Factor::Totp, "totp-removed").await
}

async fn remove_passkey(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    id: web::Path<String>,
    _form: SafeForm,
) -> Result<HttpResponse, Problem> {
    remove(&request, &state, &caller, &visitor, Factor::Passkey(id.into_inner()), "passkey-removed").await
}

async fn remove(
    request: &HttpRequest,
    state: &AppState,
    caller: &Caller,
    visitor: &Visitor,
    factor: Factor,
    done: &str,
) -> Result<HttpResponse, Problem> {
    let own = fresh_overview(request, state, caller).await?;
    if !security::remove(&state.doorway(), visitor, &own, &factor).await? {
        return Err(Problem::not_found());
    }
    Ok(see_other(&format!("/account/security?done={done}")))
}

async fn renew_codes(
    request: HttpRequest,
    state: State,
    caller: Caller,
    visitor: Visitor,
    _form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let own = fresh_overview(&request, &state, &caller).await?;
    if own.factors() == 0 {
        return Err(Problem::not_found());
    }
    let codes = security::renew_codes(&state.doorway(), &visitor, &own).await?;
    let page = Page::new(&request, "保存恢复码", "Keep your recovery codes");
    let done = ("新的恢复码已生成，旧的都已作废", "The new recovery codes are made; the old ones are void");
    page.render(&CodesPage { page: &page, done, codes: &codes, next: "/account/security" })
}
