//! Whether what parents see is what is drawn from the facts.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Integer, Jsonb},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use super::publish::{gather, row};
use crate::{
    db::{DbError, Pools, Scope, ScopedConn, prepared},
    kernel::{Fault, Invariant, fault::Told},
};

/// Institutions compared at once.
const AT_ONCE: i64 = 200;

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct Published {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Jsonb)]
    row: Value,
}

/// Compares every published row of a bureau; how many institutions there were.
pub async fn examine(pools: &Pools, tenant: i32, told: Told<'_>) -> Result<u64, DbError> {
    let (mut after, mut count) = (0, 0);
    loop {
        // One instant: facts and what is published of them change together.
        let mut conn = Scope::system(tenant).begin_snapshot(pools).await?;
        let ids = known_after(&mut conn, after).await?;
        let Some(last) = ids.last() else { return conn.commit().await.map(|()| count) };
        (after, count) = (*last, count + ids.len() as u64);
        let drawn: Vec<Value> = gather(&mut conn, &ids).await?.into_iter().map(row).collect::<Result<_, _>>()?;
        let mut published = published(&mut conn, &ids).await?;
        conn.commit().await?;
        for drawn in drawn {
            let id = drawn["institution_id"].as_i64().unwrap_or_default();
            let place = published.iter().position(|one| one.institution_id == id);
            match place.map(|place| published.swap_remove(place)) {
                None => told(fault(tenant, id, "没有公示", "is not published")),
                Some(one) if one.row != drawn => {
                    let fields = differing(&one.row, &drawn);
                    let (zh, en) =
                        (format!("公示与事实不符：{fields}"), format!("is published otherwise than it is: {fields}"));
                    told(fault(tenant, id, &zh, &en));
                }
                Some(_) => {}
            }
        }
        for stray in published {
            told(fault(tenant, stray.institution_id, "公示了台账里没有的机构", "is published and not in the register"));
        }
    }
}

fn fault(tenant: i32, institution: i64, zh: &str, en: &str) -> Fault {
    Fault {
        invariant: Invariant::PublicRows,
        tenant,
        row: format!("public_institutions {institution}"),
        zh: format!("机构 {institution}：{zh}"),
        en: format!("institution {institution} {en}"),
    }
}

/// Names of the fields that differ.
fn differing(one: &Value, other: &Value) -> String {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return String::new() };
    let fields: Vec<&str> =
        other.iter().filter(|(key, value)| one.get(*key) != Some(*value)).map(|(key, _)| key.as_str()).collect();
    fields.join(", ")
}

/// Institutions of the register or of the published table, in order of id after one.
async fn known_after(conn: &mut ScopedConn, after: i64) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Id> = prepared(
        "SELECT id FROM institutions WHERE tenant_id = $1 AND id > $2 \
         UNION SELECT institution_id FROM public_institutions WHERE tenant_id = $1 AND institution_id > $2 ORDER BY id LIMIT $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(AT_ONCE)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The published rows, in the form in which they are written.
async fn published(conn: &mut ScopedConn, institutions: &[i64]) -> Result<Vec<Published>, DbError> {
    Ok(prepared(
        "SELECT institution_id, jsonb_build_object('tenant_id', tenant_id, 'institution_id', institution_id, 'credit_code', credit_code, \
         'name', name, 'category', category, 'rank', rank, 'latin', latin, 'tokens', tokens, 'card', card, 'detail', detail, \
         'statement_on', statement_on) AS row FROM public_institutions WHERE tenant_id = $1 AND institution_id = ANY($2)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions)
    .load(conn.sql())
    .await?)
}
