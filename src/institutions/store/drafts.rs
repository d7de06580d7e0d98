//! Imported files: drafts that are being mended, and what became of them.
//!
//! The file, its table and the report that quotes it hold whatever the sender wrote, so all three are sealed.

use std::io::{Read, Write};

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Serialize, de::DeserializeOwned};

use super::{places, unreadable, unwritable};
use crate::{
    db::{DbError, ScopedConn, prepared},
    identity::Caller,
    institutions::{import::Table, report::Report},
    vault::{Vault, VaultError},
};

/// One line of the list of imports.
#[derive(Debug, Clone, QueryableByName)]
pub struct ImportRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub file_name: String,
    /// `draft`, `done` or `discarded`.
    #[diesel(sql_type = Text)]
    pub state: String,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Integer)]
    pub region: i32,
    #[diesel(sql_type = Integer)]
    pub good: i32,
    #[diesel(sql_type = Integer)]
    pub bad: i32,
    #[diesel(sql_type = Integer)]
    pub accepted: i32,
    #[diesel(sql_type = Text)]
    pub created_by_name: String,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
}

const ROW: &str = "id, file_name, state, version, region, good, bad, accepted, created_by_name, created_at";

/// The latest imports of the visible range.
pub async fn latest(conn: &mut ScopedConn, limit: i64) -> Result<Vec<ImportRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "SELECT {ROW} FROM imports WHERE tenant_id BETWEEN $1 AND $2 AND state <> 'discarded' ORDER BY id DESC LIMIT $3"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// An import with its sheet.
#[derive(Debug, Clone)]
pub struct Import {
    pub row: ImportRow,
    pub table: Table,
    pub report: Report,
}

#[derive(QueryableByName)]
struct FullRow {
    #[diesel(embed)]
    shown: ImportRow,
    #[diesel(sql_type = Binary)]
    sheet_sealed: Vec<u8>,
    #[diesel(sql_type = Binary)]
    report_sealed: Vec<u8>,
}

/// Compressed, because what is sealed cannot be compressed any more, and a sheet says the same over and over.
fn seal(vault: &Vault, tenant: i32, id: i64, part: &'static str, bytes: &[u8]) -> Result<Vec<u8>, DbError> {
    let mut packed = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    let packed = packed.write_all(bytes).and_then(|()| packed.finish()).map_err(|_| VaultError::Damaged)?;
    Ok(vault.seal(&places::import(part, tenant, &id.to_string()), &packed)?)
}

fn seal_json(
    vault: &Vault,
    tenant: i32,
    id: i64,
    part: &'static str,
    value: &impl Serialize,
) -> Result<Vec<u8>, DbError> {
    seal(vault, tenant, id, part, &serde_json::to_vec(value).map_err(unwritable)?)
}

fn open_json<T: DeserializeOwned>(
    vault: &Vault,
    tenant: i32,
    id: i64,
    part: &'static str,
    sealed: &[u8],
) -> Result<T, DbError> {
    let packed = vault.open_sealed(&places::import(part, tenant, &id.to_string()), sealed)?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed.as_slice()).read_to_end(&mut bytes).map_err(|_| VaultError::Damaged)?;
    serde_json::from_slice(&bytes).map_err(unreadable)
}

/// One import of the caller's own bureau; `lock` holds it until the transaction ends.
pub async fn one(conn: &mut ScopedConn, id: i64, lock: bool) -> Result<Option<Import>, DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let lock = if lock { "FOR UPDATE" } else { "" };
    let found: Option<FullRow> = prepared(format!(
        "SELECT {ROW}, sheet_sealed, report_sealed FROM imports WHERE tenant_id = $1 AND id = $2 AND state <> 'discarded' {lock}"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .get_result(conn.sql())
    .await
    .optional()?;
    found
        .map(|found| {
            Ok(Import {
                row: found.shown,
                table: open_json(&vault, tenant, id, "sheet", &found.sheet_sealed)?,
                report: open_json(&vault, tenant, id, "report", &found.report_sealed)?,
            })
        })
        .transpose()
}

/// A file that has just come.
#[derive(Debug, Clone)]
pub struct NewImport<'a> {
    pub file_name: &'a str,
    pub file: &'a [u8],
    pub region: i32,
    /// `draft`, or `done` when it went straight in.
    pub state: &'a str,
    pub table: &'a Table,
    pub report: &'a Report,
    pub partial: bool,
    pub good: usize,
    pub bad: usize,
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Keeps a file; returns its id.
pub async fn add(conn: &mut ScopedConn, caller: &Caller, new: &NewImport<'_>) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let Id { id } = prepared("SELECT nextval('imports_id_seq') AS id").get_result(conn.sql()).await?;
    let (file, sheet, report) = sealed_parts(vault, tenant, id, new)?;
    prepared(
        "INSERT INTO imports (tenant_id, file_name, file_sealed, region, state, sheet_sealed, report_sealed, partial, good, bad, \
         accepted, created_by, created_by_name, created_at, settled_at, id) OVERRIDING SYSTEM VALUE \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
         CASE WHEN $5 = 'draft' THEN NULL ELSE $14 END, $15)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Text, _>(new.file_name)
    .bind::<Binary, _>(file)
    .bind::<Integer, _>(new.region)
    .bind::<Text, _>(new.state)
    .bind::<Binary, _>(sheet)
    .bind::<Binary, _>(report)
    .bind::<Bool, _>(new.partial)
    .bind::<Integer, _>(count(new.good))
    .bind::<Integer, _>(count(new.bad))
    .bind::<Integer, _>(count(new.report.accepted))
    .bind::<Nullable<BigInt>, _>((caller.actor.user_id != 0).then_some(caller.actor.user_id))
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Timestamptz, _>(caller.now)
    .bind::<BigInt, _>(id)
    .execute(conn.sql())
    .await?;
    Ok(id)
}

type Parts = (Vec<u8>, Vec<u8>, Vec<u8>);

fn sealed_parts(vault: Vault, tenant: i32, id: i64, new: &NewImport<'_>) -> Result<Parts, DbError> {
    Ok((
        seal(&vault, tenant, id, "file", new.file)?,
        seal_json(&vault, tenant, id, "sheet", new.table)?,
        seal_json(&vault, tenant, id, "report", new.report)?,
    ))
}

/// Keeps a mended sheet; its version goes up by one.
pub async fn mend(
    conn: &mut ScopedConn,
    id: i64,
    table: &Table,
    report: &Report,
    good: usize,
    bad: usize,
) -> Result<(), DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    prepared(
        "UPDATE imports SET sheet_sealed = $3, report_sealed = $4, good = $5, bad = $6, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'draft'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Binary, _>(seal_json(&vault, tenant, id, "sheet", table)?)
    .bind::<Binary, _>(seal_json(&vault, tenant, id, "report", report)?)
    .bind::<Integer, _>(count(good))
    .bind::<Integer, _>(count(bad))
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Says what became of a draft.
pub async fn settle(
    conn: &mut ScopedConn,
    id: i64,
    state: &str,
    partial: bool,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    prepared(
        "UPDATE imports SET state = $3, partial = $4, accepted = $5, report_sealed = $6, settled_at = $7 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'draft'",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(state)
    .bind::<Bool, _>(partial)
    .bind::<Integer, _>(count(report.accepted))
    .bind::<Binary, _>(seal_json(&vault, tenant, id, "report", report)?)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct SealedParts {
    #[diesel(sql_type = Binary)]
    sheet_sealed: Vec<u8>,
    #[diesel(sql_type = Binary)]
    report_sealed: Vec<u8>,
}

/// The sheet and the report of an import of the own bureau, whatever became of it.
async fn parts(conn: &mut ScopedConn, id: i64) -> Result<Option<(Table, Report)>, DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let found: Option<SealedParts> =
        prepared("SELECT sheet_sealed, report_sealed FROM imports WHERE tenant_id = $1 AND id = $2")
            .bind::<Integer, _>(tenant)
            .bind::<BigInt, _>(id)
            .get_result(conn.sql())
            .await
            .optional()?;
    let Some(found) = found else { return Ok(None) };
    let table = open_json(&vault, tenant, id, "sheet", &found.sheet_sealed)?;
    Ok(Some((table, open_json(&vault, tenant, id, "report", &found.report_sealed)?)))
}

/// Whether a cell of an import holds something.
pub async fn holds(conn: &mut ScopedConn, id: i64, is_in: impl Fn(&str) -> bool) -> Result<bool, DbError> {
    let found = parts(conn, id).await?;
    Ok(found.is_some_and(|(table, _)| table.rows.iter().flat_map(|row| &row.cells).any(|cell| is_in(cell))))
}

/// Cuts something out of the cells that hold it, blanks the lines that quote it, and lets go of the file as it came.
/// `cut` gives what stays of a text, and nothing where the text does not hold it.
pub async fn blank(conn: &mut ScopedConn, id: i64, cut: impl Fn(&str) -> Option<String>) -> Result<(), DbError> {
    let Some((mut table, mut report)) = parts(conn, id).await? else { return Ok(()) };
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    for cell in table.rows.iter_mut().flat_map(|row| &mut row.cells) {
        if let Some(rest) = cut(cell) {
            *cell = rest;
        }
    }
    for line in report.rejected.iter_mut().chain(&mut report.notes) {
        if cut(&line.message_zh).or_else(|| cut(&line.message_en)).is_some() {
            line.message_zh.clear();
            line.message_en.clear();
        }
    }
    prepared(
        "UPDATE imports SET file_sealed = NULL, sheet_sealed = $3, report_sealed = $4, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(id)
    .bind::<Binary, _>(seal_json(&vault, tenant, id, "sheet", &table)?)
    .bind::<Binary, _>(seal_json(&vault, tenant, id, "report", &report)?)
    .execute(conn.sql())
    .await?;
    Ok(())
}
