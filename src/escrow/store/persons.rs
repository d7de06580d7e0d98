//! SQL of who stands close to an institution, as its accounts are judged by it.

use diesel::sql_types::{Array, BigInt, Integer};
use diesel_async::RunQueryDsl;

use crate::db::{DbError, ScopedConn, prepared};

/// Keeps the names of the staff that an institution's approved filings publish. Where they change its accounts are judged anew:
/// what was paid to one of them before is told as well.
pub async fn staff_filed(conn: &mut ScopedConn, institution: i64) -> Result<(), DbError> {
    let changed = prepared(
        "UPDATE institutions i SET staff_names = n.names FROM (SELECT coalesce(array_agg(DISTINCT p ->> 'name' ORDER BY p ->> 'name'), '{}') \
           AS names FROM courses c, jsonb_path_query(c.filing, '$.instructors[*]') p WHERE c.tenant_id = $1 AND c.institution_id = $2 \
           AND c.status = 'approved' AND coalesce(p ->> 'name', '') <> '') n \
         WHERE i.tenant_id = $1 AND i.id = $2 AND i.staff_names IS DISTINCT FROM n.names",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .execute(conn.sql())
    .await?;
    if changed > 0 { judge_anew(conn, &[institution]).await } else { Ok(()) }
}

/// Notes that something filed of institutions has changed by which all of their accounts' history is judged.
pub async fn judge_anew(conn: &mut ScopedConn, institutions: &[i64]) -> Result<(), DbError> {
    prepared(
        "UPDATE escrow_accounts SET owed_changed_on = '1990-01-01' WHERE tenant_id = $1 AND institution_id = ANY($2) AND entry_count > 0",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .execute(conn.sql())
    .await?;
    Ok(())
}
