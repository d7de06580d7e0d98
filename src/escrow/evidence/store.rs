//! SQL of documents.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::model::{Attachment, FileKind};
use crate::{
    db::{DbError, ScopedConn, prepared},
    vault::{Place, VaultError},
};

/// Where a file is kept, by its document's number.
pub fn file_place(tenant: i32, id: &str) -> Place<'_> {
    Place { table: "warning_documents", column: "file", tenant, row: id }
}

/// Where its name is kept.
pub fn name_place(tenant: i32, id: &str) -> Place<'_> {
    Place { table: "warning_documents", column: "name", tenant, row: id }
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// So many numbers for documents to come.
pub async fn numbers(conn: &mut ScopedConn, count: usize) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Id> = prepared("SELECT nextval('warning_documents_id_seq') AS id FROM generate_series(1, $1)")
        .bind::<Integer, _>(i32::try_from(count).unwrap_or_default())
        .load(conn.sql())
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// A document sealed for its place.
#[derive(Debug, Clone)]
pub struct NewDocument {
    pub id: i64,
    pub kind: FileKind,
    pub size_bytes: i32,
    pub sha256: [u8; 32],
    pub file_sealed: Vec<u8>,
    pub name_sealed: Vec<u8>,
}

/// What a document is attached to.
#[derive(Debug, Clone, Copy)]
pub struct Whereto {
    pub warning: i64,
    pub action: i64,
    pub institution: Option<i64>,
    pub internal: bool,
}

/// Adds a document.
pub async fn add(
    conn: &mut ScopedConn,
    to: Whereto,
    document: &NewDocument,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO warning_documents (tenant_id, id, warning_id, action_id, institution_id, internal, kind, size_bytes, sha256, \
         file_sealed, name_sealed, added_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(document.id)
    .bind::<BigInt, _>(to.warning)
    .bind::<BigInt, _>(to.action)
    .bind::<Nullable<BigInt>, _>(to.institution)
    .bind::<Bool, _>(to.internal)
    .bind::<Text, _>(<&str>::from(document.kind))
    .bind::<Integer, _>(document.size_bytes)
    .bind::<Binary, _>(&document.sha256[..])
    .bind::<Binary, _>(&document.file_sealed)
    .bind::<Binary, _>(&document.name_sealed)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    warning_id: i64,
    #[diesel(sql_type = BigInt)]
    action_id: i64,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Integer)]
    size_bytes: i32,
    #[diesel(sql_type = Binary)]
    sha256: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    name_sealed: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    erased_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Bool)]
    internal: bool,
}

const ROW: &str = "d.tenant_id, d.id, d.warning_id, d.action_id, d.kind, d.size_bytes, d.sha256, d.name_sealed, d.erased_at, \
     d.internal";

impl Row {
    fn open(self, conn: &ScopedConn) -> Result<Attachment, DbError> {
        let id = self.id.to_string();
        let place = name_place(self.tenant_id, &id);
        let name = self.name_sealed.as_deref().map(|sealed| conn.vault().open_sealed(&place, sealed)).transpose()?;
        let name = name.map(|name| String::from_utf8(name).map_err(|_| VaultError::Damaged)).transpose()?;
        let kind =
            self.kind.parse().map_err(|_| DbError::Pool("a document is stored with an unknown kind".to_owned()))?;
        Ok(Attachment {
            id: self.id,
            warning: self.warning_id,
            action: self.action_id,
            name,
            kind,
            size_bytes: self.size_bytes,
            sha256: self.sha256,
            erased_at: self.erased_at,
            internal: self.internal,
        })
    }
}

/// The documents of some warnings of a bureau that the caller may read, in order.
pub async fn of_warnings(conn: &mut ScopedConn, tenant: i32, warnings: &[i64]) -> Result<Vec<Attachment>, DbError> {
    let rows: Vec<Row> = prepared(format!(
        "SELECT {ROW} FROM warning_documents d WHERE d.tenant_id = $1 AND d.warning_id = ANY($2) ORDER BY d.id"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<Array<BigInt>, _>(warnings)
    .load(conn.sql())
    .await?;
    rows.into_iter().map(|row| row.open(conn)).collect()
}

/// One document of a warning of a bureau, if the caller may read it.
pub async fn document(
    conn: &mut ScopedConn,
    (tenant, warning): (i32, i64),
    id: i64,
) -> Result<Option<Attachment>, DbError> {
    let row: Option<Row> = prepared(format!(
        "SELECT {ROW} FROM warning_documents d WHERE d.tenant_id = $1 AND d.warning_id = $2 AND d.id = $3"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(warning)
    .bind::<BigInt, _>(id)
    .get_result(conn.sql())
    .await
    .optional()?;
    row.map(|row| row.open(conn)).transpose()
}

/// The sealed file of a document; `None` once it was erased.
pub async fn file(conn: &mut ScopedConn, tenant: i32, id: i64) -> Result<Option<Vec<u8>>, DbError> {
    #[derive(QueryableByName)]
    struct File {
        #[diesel(sql_type = Nullable<Binary>)]
        file_sealed: Option<Vec<u8>>,
    }
    let row: Option<File> = prepared("SELECT file_sealed FROM warning_documents WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(tenant)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.and_then(|row| row.file_sealed))
}

/// Erases a document of the own bureau, but for what says that it was there; whether anything was left to erase.
pub async fn erase(conn: &mut ScopedConn, id: i64, by: &str, now: DateTime<Utc>) -> Result<bool, DbError> {
    let erased = prepared(
        "UPDATE warning_documents SET file_sealed = NULL, name_sealed = NULL, erased_at = $3, erased_by = $4 \
         WHERE tenant_id = $1 AND id = $2 AND erased_at IS NULL",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Timestamptz, _>(now)
    .bind::<Text, _>(by)
    .execute(conn.sql())
    .await?;
    Ok(erased == 1)
}

/// Documents of the own bureau whose names hold something, as the trail calls them.
pub async fn named(conn: &mut ScopedConn, holds: impl Fn(&str) -> bool) -> Result<Vec<String>, DbError> {
    let rows: Vec<Row> = prepared(format!(
        "SELECT {ROW} FROM warning_documents d WHERE d.tenant_id = $1 AND d.erased_at IS NULL ORDER BY d.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    let mut found = Vec::new();
    for row in rows {
        let document = row.open(conn)?;
        if document.name.as_deref().is_some_and(&holds) {
            found.push(format!("#{} {}", document.id, document.called(false).unwrap_or_default()));
        }
    }
    Ok(found)
}
