//! Pages of what is remembered of banks' exports, and of the files that wait for somebody to say it.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;

use super::{
    drafts::kept_until,
    layouts,
    statement::{ColumnRole, LayoutColumn},
    store::{
        drafts::{self, DraftRow},
        layouts::{self as store, Remembered},
    },
};
use crate::{
    identity::{Action, Caller},
    web::{
        Access, Lang, Page, Problem, Route, SafeForm,
        page::{Note, State, see_other},
    },
};

pub(super) fn routes() -> Vec<Route> {
    let may = Access::Official(Action::UploadStatement);
    vec![
        Route::get("/b/escrow/layouts", may, || web::get().to(list)),
        Route::post("/b/escrow/layouts/{id}", may, || web::post().to(forget)),
    ]
}

/// The name of a column's meaning.
pub(super) fn role_word(lang: Lang, role: ColumnRole) -> &'static str {
    use ColumnRole::*;
    match role {
        Date => lang.t("记账日期", "Booking date"),
        Time => lang.t("时间", "Time of day"),
        ValueDate => lang.t("起息日", "Value date"),
        Credit => lang.t("收入（贷方）", "Money in (credit)"),
        Debit => lang.t("支出（借方）", "Money out (debit)"),
        Amount => lang.t("金额（收支同列）", "Amount, in and out"),
        Direction => lang.t("收支方向（借贷）", "Direction"),
        Balance => lang.t("余额", "Balance"),
        CounterpartyName => lang.t("对方户名", "Other side's name"),
        CounterpartyAccount => lang.t("对方账号", "Other side's account"),
        Serial => lang.t("银行流水号", "Bank's reference"),
        Currency => lang.t("币种", "Currency"),
        OwnAccount => lang.t("本方账号", "Own account"),
        Remittance => lang.t("摘要、附言（可多列）", "Text (several columns)"),
        Status => lang.t("交易状态", "Status"),
        Reversal => lang.t("冲正标志", "Reversal mark"),
        CardTail => lang.t("卡号末四位", "End of the card number"),
    }
}

#[derive(Template)]
#[template(path = "escrow/layouts.html")]
struct LayoutsPage<'a> {
    page: &'a Page,
    layouts: Vec<Remembered>,
    waiting: Vec<DraftRow>,
    /// The layout whose removal was not confirmed.
    unsure: Option<i64>,
}

impl LayoutsPage<'_> {
    fn role(&self, role: &ColumnRole) -> &'static str {
        role_word(self.page.lang, *role)
    }

    /// The columns that count.
    fn counting<'l>(&self, layout: &'l Remembered) -> Vec<(&'l LayoutColumn, ColumnRole)> {
        layout.layout.columns.iter().filter_map(|column| Some((column, column.role?))).collect()
    }

    fn until(&self, draft: &DraftRow) -> String {
        self.page.day(kept_until(draft))
    }

    fn is_unsure(&self, id: &i64) -> bool {
        self.unsure == Some(*id)
    }
}

async fn list(request: HttpRequest, state: State, caller: Caller) -> Result<HttpResponse, Problem> {
    show(&request, &state, &caller, None).await
}

async fn show(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    unsure: Option<i64>,
) -> Result<HttpResponse, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let layouts = store::all(&mut conn).await?;
    let waiting = drafts::waiting(&mut conn).await?;
    conn.commit().await?;
    let mut page = Page::new(request, "对账单列含义", "Columns of statements");
    page.note = match page.done() {
        Some("forgotten") => Some(Note::new(
            page.t("已删除", "Removed"),
            page.t("下次遇到这个表头会再问一次。", "This header will be asked about again."),
        )),
        Some("discarded") => Some(Note::new(
            page.t("已放弃这个文件", "The file was discarded"),
            page.t("没有入账。", "Nothing of it was kept."),
        )),
        _ => None,
    };
    let status = if unsure.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page.render_as(status, &LayoutsPage { page: &page, layouts, waiting, unsure })
}

/// POST /b/escrow/layouts/{id}
async fn forget(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    if form.get("sure") != "yes" {
        return show(&request, &state, &caller, Some(*id)).await;
    }
    layouts::forget(&state, &caller, *id).await?;
    Ok(see_other("/b/escrow/layouts?done=forgotten"))
}
