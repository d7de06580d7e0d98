//! SQL of what people have said about the columns of banks' exports.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Integer, Jsonb, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::statement::{Layout, LayoutColumn},
    identity::Caller,
};

/// A layout that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    pub id: i64,
    pub layout: Layout,
    pub told_by: String,
    pub told_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    bank: String,
    #[diesel(sql_type = Jsonb)]
    columns: Value,
    #[diesel(sql_type = Text)]
    told_by: String,
    #[diesel(sql_type = Timestamptz)]
    told_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<Remembered, DbError> {
        let columns: Vec<LayoutColumn> = serde_json::from_value(self.columns)
            .map_err(|error| DbError::Diesel(diesel::result::Error::DeserializationError(Box::new(error))))?;
        let layout = Layout { bank: self.bank, columns, foreign: false };
        Ok(Remembered { id: self.id, layout, told_by: self.told_by, told_at: self.told_at })
    }
}

/// All layouts of the own bureau, by bank, the latest of each first.
pub async fn all(conn: &mut ScopedConn) -> Result<Vec<Remembered>, DbError> {
    let rows: Vec<Row> = prepared(
        "SELECT id, bank, columns, told_by, told_at FROM statement_layouts WHERE tenant_id = $1 ORDER BY bank, told_at DESC, id DESC",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// The layout of a bank for a header row, locked until the transaction ends.
pub async fn of_header(
    conn: &mut ScopedConn,
    bank: &str,
    fingerprint: &[u8; 32],
) -> Result<Option<Remembered>, DbError> {
    let row: Option<Row> = prepared(
        "SELECT id, bank, columns, told_by, told_at FROM statement_layouts WHERE tenant_id = $1 AND bank = $2 AND fingerprint = $3 FOR UPDATE",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(bank)
    .bind::<Binary, _>(fingerprint.as_slice())
    .get_result(conn.sql())
    .await
    .optional()?;
    row.map(Row::read).transpose()
}

/// Remembers a layout in place of what its bank and header row had before; its id.
pub async fn keep(conn: &mut ScopedConn, caller: &Caller, layout: &Layout) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let row: Id = prepared(
        "INSERT INTO statement_layouts (tenant_id, bank, fingerprint, columns, told_by, told_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (tenant_id, bank, fingerprint) DO UPDATE SET columns = $4, told_by = $5, told_at = $6 RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(&layout.bank)
    .bind::<Binary, _>(layout.fingerprint().as_slice())
    .bind::<Jsonb, _>(json!(layout.columns))
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Timestamptz, _>(caller.now)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Forgets a layout of the own bureau; what it was, if it was there.
pub async fn remove(conn: &mut ScopedConn, id: i64) -> Result<Option<Remembered>, DbError> {
    let row: Option<Row> = prepared(
        "DELETE FROM statement_layouts WHERE tenant_id = $1 AND id = $2 RETURNING id, bank, columns, told_by, told_at",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .get_result(conn.sql())
    .await
    .optional()?;
    row.map(Row::read).transpose()
}
