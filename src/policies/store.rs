//! SQL of policy values.

use chrono::{DateTime, NaiveDate, Utc};
use deadpool_postgres::ClientWrapper;
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Date, Integer, Jsonb, Text, Timestamptz},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value as Json;

use super::{
    model::{Parameter, Row, Value},
    registry,
    rules::chain_of,
};
use crate::{
    approvals::Approval,
    db::{DbError, ScopedConn, Statements, prepared},
    identity::Caller,
};

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    parameter: String,
    #[diesel(sql_type = Integer)]
    version: i32,
    #[diesel(sql_type = Date)]
    effective_from: NaiveDate,
    #[diesel(sql_type = Jsonb)]
    value: Json,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    proposed_by_name: String,
    #[diesel(sql_type = Text)]
    approved_by_name: String,
    #[diesel(sql_type = Timestamptz)]
    adopted_at: DateTime<Utc>,
}

impl Stored {
    /// `None` for a parameter that the program no longer has.
    fn read(self) -> Option<Result<Row, DbError>> {
        let parameter = registry::parameter_of(&self.parameter)?;
        let value = match parameter.read(&self.value) {
            Ok(value) => value,
            // A value that is passed over would quietly loosen what was tightened.
            Err(error) => {
                let told = format!("policy value {} of {:06}: {}", self.id, self.tenant_id, error.en);
                return Some(Err(DbError::Diesel(diesel::result::Error::DeserializationError(told.into()))));
            }
        };
        Some(Ok(Row {
            tenant: self.tenant_id,
            id: self.id,
            parameter: parameter.id,
            effective_from: self.effective_from,
            value,
            version: self.version,
            reason: self.reason,
            proposed_by: self.proposed_by_name,
            approved_by: self.approved_by_name,
            adopted_at: self.adopted_at,
        }))
    }
}

fn read(rows: Vec<Stored>) -> Result<Vec<Row>, DbError> {
    rows.into_iter().filter_map(Stored::read).collect()
}

const COLUMNS: &str = "SELECT tenant_id, id, parameter, version, effective_from, value, reason, proposed_by_name, \
     approved_by_name, adopted_at FROM policy_values";

/// All that the levels of a bureau's chain have set.
pub async fn of_chain(conn: &mut ScopedConn, tenant: i32) -> Result<Vec<Row>, DbError> {
    of_chain_on(conn.sql(), tenant).await
}

/// The same on a connection of the sign-in role, which has no scope.
pub async fn of_chain_on(conn: &mut AsyncPgConnection, tenant: i32) -> Result<Vec<Row>, DbError> {
    let sql = prepared(format!("{COLUMNS} WHERE tenant_id = ANY($1)"));
    read(sql.bind::<Array<Integer>, _>(chain_of(tenant)).load(conn).await?)
}

/// The same inside a scoped transaction of the ingest role.
pub async fn of_chain_by(client: &ClientWrapper, tenant: i32) -> Result<Vec<Row>, DbError> {
    let sql = format!("{COLUMNS} WHERE tenant_id = ANY($1)");
    let rows = client.rows(&sql, &[&chain_of(tenant)]).await?;
    let stored = rows.into_iter().map(|row| Stored {
        tenant_id: row.get(0),
        id: row.get(1),
        parameter: row.get(2),
        version: row.get(3),
        effective_from: row.get(4),
        value: row.get(5),
        reason: row.get(6),
        proposed_by_name: row.get(7),
        approved_by_name: row.get(8),
        adopted_at: row.get(9),
    });
    read(stored.collect())
}

/// All that the bureaus of the visible range below the caller's own have set.
pub async fn below(conn: &mut ScopedConn) -> Result<Vec<Row>, DbError> {
    let (lo, hi) = conn.scope().range();
    let tenant = conn.tenant();
    let sql = prepared(format!("{COLUMNS} WHERE tenant_id BETWEEN $1 AND $2 AND tenant_id <> $3 LIMIT 100000"));
    read(sql.bind::<Integer, _>(lo).bind::<Integer, _>(hi).bind::<Integer, _>(tenant).load(conn.sql()).await?)
}

/// Lets one change of a bureau's policy be adopted at a time, until the transaction ends.
pub async fn one_at_a_time(conn: &mut ScopedConn) -> Result<(), DbError> {
    prepared("SELECT pg_advisory_xact_lock(7122, $1)").bind::<Integer, _>(conn.tenant()).execute(conn.sql()).await?;
    Ok(())
}

/// Adds a value that was approved.
pub async fn adopt(
    conn: &mut ScopedConn,
    caller: &Caller,
    approval: &Approval,
    (parameter, value): (&'static Parameter, &Value),
    from: NaiveDate,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO policy_values (tenant_id, parameter, version, effective_from, value, reason, approval_id, proposed_by, \
         proposed_by_name, approved_by, approved_by_name, adopted_at) \
         SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
         FROM policy_values WHERE tenant_id = $1 AND parameter = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(parameter.id)
    .bind::<Date, _>(from)
    .bind::<Jsonb, _>(parameter.write(value))
    .bind::<Text, _>(&approval.reason)
    .bind::<BigInt, _>(approval.id)
    .bind::<BigInt, _>(approval.proposed_by)
    .bind::<Text, _>(&approval.proposed_by_name)
    .bind::<BigInt, _>(caller.actor.user_id)
    .bind::<Text, _>(&caller.actor.display_name)
    .bind::<Timestamptz, _>(caller.now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
