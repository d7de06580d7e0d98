//! Sealed columns and the keys that sealed them.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    complaints,
    db::{DbError, Pools, ScopedConn, prepared},
    escrow, institutions, ledger,
    vault::{Place, VaultError},
};

/// A sealed column: its table, its name, what its rows are named by, and how many rows are taken at a time.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub table: &'static str,
    pub column: &'static str,
    /// What the value is bound to.
    row: &'static str,
    place: fn(i32, &str) -> Place<'_>,
    pub batch: i64,
}

/// Every sealed column of personal data.
pub const COLUMNS: [Column; 19] = [
    Column {
        table: "institutions",
        column: "phone_sealed",
        row: "credit_code",
        place: institutions::places::phone,
        batch: 500,
    },
    Column {
        table: "institutions",
        column: "legal_person_id_sealed",
        row: "credit_code",
        place: institutions::places::legal_person_id,
        batch: 500,
    },
    Column {
        table: "sponsors",
        column: "name_sealed",
        row: "institution_id || '/' || encode(name_index, 'hex')",
        place: institutions::places::sponsor,
        batch: 500,
    },
    Column {
        table: "escrow_accounts",
        column: "payee_sealed",
        row: "account_no",
        place: escrow::payee_place,
        batch: 500,
    },
    Column {
        table: "account_amendments",
        column: "payee_sealed",
        row: "account_id || '/' || encode(payee_index, 'hex')",
        place: escrow::amended_payee_place,
        batch: 500,
    },
    Column {
        table: "account_amendments",
        column: "payee_before_sealed",
        row: "account_id || '/' || encode(payee_before_index, 'hex')",
        place: escrow::amended_payee_before_place,
        batch: 500,
    },
    Column {
        table: "contracts",
        column: "pupil_sealed",
        row: "institution_id || '/' || contract_no",
        place: ledger::pupil_place,
        batch: 500,
    },
    Column {
        table: "contracts",
        column: "guardian_phone_sealed",
        row: "institution_id || '/' || contract_no",
        place: ledger::phone_place,
        batch: 500,
    },
    Column {
        table: "payments",
        column: "payee_sealed",
        row: "institution_id || '/' || receipt_no",
        place: ledger::payee_place,
        batch: 500,
    },
    Column {
        table: "lessons",
        column: "dispute_sealed",
        row: "contract_id || '/' || unit_no",
        place: ledger::dispute_place,
        batch: 500,
    },
    Column {
        table: "duty_phones",
        column: "phone_sealed",
        row: "encode(phone_index, 'hex')",
        place: escrow::duty_phone_place,
        batch: 500,
    },
    Column { table: "complaints", column: "phone_sealed", row: "id::text", place: complaints::phone_place, batch: 500 },
    Column { table: "complaints", column: "note_sealed", row: "id::text", place: complaints::note_place, batch: 500 },
    Column {
        table: "warning_documents",
        column: "name_sealed",
        row: "id::text",
        place: escrow::document_name_place,
        batch: 500,
    },
    Column {
        table: "warning_documents",
        column: "file_sealed",
        row: "id::text",
        place: escrow::document_place,
        batch: 1,
    },
    Column { table: "imports", column: "file_sealed", row: "id::text", place: file, batch: 1 },
    Column { table: "imports", column: "sheet_sealed", row: "id::text", place: sheet, batch: 1 },
    Column { table: "imports", column: "report_sealed", row: "id::text", place: report, batch: 1 },
    Column { table: "statement_drafts", column: "file_sealed", row: "id::text", place: escrow::draft_place, batch: 1 },
];

fn file(tenant: i32, id: &str) -> Place<'_> {
    institutions::places::import("file", tenant, id)
}

fn sheet(tenant: i32, id: &str) -> Place<'_> {
    institutions::places::import("sheet", tenant, id)
}

fn report(tenant: i32, id: &str) -> Place<'_> {
    institutions::places::import("report", tenant, id)
}

/// Every bureau that may keep something.
pub async fn tenants(pools: &Pools) -> Result<Vec<i32>, DbError> {
    let client = pools.worker().get().await?;
    let rows = client.query("SELECT tenant_id FROM tenants ORDER BY tenant_id", &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

#[derive(QueryableByName)]
struct Use {
    #[diesel(sql_type = Integer)]
    key: i32,
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many values of a column of the own bureau each key has sealed.
pub async fn uses(conn: &mut ScopedConn, column: &Column) -> Result<Vec<(u16, i64)>, DbError> {
    let Column { table, column, .. } = column;
    let rows: Vec<Use> = prepared(format!(
        "SELECT get_byte({column}, 1) * 256 + get_byte({column}, 2) AS key, count(*) AS n FROM {table} \
         WHERE tenant_id = $1 AND {column} IS NOT NULL GROUP BY 1"
    ))
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((u16::try_from(row.key).ok()?, row.n))).collect())
}

#[derive(QueryableByName)]
struct SealedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    known_as: String,
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

/// Seals the next values of a column anew that another key than `current` has sealed; returns how many, and the last row.
/// The rows are locked until the transaction ends, so that nothing written meanwhile is lost.
pub async fn batch(conn: &mut ScopedConn, column: &Column, current: u16, after: i64) -> Result<(usize, i64), DbError> {
    let Column { table, column: name, row, place, batch } = column;
    let rows: Vec<SealedRow> = prepared(format!(
        "SELECT id, {row} AS known_as, {name} AS sealed FROM {table} WHERE tenant_id = $1 AND id > $2 AND {name} IS NOT NULL \
         AND get_byte({name}, 1) * 256 + get_byte({name}, 2) <> $3 ORDER BY id LIMIT $4 FOR UPDATE"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<Integer, _>(i32::from(current))
    .bind::<BigInt, _>(batch)
    .load(conn.sql())
    .await?;
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let last = rows.last().map_or(after, |row| row.id);
    let (mut ids, mut sealed) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for one in &rows {
        let place = place(tenant, &one.known_as);
        ids.push(one.id);
        sealed.push(vault.seal(&place, &vault.open_sealed(&place, &one.sealed)?)?);
    }
    prepared(format!(
        "UPDATE {table} t SET {name} = n.sealed FROM unnest($2, $3) AS n (id, sealed) WHERE t.tenant_id = $1 AND t.id = n.id"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Binary>, _>(sealed)
    .execute(conn.sql())
    .await?;
    Ok((rows.len(), last))
}

/// The next values of a column of the own bureau after the row `after` that do not open at their place, and the last row
/// that was looked at; `None` after the last one.
pub async fn unopened(
    conn: &mut ScopedConn,
    column: &Column,
    after: i64,
) -> Result<Option<(i64, usize, Vec<(i64, VaultError)>)>, DbError> {
    let Column { table, column: name, row, place, batch } = column;
    let rows: Vec<SealedRow> = prepared(format!(
        "SELECT id, {row} AS known_as, {name} AS sealed FROM {table} WHERE tenant_id = $1 AND id > $2 AND {name} IS NOT NULL \
         ORDER BY id LIMIT $3"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(batch)
    .load(conn.sql())
    .await?;
    let Some(last) = rows.last().map(|row| row.id) else { return Ok(None) };
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let opens = |row: &SealedRow| {
        let opened = vault.open_sealed(&place(tenant, &row.known_as), &row.sealed);
        opened.err().map(|error| (row.id, error))
    };
    Ok(Some((last, rows.len(), rows.iter().filter_map(opens).collect())))
}
