//! SQL that reads what is kept of contracts and days, to be compared with their facts.

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Date, Integer, Text},
};
use diesel_async::RunQueryDsl;

use crate::db::{DbError, ScopedConn, prepared};

/// Institutions of the own bureau that have contracts or owed days, in order of id after one.
pub async fn keepers_after(conn: &mut ScopedConn, after: i64, limit: i64) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let rows: Vec<Id> = prepared(
        "SELECT i.id FROM institutions i WHERE i.tenant_id = $1 AND i.id > $2 \
         AND (EXISTS (SELECT FROM contracts c WHERE c.tenant_id = i.tenant_id AND c.institution_id = i.id) \
              OR EXISTS (SELECT FROM owed_days o WHERE o.tenant_id = i.tenant_id AND o.institution_id = i.id)) ORDER BY i.id LIMIT $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// What is kept of a contract.
#[derive(Debug, Clone, QueryableByName)]
pub struct Kept {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = BigInt)]
    pub paid_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    #[diesel(sql_type = Integer)]
    pub consumed_units: i32,
}

/// What is kept of an institution's contracts, in order of id after one.
pub async fn contracts_after(
    conn: &mut ScopedConn,
    institution: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<Kept>, DbError> {
    Ok(prepared(
        "SELECT id, contract_no, paid_fen, consumed_fen, refunded_fen, consumed_units FROM contracts \
         WHERE tenant_id = $1 AND institution_id = $2 AND id > $3 ORDER BY id LIMIT $4",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// What is kept of a day.
#[derive(Debug, Clone, QueryableByName)]
pub struct KeptDay {
    #[diesel(sql_type = Date)]
    pub day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub contracted_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    #[diesel(sql_type = Integer)]
    pub contracts: i32,
}

/// What is kept of an institution's days.
pub async fn days(conn: &mut ScopedConn, institution: i64) -> Result<Vec<KeptDay>, DbError> {
    Ok(prepared(
        "SELECT day, contracted_fen, consumed_fen, refunded_fen, contracts FROM owed_days WHERE tenant_id = $1 AND institution_id = $2 ORDER BY day",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?)
}
