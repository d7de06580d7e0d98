//! Files into the register: upload, mend, import or discard; and all at once for the API and the command line.

use serde_json::json;

use super::{
    RegisterError,
    import::{Field, Limits, Reading, Table, check},
    intake,
    report::{Report, tally},
    store::{
        drafts::{self, Import, NewImport},
        register,
    },
};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools, ScopedConn},
    identity::{Action, Caller, may},
    kernel::{RegionCode, region::Level},
};

/// The county whose register this official keeps.
fn own_county(caller: &Caller) -> Result<RegionCode, RegisterError> {
    let region = RegionCode::from_i32(caller.actor.tenant);
    let region = region.ok_or(RegisterError::NotACounty)?;
    // A city without counties (东莞) keeps its own register.
    if region.level() == Level::County || region.counties().is_empty() {
        Ok(region)
    } else {
        Err(RegisterError::NotACounty)
    }
}

/// Whether this official keeps a register, with everything in it that sheets bring. A bureau that is no county has nobody in its own.
pub(super) fn keeper(caller: &Caller) -> Result<(), RegisterError> {
    if may(caller.actor.role, Action::ImportInstitutions) { Ok(()) } else { Err(RegisterError::Forbidden) }
}

fn importer(caller: &Caller) -> Result<RegionCode, RegisterError> {
    if may(caller.actor.role, Action::ImportInstitutions) { own_county(caller) } else { Err(RegisterError::Forbidden) }
}

/// Reading and judging a large sheet takes a while, so it is done beside the threads that serve requests.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, RegisterError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| RegisterError::Db(DbError::Pool(format!("reading a sheet broke off: {e}"))))
}

async fn read(
    file_name: &str,
    bytes: &[u8],
    region: RegionCode,
    limits: Limits,
) -> Result<(Table, Reading), RegisterError> {
    let (file_name, bytes) = (file_name.to_owned(), bytes.to_vec());
    let read = apart(move || {
        let table = Table::parse(&file_name, &bytes, &limits)?;
        let reading = check(&table, region);
        Ok::<_, super::import::ImportError>((table, reading))
    });
    Ok(read.await??)
}

/// Judges a draft's sheet as it stands now.
pub async fn judge(table: Table, region: RegionCode) -> Result<(Table, Reading), RegisterError> {
    apart(move || {
        let reading = check(&table, region);
        (table, reading)
    })
    .await
}

/// Keeps an uploaded file as a draft that can be mended; returns its id. Nothing enters the register.
pub async fn upload(
    pools: &Pools,
    caller: &Caller,
    file_name: &str,
    bytes: &[u8],
    limits: Limits,
) -> Result<i64, RegisterError> {
    let region = importer(caller)?;
    let (table, reading) = read(file_name, bytes, region, limits).await?;
    let (good, bad) = tally(&reading);
    let report = Report { accepted: 0, ..Report::of(&reading, true) };
    let mut conn = caller.actor.scope().begin(pools).await?;
    let new = NewImport {
        file_name,
        file: bytes,
        region: region.tenant_id(),
        state: "draft",
        table: &table,
        report: &report,
        partial: false,
        good,
        bad,
    };
    let id = drafts::add(&mut conn, caller, &new).await?;
    record(&mut conn, caller, "import.uploaded", id, json!({"file": file_name, "good": good, "bad": bad})).await?;
    conn.commit().await?;
    Ok(id)
}

async fn record(
    conn: &mut ScopedConn,
    caller: &Caller,
    action: &str,
    id: i64,
    after: serde_json::Value,
) -> Result<(), RegisterError> {
    let event =
        Event { action, subject_kind: "import", subject_id: id.to_string(), after: Some(after), ..Event::default() };
    Ok(audit::store::record(conn, caller, event).await?)
}

/// A draft of the caller's bureau, locked, in the version that the caller saw.
async fn open_draft(conn: &mut ScopedConn, id: i64, version: i32) -> Result<Import, RegisterError> {
    let import = drafts::one(conn, id, true).await?.ok_or(RegisterError::NotFound)?;
    if import.row.state != "draft" {
        return Err(RegisterError::Settled);
    }
    if import.row.version == version { Ok(import) } else { Err(RegisterError::Changed) }
}

/// One cell and what to write into it: row as the spreadsheet counts, column as the file names it.
pub type Edit = (u32, String, String);

/// Writes into cells of a draft and judges it again.
pub async fn mend(pools: &Pools, caller: &Caller, id: i64, version: i32, edits: &[Edit]) -> Result<(), RegisterError> {
    let region = importer(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let Import { mut table, .. } = open_draft(&mut conn, id, version).await?;
    for (row, column, value) in edits {
        table.set(*row, column, value)?;
    }
    let (table, reading) = judge(table, region).await?;
    let (good, bad) = tally(&reading);
    let report = Report { accepted: 0, ..Report::of(&reading, true) };
    drafts::mend(&mut conn, id, &table, &report, good, bad).await?;
    let cells: Vec<_> = edits
        .iter()
        .map(|(row, column, value)| json!({"row": row, "column": column, "value": Field::quoted_under(column, value)}))
        .collect();
    record(&mut conn, caller, "import.mended", id, json!({"cells": cells})).await?;
    Ok(conn.commit().await?)
}

/// Takes a draft's good rows into the register: all rows or none, unless `partial`.
pub async fn finish(
    pools: &Pools,
    caller: &Caller,
    id: i64,
    version: i32,
    partial: bool,
) -> Result<Report, RegisterError> {
    let region = importer(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let import = open_draft(&mut conn, id, version).await?;
    let (_, reading) = judge(import.table, region).await?;
    let (good, bad) = tally(&reading);
    if bad > 0 && !partial {
        return Err(RegisterError::NotClean { bad });
    }
    if good == 0 {
        return Err(RegisterError::NothingGood);
    }
    let report = enter(&mut conn, caller, &reading, partial).await?;
    drafts::settle(&mut conn, id, "done", partial, &report, caller.now).await?;
    record(&mut conn, caller, "import.finished", id, counts(&report)).await?;
    conn.commit().await?;
    Ok(report)
}

fn counts(report: &Report) -> serde_json::Value {
    json!({"accepted": report.accepted, "added": report.added, "updated": report.updated, "unchanged": report.unchanged})
}

async fn enter(
    conn: &mut ScopedConn,
    caller: &Caller,
    reading: &Reading,
    partial: bool,
) -> Result<Report, RegisterError> {
    let taken = intake::take_in(conn, caller, reading).await?;
    let mut report = Report::of(reading, partial);
    (report.added, report.updated, report.unchanged) = (taken.added, taken.updated, taken.unchanged);
    report.notes.extend(taken.notes);
    report.notes.sort_by_key(|line| line.row);
    Ok(report)
}

/// Puts a draft away; it stays on record.
pub async fn discard(pools: &Pools, caller: &Caller, id: i64, version: i32) -> Result<(), RegisterError> {
    importer(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let import = open_draft(&mut conn, id, version).await?;
    drafts::settle(&mut conn, id, "discarded", false, &import.report, caller.now).await?;
    record(&mut conn, caller, "import.discarded", id, json!({"file": import.row.file_name})).await?;
    Ok(conn.commit().await?)
}

/// A file that goes in without being mended on a page.
#[derive(Debug, Clone)]
pub struct Direct<'a> {
    pub file_name: &'a str,
    pub bytes: &'a [u8],
    /// A county, or for the system a whole range, each row then going to its own county.
    pub region: RegionCode,
    pub partial: bool,
    pub limits: Limits,
}

/// What the file would bring, without asking or changing the register.
pub async fn dry_run(caller: &Caller, direct: &Direct<'_>) -> Result<Report, RegisterError> {
    allowed(caller, direct.region)?;
    let (_, reading) = read(direct.file_name, direct.bytes, direct.region, direct.limits).await?;
    Ok(Report::of(&reading, direct.partial))
}

fn allowed(caller: &Caller, region: RegionCode) -> Result<(), RegisterError> {
    let system = caller.actor.user_id == 0;
    if system || importer(caller)? == region { Ok(()) } else { Err(RegisterError::OtherRegion) }
}

/// Reads, checks and takes in a file in one transaction. When rows are refused and `partial` is not asked for, or no row
/// is good, nothing is changed and the report says why.
pub async fn import(pools: &Pools, caller: &Caller, direct: &Direct<'_>) -> Result<Report, RegisterError> {
    allowed(caller, direct.region)?;
    let (table, reading) = read(direct.file_name, direct.bytes, direct.region, direct.limits).await?;
    let report = Report::of(&reading, direct.partial);
    if report.accepted == 0 {
        return Ok(report);
    }
    let (good, bad) = tally(&reading);
    let mut conn = caller.actor.scope().begin(pools).await?;
    let report = enter(&mut conn, caller, &reading, direct.partial).await?;
    conn.go_on_in(caller.actor.tenant).await?;
    let new = NewImport {
        file_name: direct.file_name,
        file: direct.bytes,
        region: direct.region.tenant_id(),
        state: "done",
        table: &table,
        report: &report,
        partial: direct.partial,
        good,
        bad,
    };
    let id = drafts::add(&mut conn, caller, &new).await?;
    record(&mut conn, caller, "import.finished", id, counts(&report)).await?;
    conn.commit().await?;
    Ok(report)
}

/// The counties of a sheet's good rows, which must have a bureau before they are entered.
pub async fn counties_of(direct: &Direct<'_>) -> Result<Vec<RegionCode>, RegisterError> {
    let (_, reading) = read(direct.file_name, direct.bytes, direct.region, direct.limits).await?;
    let mut counties: Vec<RegionCode> = reading.institutions().map(|(_, institution)| institution.county).collect();
    counties.sort_unstable();
    counties.dedup();
    Ok(counties)
}

/// Ids of the institutions with these credit codes in the caller's own bureau.
pub async fn ids_of_codes(pools: &Pools, caller: &Caller, codes: &[&str]) -> Result<Vec<i64>, RegisterError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    let ids = register::ids(&mut conn, codes).await?;
    conn.commit().await?;
    Ok(ids)
}

/// Ids of the institutions that a finished import entered or found known.
pub async fn ids_of_import(pools: &Pools, caller: &Caller, id: i64) -> Result<Vec<i64>, RegisterError> {
    let region = own_county(caller)?;
    let mut conn = caller.actor.scope().begin(pools).await?;
    let import = drafts::one(&mut conn, id, false)
        .await?
        .filter(|import| import.row.state == "done")
        .ok_or(RegisterError::NotFound)?;
    let (_, reading) = judge(import.table, region).await?;
    let codes: Vec<&str> = reading.institutions().map(|(_, institution)| institution.credit_code.as_str()).collect();
    let ids = register::ids(&mut conn, &codes).await?;
    conn.commit().await?;
    Ok(ids)
}
