//! SQL of what back-tests are about: accounts with entries, and institutions that fled.

use std::collections::HashMap;

use chrono::NaiveDate;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Date, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::back_test::outcomes::{Flight, Ground},
};

/// An account that has entries.
#[derive(Debug, Clone, QueryableByName)]
pub struct Account {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub entries: i64,
    /// The day of its last entry.
    #[diesel(sql_type = Nullable<Date>)]
    pub last_on: Option<NaiveDate>,
}

/// All accounts with entries of the caller's range, in order.
pub async fn accounts(conn: &mut ScopedConn) -> Result<Vec<Account>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(
        "SELECT a.tenant_id, a.id, a.entry_count AS entries, (a.last_booked_at AT TIME ZONE interval '8 hours')::date AS last_on \
         FROM escrow_accounts a JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id \
         WHERE a.tenant_id BETWEEN $1 AND $2 AND a.entry_count > 0 ORDER BY a.tenant_id, a.id",
    )
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .load(conn.sql())
    .await?)
}

/// Institutions of a bureau that fled, as far as that is on record: put on the blacklist, or no longer at work while families
/// are owed lessons. The earliest of these counts.
pub async fn flights(conn: &mut ScopedConn, tenant: i32) -> Result<HashMap<i64, Flight>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        institution_id: i64,
        #[diesel(sql_type = Date)]
        on: NaiveDate,
        #[diesel(sql_type = Text)]
        ground: String,
    }
    let rows: Vec<Row> = prepared(
        "SELECT institution_id, min(effective_on) AS \"on\", 'black' AS ground FROM list_decisions \
           WHERE tenant_id = $1 AND status = 'black' GROUP BY institution_id \
         UNION ALL SELECT i.id, i.status_on, i.status FROM institutions i WHERE i.tenant_id = $1 AND i.status <> 'operating' \
           AND i.status_on IS NOT NULL AND EXISTS (SELECT FROM contracts c WHERE c.tenant_id = i.tenant_id AND c.institution_id = i.id \
             AND c.consumed_fen + c.refunded_fen < c.paid_fen) ORDER BY 1, 2",
    )
    .bind::<Integer, _>(tenant)
    .load(conn.sql())
    .await?;
    let mut flights = HashMap::new();
    for row in rows {
        let ground = match row.ground.as_str() {
            "black" => Ground::Blacklisted,
            "deregistered" => Ground::Deregistered,
            _ => Ground::ClosedUnpaid,
        };
        flights.entry(row.institution_id).or_insert(Flight { on: row.on, ground });
    }
    Ok(flights)
}
