//! SQL of the bureaus in range.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Integer},
};
use diesel_async::RunQueryDsl;

use crate::db::{DbError, ScopedConn, prepared};

/// A bureau that has been established, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct Bureau {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub administrators: i64,
    /// Active posts of officials, the administrators among them.
    #[diesel(sql_type = BigInt)]
    pub officials: i64,
    #[diesel(sql_type = BigInt)]
    pub institutions: i64,
    /// Of the institutions, those on the white list.
    #[diesel(sql_type = BigInt)]
    pub white: i64,
}

/// Every bureau of `lo..=hi` that has been established, as far as the caller's range goes.
pub async fn bureaus(conn: &mut ScopedConn, (lo, hi): (i32, i32)) -> Result<Vec<Bureau>, DbError> {
    Ok(prepared(
        "SELECT t.tenant_id, coalesce(u.administrators, 0) AS administrators, coalesce(u.officials, 0) AS officials, \
           coalesce(i.institutions, 0) AS institutions, coalesce(i.white, 0) AS white \
         FROM tenants t \
         LEFT JOIN (SELECT tenant_id, count(*) FILTER (WHERE role = 'bureau_admin') AS administrators, count(*) AS officials \
             FROM users WHERE tenant_id BETWEEN $1 AND $2 AND status = 'active' AND institution_id IS NULL GROUP BY tenant_id) u \
           ON u.tenant_id = t.tenant_id \
         LEFT JOIN (SELECT i.tenant_id, count(*) AS institutions, count(*) FILTER (WHERE l.status = 'white') AS white \
             FROM institutions i LEFT JOIN (SELECT DISTINCT ON (tenant_id, institution_id) tenant_id, institution_id, status \
                 FROM list_decisions WHERE tenant_id BETWEEN $1 AND $2 ORDER BY tenant_id, institution_id, id DESC) l \
               ON l.tenant_id = i.tenant_id AND l.institution_id = i.id \
             WHERE i.tenant_id BETWEEN $1 AND $2 GROUP BY i.tenant_id) i ON i.tenant_id = t.tenant_id \
         WHERE t.tenant_id BETWEEN $1 AND $2 ORDER BY t.tenant_id",
    )
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .load(conn.sql())
    .await?)
}
