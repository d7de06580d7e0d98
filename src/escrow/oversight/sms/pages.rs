//! The page on which an administrator sets the gateway and says who is on duty.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::commands;
use crate::{
    escrow::{
        EscrowError,
        oversight::store::sms::{self as store, DutyPhone, Gateway},
    },
    identity::{Action, Caller},
    policies::{self, registry::oversight::SMS_FROM},
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    let keep = Access::Official(Action::KeepWebhook);
    vec![
        Route::get("/b/escrow/sms", keep, || web::get().to(page)),
        Route::post("/b/escrow/sms", keep, || web::post().to(submit)),
    ]
}

#[derive(Template)]
#[template(path = "escrow/sms.html")]
struct SmsPage<'a> {
    page: &'a Page,
    gateway: Option<Gateway>,
    phones: Vec<DutyPhone>,
    /// From which level on warnings are told by short message, in words.
    from: String,
    /// Shown once, right after the gateway was set.
    secret: Option<&'a str>,
    typed: &'a SafeForm,
    errors: &'a [FieldError],
}

impl SmsPage<'_> {
    fn errors(&self, path: &str) -> Vec<&FieldError> {
        self.errors.iter().filter(|error| error.path == path).collect()
    }
}

async fn page(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    render(&request, &state, &caller, None, (&SafeForm::default(), &[])).await
}

async fn render(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    secret: Option<&str>,
    (typed, errors): (&SafeForm, &[FieldError]),
) -> Result<HttpResponse, Problem> {
    let mut page = Page::new(request, "短信提醒", "Short messages");
    page.note = match page.done() {
        Some("removed") => Some(Note::new(page.t("已停止发短信", "No short message is sent any more"), "")),
        Some("tried") => Some(Note::new(
            page.t("测试短信已交给短信平台", "The trial message is on its way"),
            page.t(
                "一分钟内没有收到，请核对接口地址、模板编号和签名密钥。",
                "If it does not come within a minute, check the address, the template and the secret.",
            ),
        )),
        Some("added") => Some(Note::new(page.t("已加入值班名单", "Put on duty"), "")),
        Some("taken_off") => Some(Note::new(page.t("已移出值班名单", "Taken off duty"), "")),
        _ => None,
    };
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let gateway = store::gateway(&mut conn).await?;
    let phones = store::phones(&mut conn).await?;
    let in_force = policies::in_force(&mut conn, caller.actor.tenant, caller.today()).await?;
    conn.commit().await?;
    let said =
        in_force.of(SMS_FROM.id).map(|resolved| (SMS_FROM.say_zh(&resolved.value), SMS_FROM.say_en(&resolved.value)));
    let from = said.map(|(zh, en)| page.t(&zh, &en).to_owned()).unwrap_or_default();
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page.render_as(status, &SmsPage { page: &page, gateway, phones, from, secret, typed, errors })
}

/// POST /b/escrow/sms
async fn submit(request: HttpRequest, state: State, caller: Caller, form: SafeForm) -> Result<HttpResponse, Problem> {
    let done = match form.get("action") {
        "remove" => commands::remove(&state, &caller).await.map(|()| "removed"),
        "try" => commands::try_out(&state, &caller).await.map(|()| "tried"),
        "add" => commands::add_phone(&state, &caller, (form.get("holder"), form.get("phone"))).await.map(|_| "added"),
        "take_off" => {
            let id = form.get("id").parse().map_err(|_| Problem::not_found())?;
            commands::remove_phone(&state, &caller, id).await.map(|()| "taken_off")
        }
        _ => match commands::set(&state, &caller, (form.get("url"), form.get("template"))).await {
            Ok(secret) => {
                return render(&request, &state, &caller, Some(&secret), (&SafeForm::default(), &[])).await;
            }
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(done) => Ok(see_other(&format!("/b/escrow/sms?done={done}"))),
        Err(EscrowError::Invalid(errors)) => render(&request, &state, &caller, None, (&form, &errors)).await,
        Err(error) => Err(error.into()),
    }
}
