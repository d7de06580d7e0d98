//! Statement files that wait for somebody to say what their columns mean, and what they say when read so.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use serde_json::json;

use super::{
    EscrowError,
    ingest::{IngestError, Target},
    layouts,
    model::account_number,
    statement::{self, ColumnRole, Document, Layout, LayoutError, Peek, StatementError},
    store::{
        accounts,
        drafts::{self, DraftRow},
    },
    upload::{self, Fate, Taken, Wishes},
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, Scope, ScopedConn},
    identity::{Action, Actor, Caller, may},
    web::AppState,
};

/// Days after which a file that nobody settled is let go: it names people, and the bank has it still.
const KEPT_DAYS: u64 = 7;

/// Puts a file by; returns its number.
pub(super) async fn put_by(
    state: &AppState,
    caller: &Caller,
    name: &str,
    bytes: Vec<u8>,
    target: Option<&Target>,
) -> Result<i64, DbError> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let account = match target {
        Some(Target::Id(id)) => accounts::bank_of(&mut conn, *id).await?.map(|_| *id),
        Some(Target::Number(number)) => {
            accounts::by_number(&mut conn, &account_number(number)).await?.map(|(id, _)| id)
        }
        None => None,
    };
    let id = drafts::add(&mut conn, caller, name, &bytes, account).await?;
    record(&mut conn, caller, "statement_draft.put_by", id, name).await?;
    conn.commit().await?;
    Ok(id)
}

/// Lets go of a file without taking it in.
pub async fn discard(state: &AppState, caller: &Caller, id: i64) -> Result<(), EscrowError> {
    if !may(caller.actor.role, Action::UploadStatement) {
        return Err(EscrowError::Forbidden);
    }
    settle(state, caller, id, "statement_draft.discarded").await
}

async fn settle(state: &AppState, caller: &Caller, id: i64, action: &'static str) -> Result<(), EscrowError> {
    let mut conn = caller.actor.scope().begin(&state.pools).await?;
    let draft = drafts::remove(&mut conn, id).await?.ok_or(EscrowError::NotFound)?;
    record(&mut conn, caller, action, id, &draft.file_name).await?;
    conn.commit().await?;
    Ok(())
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    action: &'static str,
    id: i64,
    file_name: &str,
) -> Result<(), DbError> {
    let event = Event {
        action,
        subject_kind: "statement_draft",
        subject_id: id.to_string(),
        after: Some(json!({"file_name": file_name})),
        ..Event::default()
    };
    audit::store::record(conn, caller, event).await
}

/// Lets go of what nobody settled in time; how many files.
pub async fn forget_old(pools: &Pools, now: chrono::DateTime<chrono::Utc>) -> Result<usize, DbError> {
    let before = now.checked_sub_days(Days::new(KEPT_DAYS)).unwrap_or(now);
    let mut count = 0;
    for tenant in drafts::bureaus_with_older(pools, before).await? {
        let caller = Caller { actor: Actor::system(tenant), request_id: "background".to_owned(), now };
        let mut conn = Scope::system(tenant).begin(pools).await?;
        let gone = drafts::remove_older(&mut conn, before).await?;
        count += gone.len();
        for draft in gone {
            record(&mut conn, &caller, "statement_draft.expired", draft.id, &draft.file_name).await?;
        }
        conn.commit().await?;
    }
    Ok(count)
}

/// A file that waits, with its first rows.
pub struct Draft {
    pub row: DraftRow,
    bytes: Arc<Vec<u8>>,
    pub peek: Peek,
    /// The bank that the layout is likely to be of.
    pub bank: String,
    known: Vec<Layout>,
}

/// The day until which a file that waits is kept.
pub fn kept_until(draft: &DraftRow) -> NaiveDate {
    let left = draft.left_at.with_timezone(&crate::kernel::clock::BEIJING).date_naive();
    left.checked_add_days(Days::new(KEPT_DAYS)).unwrap_or(left)
}

impl Draft {
    /// Opens a file of the caller's bureau.
    pub async fn open(state: &AppState, caller: &Caller, id: i64) -> Result<Draft, EscrowError> {
        if !may(caller.actor.role, Action::UploadStatement) {
            return Err(EscrowError::Forbidden);
        }
        let mut conn = caller.actor.scope().begin(&state.pools).await?;
        let (row, bytes) = drafts::one(&mut conn, id).await?.ok_or(EscrowError::NotFound)?;
        conn.commit().await?;
        let bytes = Arc::new(bytes);
        let target = match row.account_id {
            Some(id) => Some(Target::Id(id)),
            None => layouts::account_in(state, &bytes).await?,
        };
        let mut conn = caller.actor.scope().begin(&state.pools).await?;
        let bank = layouts::bank_of(&mut conn, target.as_ref()).await?.unwrap_or_default();
        conn.commit().await?;
        let known = layouts::for_reading(state, caller, target.as_ref()).await?;
        let limits = upload::limits(state);
        let looking = tokio::task::spawn_blocking(move || {
            // The sheet in which the reader got stuck, where there are several.
            let sheet = match statement::parse(&row.file_name, &bytes, None, &known, &limits) {
                Err(error) => error.sheet(),
                Ok(document) => document.unread.first().and_then(StatementError::sheet),
            };
            let peek = statement::peek(&bytes, sheet.as_deref(), &limits).ok().flatten();
            peek.map(|peek| Draft { row, bytes, peek, bank, known })
        });
        looking.await.map_err(|e| DbError::Pool(e.to_string()))?.ok_or(EscrowError::NotFound)
    }

    /// The cells of a row as they are read; that of the likeliest header where there is no such row.
    pub fn header(&self, number: u64) -> (u64, &[String]) {
        let at = |number: u64| self.peek.rows.iter().find(|(row, _)| *row == number);
        let found = at(number).or_else(|| at(self.peek.header));
        found.map_or((number, &[]), |(number, cells)| (*number, cells.as_slice()))
    }

    /// The rows after the header.
    pub fn rows_after(&self, header: u64) -> impl Iterator<Item = &(u64, Vec<String>)> {
        self.peek.rows.iter().filter(move |(number, _)| *number > header)
    }

    /// What the columns of a header seem to mean, or what is remembered of them.
    pub fn proposal(&self, header: u64) -> Layout {
        let (_, cells) = self.header(header);
        match self.known.iter().find(|layout| layout.is_header(cells)) {
            Some(known) => known.clone(),
            None => Layout::proposed(&self.bank, cells),
        }
    }

    /// What the columns of a header are said to mean.
    pub fn layout(&self, bank: &str, header: u64, roles: &[Option<ColumnRole>]) -> Layout {
        Layout::of(bank, self.header(header).1, roles)
    }

    /// The file as it is read by a layout; other sheets by what is remembered.
    pub async fn read(self: &Arc<Self>, state: &AppState, layout: &Layout) -> Result<Sight, DbError> {
        let faults = layout.faults();
        if !faults.is_empty() {
            return Ok(Sight::Faults(faults));
        }
        let (draft, limits) = (Arc::clone(self), upload::limits(state));
        let layouts: Vec<Layout> = std::iter::once(layout).chain(&self.known).cloned().collect();
        let read = tokio::task::spawn_blocking(move || {
            statement::parse(&draft.row.file_name, &draft.bytes, None, &layouts, &limits)
        });
        Ok(match read.await.map_err(|e| DbError::Pool(e.to_string()))? {
            Ok(document) => Sight::Document(document),
            Err(error) => Sight::Refused(error),
        })
    }

    /// Takes the file in as the layout says, remembers the layout and lets go of the file. Broken off in between, what is
    /// left to do is done by trying again: an entry enters once. Where another sheet of it is still to be told of, only the
    /// layout is remembered.
    pub async fn take_in(
        &self,
        state: &AppState,
        caller: &Caller,
        layout: Layout,
        account: Option<&str>,
        accept_unbalanced: bool,
    ) -> Result<Vec<Taken>, TakeError> {
        layouts::checked(&layout).map_err(EscrowError::Invalid)?;
        let number = account.map(account_number).filter(|number| !number.is_empty());
        let target = self.row.account_id.map(Target::Id).or(number.map(Target::Number));
        let wishes = Wishes { target, accept_unbalanced, layout: Some(layout.clone()), ..Wishes::default() };
        let taken = upload::take_in(state, caller, &self.row.file_name, self.bytes.to_vec(), &wishes).await?;
        if taken.iter().all(|one| matches!(one.fate, Fate::Kept(_))) {
            layouts::remember(state, caller, &layout).await?;
            settle(state, caller, self.row.id, "statement_draft.taken_in").await?;
        }
        let other = |one: &Taken| match &one.fate {
            Fate::Refused(IngestError::Statement(error)) if error.is_about_columns() => {
                error.sheet().filter(|sheet| self.peek.sheet.as_ref() != Some(sheet))
            }
            _ => None,
        };
        if let Some(sheet) = taken.iter().find_map(other) {
            layouts::remember(state, caller, &layout).await?;
            return Err(TakeError::OtherSheet(sheet));
        }
        Ok(taken)
    }
}

/// What a file says by a layout.
pub enum Sight {
    Document(Document),
    /// The columns contradict each other.
    Faults(Vec<LayoutError>),
    /// Some row does not fit.
    Refused(StatementError),
}

/// Why a file that waits is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    #[error("the columns of the sheet {0} are to be told as well")]
    OtherSheet(String),
    #[error(transparent)]
    Escrow(#[from] EscrowError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
}
