//! Sheets of contracts, payments and lessons into the ledger: all rows of a file or none, with a report that names row,
//! column, rule and mend. What is there already changes nothing.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::{
    Ledger, contracts,
    lessons::{self, Attended, Session},
    payments,
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, ScopedConn},
    identity::{Action, Caller, may},
    institutions::{
        import::{ImportError, Limits},
        report::Line,
    },
    ledger::{
        error::LedgerError,
        import::{self, ContractRow, Field, LessonRow, Read},
        store::contracts as store,
    },
    web::FieldError,
};

/// Most lines of a report.
const LINES_MAX: usize = 500;

/// What a sheet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sheet {
    /// `already_taken`: they have been signed and paid, so that what the rules forbid is kept with what was found.
    Contracts {
        already_taken: bool,
    },
    Lessons,
}

/// A file on its way into an institution's ledger.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    pub name: &'a str,
    pub bytes: &'a [u8],
    pub sheet: Sheet,
    pub limits: Limits,
    /// The institution's credit code, for the system; an institution's user takes its own files in.
    pub institution: Option<&'a str>,
}

/// What became of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that were taken in, those that changed nothing among them.
    pub accepted: usize,
    /// What is news: contracts, payments, units of lessons; and what was there already.
    pub recorded: usize,
    pub unchanged: usize,
    /// Why rows are refused.
    pub rejected: Vec<Line>,
    /// What was found and is no reason to refuse them.
    pub notes: Vec<Line>,
}

/// Why a file as a whole is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error(transparent)]
    Unreadable(#[from] ImportError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<DbError> for FileError {
    fn from(error: DbError) -> FileError {
        FileError::Ledger(error.into())
    }
}

impl From<FileError> for crate::web::Problem {
    fn from(error: FileError) -> crate::web::Problem {
        match error {
            FileError::Unreadable(error) => {
                let (zh, en) = (error.message_zh(), error.message_en());
                crate::web::Problem::invalid(vec![FieldError::new("file", error.code(), zh, en)])
            }
            FileError::Ledger(error) => error.into(),
        }
    }
}

/// Reads a file and takes it in, in one transaction. When a row is refused nothing is kept, and the report says why.
pub async fn import(pools: &Pools, caller: &Caller, file: &File<'_>) -> Result<Report, FileError> {
    let system = caller.actor.user_id == 0 && caller.actor.session.is_empty();
    if !system && !may(caller.actor.role, Action::KeepLedger) {
        return Err(LedgerError::Forbidden.into());
    }
    let mut conn = caller.actor.scope().begin(pools).await?;
    let ledger = match file.institution.filter(|_| system) {
        Some(code) => {
            let keeper = store::keeper_of_code(&mut conn, code).await?.ok_or(LedgerError::NotFound)?;
            Ledger::of(&mut conn, keeper).await?
        }
        None => Ledger::own(&mut conn, caller).await?,
    };
    let report = match file.sheet {
        Sheet::Contracts { already_taken } => {
            let (name, bytes, limits) = (file.name.to_owned(), file.bytes.to_vec(), file.limits);
            let read = apart(move || import::contracts(&name, &bytes, &limits, already_taken)).await??;
            take_contracts(&mut conn, caller, &ledger, read).await?
        }
        Sheet::Lessons => {
            let (name, bytes, limits) = (file.name.to_owned(), file.bytes.to_vec(), file.limits);
            let read = apart(move || import::lessons(&name, &bytes, &limits)).await??;
            take_lessons(&mut conn, caller, &ledger, read).await?
        }
    };
    if !report.rejected.is_empty() {
        return Ok(Report { accepted: 0, recorded: 0, unchanged: 0, ..report });
    }
    let event = Event {
        action: "ledger.imported",
        subject_kind: "institution",
        subject_id: ledger.keeper.id.to_string(),
        institution: Some(ledger.keeper.id),
        after: Some(json!({"file_name": file.name, "accepted": report.accepted, "added": report.recorded,
                           "unchanged": report.unchanged})),
        ..Event::default()
    };
    audit::store::record(&mut conn, caller, event).await?;
    conn.commit().await?;
    Ok(report)
}

/// Reading a large sheet takes a while, so it is done beside the threads that serve requests.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DbError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| DbError::Pool(format!("reading a sheet broke off: {e}")))
}

fn count(report: &mut Report, fresh: bool) {
    if fresh {
        report.recorded += 1;
    } else {
        report.unchanged += 1;
    }
}

async fn take_contracts(
    conn: &mut ScopedConn,
    caller: &Caller,
    ledger: &Ledger,
    mut read: Read<ContractRow>,
) -> Result<Report, FileError> {
    let mut report = Report { rejected: std::mem::take(&mut read.rejected), ..Report::default() };
    for row in &read.rows {
        if report.rejected.len() > LINES_MAX {
            break;
        }
        let entered = match contracts::enter(conn, caller, ledger, &row.contract).await {
            Ok(entered) => entered,
            Err(error) => {
                refuse(&mut report.rejected, &read, row.row, error)?;
                continue;
            }
        };
        count(&mut report, entered.fresh);
        if let Some(payment) = &row.payment {
            let contract = store::contract(conn, entered.id).await?.ok_or(LedgerError::NotFound)?;
            match payments::enter(conn, caller, ledger, &contract, payment).await {
                Ok(paid) => count(&mut report, paid.fresh),
                Err(error) => {
                    refuse(&mut report.rejected, &read, row.row, error)?;
                    continue;
                }
            }
        }
        if entered.fresh || row.payment.is_some() {
            note(conn, &mut report, &read, row, entered.id).await?;
        }
        report.accepted += 1;
    }
    Ok(report)
}

/// Tells what was found of a row's contract and payment and is no reason to refuse them.
async fn note(
    conn: &mut ScopedConn,
    report: &mut Report,
    read: &Read<ContractRow>,
    row: &ContractRow,
    contract: i64,
) -> Result<(), FileError> {
    let Some(kept) = store::contract(conn, contract).await? else { return Ok(()) };
    let own = row.payment.as_ref().map(|payment| format!("payments[{}]", payment.receipt_no.trim()));
    for finding in kept.findings.as_array().into_iter().flatten() {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        let path = text("path");
        let of_payment = path.starts_with("payments[");
        if of_payment != own.as_deref().is_some_and(|own| path.starts_with(own)) || report.notes.len() > LINES_MAX {
            continue;
        }
        let zh = format!("{}{}", text("message_zh"), text("fix_zh"));
        let en = format!("{} {}", text("message_en"), text("fix_en"));
        let line = read.line(row.row, field_of(path), text("rule"), &zh, &en);
        if !report.notes.contains(&line) {
            report.notes.push(line);
        }
    }
    Ok(())
}

async fn take_lessons(
    conn: &mut ScopedConn,
    caller: &Caller,
    ledger: &Ledger,
    mut read: Read<LessonRow>,
) -> Result<Report, FileError> {
    let mut report = Report { rejected: std::mem::take(&mut read.rejected), ..Report::default() };
    let mut sessions: BTreeMap<DateTime<Utc>, Vec<&LessonRow>> = BTreeMap::new();
    read.rows.iter().for_each(|row| sessions.entry(row.ended_at).or_default().push(row));
    for (ended_at, rows) in sessions {
        if report.rejected.len() > LINES_MAX {
            break;
        }
        let attended = |row: &&LessonRow| Attended { contract_no: row.contract_no.clone(), units: row.units };
        let session = Session { ended_at, attendance: rows.iter().map(attended).collect() };
        match lessons::enter(conn, caller, ledger, &session).await {
            Ok(told) => {
                report.accepted += rows.len();
                report.recorded += told.recorded;
                report.unchanged += told.unchanged;
            }
            Err(LedgerError::Invalid(errors)) => {
                for error in errors {
                    let place = error.path.split(['[', ']']).nth(1).and_then(|at| at.parse::<usize>().ok());
                    let row = place.and_then(|place| rows.get(place)).or(rows.first());
                    let (row, field) = (row.map_or(0, |row| row.row), field_of(&error.path));
                    report.rejected.push(read.line(row, field, &error.rule, &error.message_zh, &error.message_en));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    report.rejected.sort_by_key(|line| line.row);
    Ok(report)
}

/// Tells why a row is refused; what is no matter of the row ends the import.
fn refuse<T>(rejected: &mut Vec<Line>, read: &Read<T>, row: u32, error: LedgerError) -> Result<(), FileError> {
    let fields = error.fields();
    if fields.is_empty() {
        return Err(error.into());
    }
    for field in fields {
        rejected.push(read.line(row, field_of(&field.path), &field.rule, &field.message_zh, &field.message_en));
    }
    Ok(())
}

/// The column that a field of the API stands in.
fn field_of(path: &str) -> Option<Field> {
    Some(match path.rsplit('.').next().unwrap_or(path) {
        "contract_no" => Field::ContractNo,
        "course_id" => Field::CourseId,
        "subject" => Field::Subject,
        "pupil" => Field::Pupil,
        "guardian_phone" => Field::GuardianPhone,
        "signed_on" => Field::SignedOn,
        "price_fen" => Field::Price,
        "materials_fen" => Field::Materials,
        "units_bought" => Field::UnitsBought,
        "instalments" => Field::Instalments,
        "first_lesson_on" => Field::FirstLessonOn,
        "last_lesson_on" => Field::LastLessonOn,
        "receipt_no" => Field::ReceiptNo,
        "paid_at" => Field::PaidAt,
        "amount_fen" => Field::Amount,
        "channel" => Field::Channel,
        "payee_account" => Field::Payee,
        "ended_at" => Field::EndedAt,
        "units" => Field::Units,
        _ => return None,
    })
}
