//! SQL of statement files that wait for somebody to say what their columns mean. They are sealed: a statement names people.

use std::io::{Read, Write};

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use crate::{
    db::{DbError, Pools, ScopedConn, prepared},
    identity::Caller,
    vault::{Place, VaultError},
};

/// A file that waits, without its content.
#[derive(Debug, Clone, QueryableByName)]
pub struct DraftRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub file_name: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub account_id: Option<i64>,
    #[diesel(sql_type = Text)]
    pub left_by: String,
    #[diesel(sql_type = Timestamptz)]
    pub left_at: DateTime<Utc>,
}

const ROW: &str = "id, file_name, account_id, left_by, left_at";

/// Where a file is kept, by its number.
pub fn draft_place(tenant: i32, id: &str) -> Place<'_> {
    Place { table: "statement_drafts", column: "file", tenant, row: id }
}

/// Puts a file by; returns its number. Compressed, because what is sealed cannot be compressed any more.
pub async fn add(
    conn: &mut ScopedConn,
    caller: &Caller,
    file_name: &str,
    file: &[u8],
    account: Option<i64>,
) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let Id { id } = prepared("SELECT nextval('statement_drafts_id_seq') AS id").get_result(conn.sql()).await?;
    let mut packed = DeflateEncoder::new(Vec::with_capacity(file.len() / 4), Compression::fast());
    let packed = packed.write_all(file).and_then(|()| packed.finish()).map_err(|_| VaultError::Damaged)?;
    let sealed = conn.vault().seal(&draft_place(conn.tenant(), &id.to_string()), &packed)?;
    prepared(
        "INSERT INTO statement_drafts (tenant_id, id, file_name, file_sealed, account_id, left_by, left_at) OVERRIDING SYSTEM VALUE \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(file_name)
    .bind::<Binary, _>(sealed)
    .bind::<Nullable<BigInt>, _>(account)
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Timestamptz, _>(caller.now)
    .execute(conn.sql())
    .await?;
    Ok(id)
}

/// A file of the own bureau with its content.
pub async fn one(conn: &mut ScopedConn, id: i64) -> Result<Option<(DraftRow, Vec<u8>)>, DbError> {
    #[derive(QueryableByName)]
    struct Full {
        #[diesel(embed)]
        shown: DraftRow,
        #[diesel(sql_type = Binary)]
        file_sealed: Vec<u8>,
    }
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let found: Option<Full> =
        prepared(format!("SELECT {ROW}, file_sealed FROM statement_drafts WHERE tenant_id = $1 AND id = $2"))
            .bind::<Integer, _>(tenant)
            .bind::<BigInt, _>(id)
            .get_result(conn.sql())
            .await
            .optional()?;
    let Some(found) = found else { return Ok(None) };
    let packed = vault.open_sealed(&draft_place(tenant, &id.to_string()), &found.file_sealed)?;
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed.as_slice()).read_to_end(&mut bytes).map_err(|_| VaultError::Damaged)?;
    Ok(Some((found.shown, bytes)))
}

/// The files of the own bureau that wait, the latest first.
pub async fn waiting(conn: &mut ScopedConn) -> Result<Vec<DraftRow>, DbError> {
    Ok(prepared(format!("SELECT {ROW} FROM statement_drafts WHERE tenant_id = $1 ORDER BY id DESC LIMIT 100"))
        .bind::<Integer, _>(conn.tenant())
        .load(conn.sql())
        .await?)
}

/// Lets go of a file; what it was, if it was there still.
pub async fn remove(conn: &mut ScopedConn, id: i64) -> Result<Option<DraftRow>, DbError> {
    Ok(prepared(format!("DELETE FROM statement_drafts WHERE tenant_id = $1 AND id = $2 RETURNING {ROW}"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Lets go of the own bureau's files that were left before `before`.
pub async fn remove_older(conn: &mut ScopedConn, before: DateTime<Utc>) -> Result<Vec<DraftRow>, DbError> {
    Ok(prepared(format!("DELETE FROM statement_drafts WHERE tenant_id = $1 AND left_at < $2 RETURNING {ROW}"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Timestamptz, _>(before)
        .load(conn.sql())
        .await?)
}

/// The bureaus that have files left before `before`.
pub async fn bureaus_with_older(pools: &Pools, before: DateTime<Utc>) -> Result<Vec<i32>, DbError> {
    let client = pools.worker().get().await?;
    let sql = "SELECT DISTINCT tenant_id FROM statement_drafts WHERE left_at < $1 ORDER BY tenant_id";
    let rows = client.query(sql, &[&before]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
