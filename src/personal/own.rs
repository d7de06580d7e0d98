//! A copy of what the service keeps about one's own account (个人信息保护法 art. 45), for whoever is signed in.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::store::account;
use crate::{
    identity::Caller,
    web::{Access, Problem, Route, page::State},
};

/// Latest deeds that a copy holds; all of them are the bureau's audit trail, which is not only about the one who asks.
const DEEDS: i64 = 1_000;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/account/data", Access::SignedIn, || web::get().to(data))]
}

/// GET /account/data
async fn data(state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    let (own, sessions) = account::account(&state.pools, &caller.actor).await?;
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let deeds = account::deeds(&mut conn, &caller.actor, DEEDS).await?;
    conn.commit().await?;
    let document = json!({
        "made_at": caller.now,
        "account": own,
        "sessions": sessions,
        "deeds": deeds,
        "kept_zh": "账号停用后，姓名和操作记录按审计要求继续保存；电子邮箱可由教育局管理员按请求删除。",
        "kept_en": "After the account is disabled, the name and the record of deeds stay for the audit; the e-mail address is erased by the bureau's administrator on request.",
    });
    Ok(HttpResponse::Ok()
        .insert_header(("content-disposition", "attachment; filename=\"my-data.json\""))
        .json(document))
}
