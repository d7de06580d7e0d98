//! SQL of the division of work between departments.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Integer, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::db::{DbError, ScopedConn, prepared};

/// A category, the department in charge, and what stands behind them in the own bureau.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct RouteRow {
    #[diesel(sql_type = Text)]
    pub category: String,
    #[diesel(sql_type = Text)]
    pub department: String,
    #[diesel(sql_type = BigInt)]
    pub institutions: i64,
    /// Active posts of that department.
    #[diesel(sql_type = BigInt)]
    pub officers: i64,
}

/// The division of work of the own bureau.
pub async fn routes(conn: &mut ScopedConn) -> Result<Vec<RouteRow>, DbError> {
    Ok(prepared(
        "SELECT r.category, r.department, \
           (SELECT count(*) FROM institutions i WHERE i.tenant_id = r.tenant_id AND i.category = r.category) AS institutions, \
           (SELECT count(*) FROM users u WHERE u.tenant_id = r.tenant_id AND u.department = r.department AND u.status = 'active') \
             AS officers \
         FROM department_routes r WHERE r.tenant_id = $1",
    )
    .bind::<Integer, _>(conn.tenant())
    .load(conn.sql())
    .await?)
}

/// Writes the division of work of the own bureau, and what follows from it into institutions and courses.
pub async fn set(
    conn: &mut ScopedConn,
    categories: &[&str],
    departments: &[&str],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "INSERT INTO department_routes AS r (tenant_id, category, department, updated_at) \
         SELECT $1, t.category, t.department, $4 FROM unnest($2, $3) AS t (category, department) \
         ON CONFLICT (tenant_id, category) DO UPDATE SET department = excluded.department, updated_at = excluded.updated_at \
         WHERE r.department <> excluded.department",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Text>, _>(categories)
    .bind::<Array<Text>, _>(departments)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    prepared(
        "UPDATE institutions i SET department = r.department FROM department_routes r \
         WHERE i.tenant_id = $1 AND r.tenant_id = $1 AND r.category = i.category AND i.department <> r.department",
    )
    .bind::<Integer, _>(conn.tenant())
    .execute(conn.sql())
    .await?;
    prepared(
        "UPDATE courses c SET department = i.department FROM institutions i \
         WHERE c.tenant_id = $1 AND i.tenant_id = $1 AND i.id = c.institution_id AND c.department <> i.department",
    )
    .bind::<Integer, _>(conn.tenant())
    .execute(conn.sql())
    .await?;
    Ok(())
}
