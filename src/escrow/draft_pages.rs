//! The page on which somebody says what the columns of a file mean: its first rows, a meaning for each column, the entries
//! as they would be read, and then the file goes in.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use strum::IntoEnumIterator;

use super::{
    EscrowError,
    drafts::{self, Draft, Sight, TakeError, kept_until},
    ingest::IngestError,
    layout_pages::role_word,
    statement::{ColumnRole, Direction, Entry, Layout, Place, Statement, StatementError},
    upload::{self, Fate, Taken},
    upload_pages::{Outcome, shown, told_of_file},
};
use crate::{
    identity::{Action, Caller},
    kernel::Fen,
    web::{
        Access, FieldError, Page, Problem, Route, SafeForm,
        page::{State, see_other},
    },
};

/// Rows whose values are shown beside their column.
const VALUES: usize = 3;
/// Entries that are shown as they would be read.
const ENTRIES: usize = 12;
/// Rows that may be chosen as the header.
const HEADERS: usize = 40;

pub(super) fn routes() -> Vec<Route> {
    let may = Access::Official(Action::UploadStatement);
    vec![
        Route::get("/b/escrow/drafts/{id}", may, || web::get().to(one)),
        Route::post("/b/escrow/drafts/{id}", may, || web::post().to(act)),
    ]
}

/// One column as the page shows it.
struct Column {
    name: String,
    /// What the first rows hold.
    values: Vec<String>,
    role: Option<ColumnRole>,
    errors: Vec<String>,
}

/// What was said of the columns, and what else was typed.
struct Told {
    header: u64,
    layout: Layout,
    account: String,
    unbalanced: bool,
    /// The columns of another sheet were just remembered.
    goes_on: bool,
}

impl Told {
    /// As proposed, when nothing was said yet of the columns.
    fn proposed(draft: &Draft, bank: &str) -> Told {
        let header = draft.peek.header;
        let layout = Layout { bank: bank.to_owned(), ..draft.proposal(header) };
        Told { header, layout, account: String::new(), unbalanced: false, goes_on: false }
    }
}

#[derive(Template)]
#[template(path = "escrow/draft.html")]
struct DraftPage<'a> {
    page: &'a Page,
    draft: &'a Draft,
    told: &'a Told,
    columns: Vec<Column>,
    /// What is wrong, each with where to mend it.
    errors: Vec<(String, String)>,
    /// The file as it would be read.
    statements: &'a [Statement],
    /// The arithmetic of some statement does not hold.
    is_unbalanced: bool,
    /// Other sheets that are still to be told of.
    others: Vec<String>,
}

impl DraftPage<'_> {
    /// What is wrong with one field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|(at, _)| at == field).map(|(_, text)| text.as_str())
    }

    fn roles(&self) -> Vec<ColumnRole> {
        ColumnRole::iter().collect()
    }

    fn word(&self, role: &ColumnRole) -> &'static str {
        role_word(self.page.lang, *role)
    }

    fn is(&self, column: &Column, role: &ColumnRole) -> bool {
        column.role == Some(*role)
    }

    /// Rows that may be the header: number and what stands in them.
    fn headers(&self) -> Vec<(u64, String)> {
        let line = |cells: &[String]| {
            let filled: Vec<&str> = cells.iter().map(String::as_str).filter(|cell| !cell.is_empty()).take(5).collect();
            filled.join(" | ").chars().take(60).collect()
        };
        self.draft.peek.rows.iter().take(HEADERS).map(|(number, cells)| (*number, line(cells))).collect()
    }

    fn is_header(&self, number: &u64) -> bool {
        *number == self.told.header
    }

    /// The columns as they were said, so that a change after the preview is noticed.
    fn seen(&self) -> String {
        seen(&self.told.layout)
    }

    fn first<'s>(&self, statement: &'s Statement) -> &'s [Entry] {
        &statement.entries[..statement.entries.len().min(ENTRIES)]
    }

    fn when(&self, entry: &Entry) -> String {
        match entry.booked_at {
            Some(at) => at.format("%Y-%m-%d %H:%M").to_string(),
            None => entry.booked_on.to_string(),
        }
    }

    fn is_credit(&self, entry: &Entry) -> bool {
        entry.direction == Direction::Credit
    }

    fn sum(&self, statement: &Statement, direction: &str) -> String {
        let of = |entry: &&Entry| entry.direction.to_string() == direction;
        let sum: i128 = statement.entries.iter().filter(of).map(|entry| i128::from(entry.amount_fen)).sum();
        i64::try_from(sum).map_or_else(|_| "—".to_owned(), |fen| Fen(fen).yuan())
    }

    fn until(&self) -> String {
        self.page.day(kept_until(&self.draft.row))
    }
}

/// Two layouts that say the same are seen alike.
fn seen(layout: &Layout) -> String {
    let roles = layout.columns.iter().map(|column| column.role.map_or_else(String::new, |role| role.to_string()));
    format!("{}:{}", hex::encode(&layout.fingerprint()[..8]), roles.collect::<Vec<_>>().join(","))
}

async fn one(request: HttpRequest, state: State, caller: Caller, id: web::Path<i64>) -> Result<HttpResponse, Problem> {
    let draft = Arc::new(Draft::open(&state, &caller, *id).await?);
    let told = Told::proposed(&draft, &draft.bank);
    render(&request, &state, &draft, &told, Vec::new()).await
}

/// Shows the columns as they were said and what the file then says.
async fn render(
    request: &HttpRequest,
    state: &State,
    draft: &Arc<Draft>,
    told: &Told,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Problem> {
    let page = Page::new(request, "对账单各列的含义", "What the columns mean");
    let mut errors: Vec<(String, String)> =
        errors.iter().map(|e| (e.path.clone(), page.t(&e.message_zh, &e.message_en).to_owned())).collect();
    let mut of_columns: Vec<(usize, String)> = Vec::new();
    let mut document = None;
    match draft.read(state, &told.layout).await? {
        Sight::Document(read) => document = Some(read),
        Sight::Faults(faults) => {
            for fault in faults {
                let message = page.t(&fault.message_zh, &fault.message_en).to_owned();
                of_columns.extend(fault.columns.iter().map(|column| (*column, message.clone())));
                let at = fault.columns.first().map_or_else(|| "columns".to_owned(), |column| format!("role-{column}"));
                if !errors.iter().any(|(_, known)| *known == message) {
                    errors.push((at, message));
                }
            }
        }
        Sight::Refused(error) => errors.push((column_of(&told.layout, &error), told_of_file(page.lang, &error))),
    }
    let rows: Vec<&Vec<String>> = draft.rows_after(told.header).map(|(_, cells)| cells).take(VALUES).collect();
    let value = |row: &&Vec<String>, index: usize| row.get(index).filter(|cell| !cell.is_empty()).cloned();
    let columns = told.layout.columns.iter().enumerate().map(|(index, column)| Column {
        name: column.name.clone(),
        values: rows.iter().filter_map(|row| value(row, index)).collect(),
        role: column.role,
        errors: of_columns.iter().filter(|(of, _)| *of == index).map(|(_, message)| message.clone()).collect(),
    });
    let wrong = !errors.is_empty();
    let statements = document.as_ref().map_or(&[][..], |document| &document.statements);
    let template = DraftPage {
        page: &page,
        draft,
        told,
        columns: columns.collect(),
        errors,
        statements,
        is_unbalanced: document.as_ref().is_some_and(super::statement::Document::is_unbalanced),
        others: document.iter().flat_map(|document| &document.unread).filter_map(StatementError::sheet).collect(),
    };
    // Nobody has said anything yet of what is merely proposed.
    let said = !request.method().is_safe() && !told.goes_on;
    page.render_as(if wrong && said { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }, &template)
}

/// Where what is wrong with a row is mended: its column where it names one.
fn column_of(layout: &Layout, error: &StatementError) -> String {
    let named = match &error.place {
        Place::Cell { column: Some(column), .. } => layout.columns.iter().position(|one| one.name == *column),
        _ => None,
    };
    named.map_or_else(|| "columns".to_owned(), |index| format!("role-{index}"))
}

/// The field in which a refusal is mended.
fn field_of(draft: &Draft, layout: &Layout, error: &IngestError) -> String {
    match error {
        IngestError::NoAccount | IngestError::UnknownAccount(_) | IngestError::OtherAccount { .. }
            if draft.row.account_id.is_none() =>
        {
            "account".to_owned()
        }
        IngestError::Unbalanced(_) => "unbalanced".to_owned(),
        IngestError::Statement(error) => column_of(layout, error),
        _ => "columns".to_owned(),
    }
}

/// What the form says.
fn read_form(draft: &Draft, form: &SafeForm) -> Told {
    let wanted = form.get("header").parse().unwrap_or(draft.peek.header);
    let (header, cells) = draft.header(wanted);
    let bank = form.get("bank").to_owned();
    // Another header row has other columns: what was chosen for the old ones says nothing of them.
    let layout = if form.get("header_was") == header.to_string() {
        let roles: Vec<Option<ColumnRole>> =
            (0..cells.len()).map(|index| form.get(&format!("role-{index}")).parse().ok()).collect();
        draft.layout(&bank, header, &roles)
    } else {
        Layout { bank, ..draft.proposal(header) }
    };
    let (account, unbalanced) = (form.get("account").to_owned(), form.get("unbalanced") == "accept");
    Told { header, layout, account, unbalanced, goes_on: false }
}

/// POST /b/escrow/drafts/{id}
async fn act(
    request: HttpRequest,
    state: State,
    caller: Caller,
    id: web::Path<i64>,
    form: SafeForm,
) -> Result<HttpResponse, Problem> {
    if form.get("action") == "discard" && form.get("sure") == "yes" {
        drafts::discard(&state, &caller, *id).await?;
        return Ok(see_other("/b/escrow/layouts?done=discarded"));
    }
    let draft = Arc::new(Draft::open(&state, &caller, *id).await?);
    let told = read_form(&draft, &form);
    match form.get("action") {
        "discard" => {
            let (zh, en) = ("要放弃这个文件，请先勾选确认", "tick the box if you mean to discard the file");
            render(&request, &state, &draft, &told, vec![FieldError::new("sure", "sure", zh, en)]).await
        }
        // What goes in is what was seen.
        "keep" if form.get("seen") == seen(&told.layout) => keep(&request, &state, &caller, &draft, &told).await,
        _ => render(&request, &state, &draft, &told, Vec::new()).await,
    }
}

async fn keep(
    request: &HttpRequest,
    state: &State,
    caller: &Caller,
    draft: &Arc<Draft>,
    told_us: &Told,
) -> Result<HttpResponse, Problem> {
    let account = Some(told_us.account.as_str()).filter(|account| !account.is_empty());
    let taken = draft.take_in(state, caller, told_us.layout.clone(), account, told_us.unbalanced).await;
    let lang = crate::web::Lang::of(request);
    let taken = match taken {
        Ok(taken) => taken,
        Err(TakeError::OtherSheet(_)) => {
            // The next sheet. The bank's name and the account stay; consent to what it says is asked anew.
            let draft = Arc::new(Draft::open(state, caller, draft.row.id).await?);
            let proposed = Told::proposed(&draft, &told_us.layout.bank);
            let told = Told { account: told_us.account.clone(), goes_on: true, ..proposed };
            return render(request, state, &draft, &told, Vec::new()).await;
        }
        Err(TakeError::Escrow(EscrowError::Invalid(errors))) => {
            return render(request, state, draft, told_us, errors).await;
        }
        Err(TakeError::Escrow(error)) => return Err(error.into()),
        Err(TakeError::Ingest(error @ IngestError::Db(_))) => return Err(error.into()),
        Err(TakeError::Ingest(error)) => vec![Taken { name: String::new(), fate: Fate::Refused(error) }],
    };
    if !taken.iter().any(|one| matches!(one.fate, Fate::Refused(_))) {
        let outcome = Outcome::of(state, caller, lang, taken).await?;
        return shown(request, draft.row.account_id.map(|id| id.to_string()).as_deref(), outcome);
    }
    let mut errors = Vec::new();
    for Taken { fate, .. } in taken {
        if let Fate::Refused(error) = fate {
            let field = field_of(draft, &told_us.layout, &error);
            let told = upload::told(error).into_iter();
            errors.extend(told.map(|(zh, en)| FieldError::new(&field, "refused", zh, en)));
        }
    }
    render(request, state, draft, told_us, errors).await
}
