//! Pages of the policies: what holds, where it comes from, and a change with what it would do.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{Days, NaiveDate};
use serde::Deserialize;
use strum::IntoEnumIterator;

use super::{
    PolicyError, Setting,
    back_test_part::BackTestPart,
    commands::{self, Change},
    desk::capital,
    model::{Group, Kind, Parameter, Row, Value},
    parameter_of,
    preview::{self, Preview},
    registry::PARAMETERS,
    rules::{Chain, Link, Resolved, in_force_of},
    words,
};
use crate::{
    courses::Affected,
    identity::{Action, Caller},
    kernel::finding::Decision,
    web::{
        Access, Page, Problem, Query, Route, SafeForm,
        page::{State, see_other},
        show,
    },
};

/// Rows shown of what a change would do.
const SHOWN: usize = 50;

/// The routes of these pages.
pub fn routes() -> Vec<Route> {
    let read = Access::Official(Action::ReadRegister);
    vec![
        Route::get("/b/policies", read, || web::get().to(list)),
        Route::get("/b/policies/{parameter}", read, || web::get().to(one)),
        Route::post("/b/policies/{parameter}", Access::Official(Action::SetPolicy), || web::post().to(propose)),
    ]
}

/// A parameter as a line of the list.
struct Line {
    resolved: Resolved,
    /// The first day and the value of what is planned next.
    planned: Option<Row>,
    /// How many bureaus below have a value of their own.
    below: usize,
    /// What it rests on; nothing where that is what the line before says.
    basis: &'static str,
}

impl Line {
    fn title(&self, page: &Page) -> String {
        title(page, self.resolved.parameter)
    }

    fn value(&self, page: &Page) -> String {
        say(page, self.resolved.parameter, &self.resolved.value)
    }

    fn source(&self, page: &Page) -> String {
        words::source(page.lang, &self.resolved)
    }

    fn since(&self) -> Option<NaiveDate> {
        self.resolved.row().map(|row| row.effective_from)
    }

    fn next(&self, page: &Page) -> Option<String> {
        let row = self.planned.as_ref()?;
        let value = say(page, self.resolved.parameter, &row.value);
        Some(if page.lang.is_en() {
            format!("{value} from {}", page.day(row.effective_from))
        } else {
            format!("{}起 {value}", page.day(row.effective_from))
        })
    }
}

fn title(page: &Page, parameter: &Parameter) -> String {
    if page.lang.is_en() { capital(parameter.title_en) } else { parameter.title_zh.to_owned() }
}

fn say(page: &Page, parameter: &Parameter, value: &Value) -> String {
    if page.lang.is_en() { parameter.say_en(value) } else { parameter.say_zh(value) }
}

#[derive(Debug, Clone, Default, Deserialize)]
struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    group: String,
    /// `own`, `above`, `program` or `planned`.
    #[serde(default)]
    from: String,
}

#[derive(Template)]
#[template(path = "policies/list.html")]
struct ListPage<'a> {
    page: &'a Page,
    query: &'a ListQuery,
    groups: Vec<(&'static str, Vec<Line>)>,
    /// Whether there are bureaus below.
    wide: bool,
}

impl ListPage<'_> {
    fn choices(&self) -> Vec<(String, &'static str)> {
        Group::iter().map(|group| (group.to_string(), self.page.lang.t(group.words().0, group.words().1))).collect()
    }

    fn sources(&self) -> [(&'static str, &'static str); 4] {
        let t = |zh, en| self.page.lang.t(zh, en);
        [
            ("own", t("本局设定", "Set by this bureau")),
            ("above", t("上级设定", "Set above")),
            ("program", t("法规或缺省值", "Law or default")),
            ("planned", t("有变更计划", "A change is planned")),
        ]
    }
}

fn wanted(query: &ListQuery, line: &Line, tenant: i32) -> bool {
    let parameter = line.resolved.parameter;
    let text = query.q.trim().to_lowercase();
    let says = |part: &str| part.to_lowercase().contains(&text);
    let found = text.is_empty()
        || [parameter.id, parameter.title_zh, parameter.title_en, parameter.legal_basis].into_iter().any(says)
        || says(&parameter.say_zh(&line.resolved.value));
    let from = match query.from.as_str() {
        "own" => line.resolved.is_set_at(tenant),
        "above" => !line.resolved.from.is_empty() && !line.resolved.is_set_at(tenant),
        "program" => line.resolved.from.is_empty(),
        "planned" => line.planned.is_some(),
        _ => true,
    };
    found && from && (query.group.is_empty() || parameter.group.to_string() == query.group)
}

fn line(chain: &Chain, parameter: &'static Parameter, today: NaiveDate) -> Line {
    let levels = super::rules::chain_of(chain.tenant);
    let mut below: Vec<i32> = chain
        .rows
        .iter()
        .filter(|row| row.parameter == parameter.id && !levels.contains(&row.tenant))
        .filter(|row| in_force_of(&chain.rows, row.tenant, parameter.id, today).is_some())
        .map(|row| row.tenant)
        .collect();
    below.sort_unstable();
    below.dedup();
    let later =
        |row: &&Row| row.parameter == parameter.id && today < row.effective_from && levels.contains(&row.tenant);
    let planned = chain.rows.iter().filter(later).min_by_key(|row| (row.effective_from, -row.id)).cloned();
    Line { resolved: chain.resolve(parameter, today), planned, below: below.len(), basis: parameter.legal_basis }
}

async fn read(state: &State, caller: &Caller) -> Result<Chain, Problem> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let chain = super::with_below(&mut conn, caller.actor.tenant).await?;
    conn.commit().await?;
    Ok(chain)
}

async fn list(
    request: HttpRequest,
    state: State,
    caller: Caller,
    query: Query<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let chain = read(&state, &caller).await?;
    let page = Page::new(&request, "政策参数", "Policies");
    let mut lines: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
    for parameter in PARAMETERS {
        let line = line(&chain, parameter, caller.today());
        if wanted(&query, &line, caller.actor.tenant) {
            lines
                .entry(Group::iter().position(|group| group == parameter.group).unwrap_or_default())
                .or_default()
                .push(line);
        }
    }
    for lines in lines.values_mut() {
        let mut said = "";
        for line in lines {
            let basis = line.basis;
            line.basis = if basis == said { "" } else { basis };
            said = basis;
        }
    }
    let named = |at: usize| Group::iter().nth(at).map_or("", |group| page.lang.t(group.words().0, group.words().1));
    let groups = lines.into_iter().map(|(at, lines)| (named(at), lines)).collect();
    page.render(&ListPage { page: &page, query: &query, groups, wide: caller.actor.scope().is_wide() })
}

/// The form as it was typed, and what came of it.
#[derive(Debug, Default)]
struct Typed {
    values: Vec<String>,
    from: String,
    reason: String,
    /// Field and sentence.
    errors: Vec<(&'static str, String)>,
    preview: Option<Preview>,
}

#[derive(Template)]
#[template(path = "policies/one.html")]
struct OnePage<'a> {
    page: &'a Page,
    parameter: &'static Parameter,
    line: Line,
    /// Everything that was set by this bureau and those above, the newest first.
    history: Vec<Row>,
    /// Values of bureaus below that are in force today.
    below: Vec<Row>,
    may_set: bool,
    typed: Typed,
    /// What other thresholds would have raised, as HTML.
    back_test: String,
}

impl OnePage<'_> {
    fn say(&self, value: &Value) -> String {
        say(self.page, self.parameter, value)
    }

    fn default(&self) -> String {
        self.say(&self.parameter.default_value())
    }

    fn program(&self) -> &'static str {
        words::program(self.page.lang, self.parameter.standing)
    }

    fn is_of_program(&self) -> bool {
        self.line.resolved.from.is_empty()
    }

    fn level(&self, tenant: &i32) -> &'static str {
        words::level(self.page.lang, *tenant)
    }

    fn bureau(&self, tenant: &i32) -> String {
        show::bureau(*tenant)
    }

    fn holds(&self, link: &Link) -> bool {
        self.line.resolved.is_set_at(link.tenant)
    }

    fn stricter(&self) -> &'static str {
        words::stricter(self.page.lang, self.parameter)
    }

    fn is_planned(&self, row: &Row) -> bool {
        self.page.today() < row.effective_from
    }

    fn wrong(&self, field: &str) -> Vec<&str> {
        self.typed.errors.iter().filter(|(name, _)| *name == field).map(|(_, text)| text.as_str()).collect()
    }

    fn is_choice(&self) -> bool {
        matches!(self.parameter.kind, Kind::Choice(_))
    }

    fn is_set(&self) -> bool {
        matches!(self.parameter.kind, Kind::Set(_))
    }

    fn words(&self) -> Vec<(&'static str, &'static str)> {
        self.parameter.words().iter().map(|(id, zh, en)| (*id, self.page.lang.t(zh, en))).collect()
    }

    fn chosen(&self, word: &str) -> bool {
        self.typed.values.iter().any(|value| value == word)
    }

    fn value(&self) -> &str {
        self.typed.values.first().map_or("", String::as_str)
    }

    fn unit(&self) -> &'static str {
        let t = |zh, en| self.page.lang.t(zh, en);
        match self.parameter.kind {
            Kind::Fen(..) => t("元", "yuan"),
            Kind::BasisPoints(..) => "%",
            Kind::TimeOfDay(..) => t("如 20:30", "such as 20:30"),
            Kind::Days(..) => t("天", "days"),
            Kind::Workdays(..) => t("个工作日", "workdays"),
            Kind::Times(..) => t("次", "times"),
            Kind::Number(_, _, zh, en) => t(zh, en),
            Kind::Choice(_) | Kind::Set(_) => "",
        }
    }

    fn decision(&self, decision: &Decision) -> &'static str {
        let t = |zh, en| self.page.lang.t(zh, en);
        match decision {
            Decision::Pass => t("通过", "pass"),
            Decision::Warn => t("请留意", "note"),
            Decision::Refer => t("须核定", "to decide"),
            Decision::Block => t("须改正", "to mend"),
        }
    }

    fn status(&self, affected: &Affected) -> &'static str {
        let t = |zh, en| self.page.lang.t(zh, en);
        if affected.status == "approved" { t("已备案", "filed") } else { t("待审批", "waiting") }
    }

    fn first<'b, T>(&self, rows: &'b [T]) -> &'b [T] {
        rows.get(..SHOWN).unwrap_or(rows)
    }
}

async fn one(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let parameter = parameter_of(&id).ok_or_else(Problem::not_found)?;
    show_one(&request, &state, &caller, parameter, None).await
}

async fn show_one(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    parameter: &'static Parameter,
    typed: Option<Typed>,
) -> Result<HttpResponse, Problem> {
    let chain = read(state, caller).await?;
    let page = Page::new(request, parameter.title_zh, &capital(parameter.title_en));
    let today = caller.today();
    let levels = super::rules::chain_of(chain.tenant);
    let of_parameter = || chain.rows.iter().filter(|row| row.parameter == parameter.id);
    let mut history: Vec<Row> = of_parameter().filter(|row| levels.contains(&row.tenant)).cloned().collect();
    history.sort_by_key(|row| (std::cmp::Reverse(row.effective_from), std::cmp::Reverse(row.id)));
    let holds =
        |row: &&Row| in_force_of(&chain.rows, row.tenant, parameter.id, today).is_some_and(|one| one.id == row.id);
    let below: Vec<Row> = of_parameter().filter(|row| !levels.contains(&row.tenant)).filter(holds).cloned().collect();
    let line = line(&chain, parameter, today);
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let typed = typed.unwrap_or_else(|| Typed {
        values: match &line.resolved.value {
            Value::Set(words) => words.iter().cloned().collect(),
            value => vec![parameter.typed(value)],
        },
        from: tomorrow.to_string(),
        ..Typed::default()
    });
    let status = if typed.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let may_set = page.may(Action::SetPolicy);
    let test = typed.preview.as_ref().and_then(|preview| preview.warnings.as_ref());
    let back_test = test.map(|test| BackTestPart::html(&page, test)).transpose()?.unwrap_or_default();
    let template = OnePage { page: &page, parameter, line, history, below, may_set, typed, back_test };
    page.render_as(status, &template)
}

/// The errors of a form, by field.
fn told(page: &Page, error: PolicyError, tenant: i32) -> Result<Vec<(&'static str, String)>, Problem> {
    if let PolicyError::Db(error) = error {
        return Err(error.into());
    }
    let problem = error.problem(tenant);
    if problem.errors.is_empty() {
        return Ok(vec![("value", page.t(&problem.detail_zh, &problem.detail_en).to_owned())]);
    }
    let field = |path: &str| match path {
        "effective_from" => "effective_from",
        "reason" | "comment" => "reason",
        _ => "value",
    };
    Ok(problem.errors.iter().map(|e| (field(&e.path), page.t(&e.message_zh, &e.message_en).to_owned())).collect())
}

async fn propose(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<String>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    let parameter = parameter_of(&id).ok_or_else(Problem::not_found)?;
    let page = Page::new(&request, "", "");
    let values = form.all("value");
    let mut typed = Typed {
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        from: form.get("effective_from").to_owned(),
        reason: form.get("reason").to_owned(),
        ..Typed::default()
    };
    let value = match parameter.read_typed(&values) {
        Ok(value) => Some(value),
        Err(error) => {
            typed.errors.push(("value", page.t(&error.zh, &error.en).to_owned()));
            None
        }
    };
    let from = typed.from.parse::<NaiveDate>().ok();
    if from.is_none() {
        let text = page.t("请填写生效日，如 2026-04-01", "Give the first day, e.g. 2026-04-01");
        typed.errors.push(("effective_from", text.to_owned()));
    }
    let Some((value, from)) = value.zip(from) else {
        return show_one(&request, &state, &caller, parameter, Some(typed)).await;
    };
    let settings = vec![Setting { parameter, value }];
    if form.get("do") == "preview" {
        let mut conn = caller.actor.scope().begin(&state.pools).await?;
        let chain = super::with_below(&mut conn, caller.actor.tenant).await?;
        match commands::check(&chain, &settings, from, caller.today()) {
            Ok(()) => {
                let preview =
                    preview::preview(&mut conn, &state.pools, &state.calendar, &chain, &settings, from).await?;
                typed.preview = Some(preview);
            }
            Err(error) => typed.errors = told(&page, error, caller.actor.tenant)?,
        }
        conn.commit().await?;
        return show_one(&request, &state, &caller, parameter, Some(typed)).await;
    }
    let change = Change { subject: parameter.id, settings, from, reason: &typed.reason, read: None };
    match commands::propose(&state.pools, &caller, change).await {
        Ok(id) => Ok(see_other(&format!("/b/approvals/{id}?done=proposed"))),
        Err(error) => {
            typed.errors = told(&page, error, caller.actor.tenant)?;
            show_one(&request, &state, &caller, parameter, Some(typed)).await
        }
    }
}
