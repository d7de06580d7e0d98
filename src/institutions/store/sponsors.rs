//! SQL of who set institutions up.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::places;
use crate::{
    db::{DbError, ScopedConn, prepared},
    institutions::model::Sponsor,
    kernel::{
        Private,
        private::{Kind as _, PersonName},
    },
    vault::Sealed,
};

/// A sponsor on the register.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: i64,
    pub tenant: i32,
    pub institution: i64,
    pub institution_name: String,
    pub credit_code: String,
    pub sponsor: Sponsor,
    pub added_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Text)]
    institution_name: String,
    #[diesel(sql_type = Text)]
    credit_code: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Binary)]
    name_sealed: Sealed<PersonName>,
    #[diesel(sql_type = Binary)]
    name_index: Vec<u8>,
    #[diesel(sql_type = Nullable<Integer>)]
    share_bp: Option<i32>,
    #[diesel(sql_type = Timestamptz)]
    added_at: DateTime<Utc>,
}

impl Row {
    fn open(self, conn: &ScopedConn) -> Result<Kept, DbError> {
        let row = row_of(self.institution_id, &self.name_index);
        let name = self.name_sealed.open(conn.vault(), &places::sponsor(self.tenant_id, &row))?;
        let kind = self.kind.parse();
        let kind = kind.map_err(|_| DbError::Pool("a sponsor is stored with an unknown kind".to_owned()))?;
        Ok(Kept {
            id: self.id,
            tenant: self.tenant_id,
            institution: self.institution_id,
            institution_name: self.institution_name,
            credit_code: self.credit_code,
            sponsor: Sponsor { name, kind, share_bp: self.share_bp },
            added_at: self.added_at,
        })
    }
}

/// What a sealed name is bound to.
fn row_of(institution: i64, index: &[u8]) -> String {
    format!("{institution}/{}", hex::encode(index))
}

/// The keyed hash that a name is compared by.
fn index_of(conn: &ScopedConn, name: &Private<PersonName>) -> Vec<u8> {
    conn.vault().digest::<PersonName>(&PersonName::normal(name.expose()).concat())
}

const SELECT: &str = "SELECT s.tenant_id, s.id, s.institution_id, i.name AS institution_name, i.credit_code, s.kind, s.name_sealed, \
     s.name_index, s.share_bp, s.added_at FROM sponsors s \
     JOIN institutions i ON i.tenant_id = s.tenant_id AND i.id = s.institution_id";

/// The sponsors of these institutions of one bureau, in order of entry.
pub async fn of(conn: &mut ScopedConn, tenant: i32, institutions: &[i64]) -> Result<Vec<Kept>, DbError> {
    let rows: Vec<Row> =
        prepared(format!("{SELECT} WHERE s.tenant_id = $1 AND s.institution_id = ANY($2) ORDER BY s.id"))
            .bind::<Integer, _>(tenant)
            .bind::<Array<BigInt>, _>(institutions)
            .load(conn.sql())
            .await?;
    rows.into_iter().map(|row| row.open(conn)).collect()
}

/// The same, by institution.
pub async fn by_institution(
    conn: &mut ScopedConn,
    tenant: i32,
    institutions: &[i64],
) -> Result<HashMap<i64, Vec<Sponsor>>, DbError> {
    let mut found: HashMap<i64, Vec<Sponsor>> = HashMap::new();
    for kept in of(conn, tenant, institutions).await? {
        found.entry(kept.institution).or_default().push(kept.sponsor);
    }
    Ok(found)
}

/// One sponsor of the caller's range.
pub async fn one(conn: &mut ScopedConn, id: i64) -> Result<Option<Kept>, DbError> {
    let (lo, hi) = conn.scope().range();
    let rows: Vec<Row> = prepared(format!("{SELECT} WHERE s.tenant_id BETWEEN $1 AND $2 AND s.id = $3"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .load(conn.sql())
        .await?;
    rows.into_iter().next().map(|row| row.open(conn)).transpose()
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Adds a sponsor; `None` where the institution has one of that name.
pub async fn add(
    conn: &mut ScopedConn,
    institution: i64,
    sponsor: &Sponsor,
    now: DateTime<Utc>,
) -> Result<Option<i64>, DbError> {
    let (tenant, index) = (conn.tenant(), index_of(conn, &sponsor.name));
    let row = row_of(institution, &index);
    let sealed = Sealed::seal(conn.vault(), &places::sponsor(tenant, &row), &sponsor.name)?;
    let added: Vec<Id> = prepared(
        "INSERT INTO sponsors (tenant_id, institution_id, kind, name_sealed, name_index, share_bp, added_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, institution_id, name_index) DO NOTHING RETURNING id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Text, _>(<&str>::from(sponsor.kind))
    .bind::<Binary, _>(sealed.bytes())
    .bind::<Binary, _>(index)
    .bind::<Nullable<Integer>, _>(sponsor.share_bp)
    .bind::<Timestamptz, _>(now)
    .load(conn.sql())
    .await?;
    Ok(added.into_iter().next().map(|row| row.id))
}

/// Takes a sponsor of the own bureau off the register.
pub async fn remove(conn: &mut ScopedConn, id: i64) -> Result<(), DbError> {
    prepared("DELETE FROM sponsors WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Makes these the sponsors of institutions of the own bureau, and nobody else; who stays keeps the day of entry.
pub async fn replace(
    conn: &mut ScopedConn,
    institutions: &[(i64, &[Sponsor])],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    if institutions.is_empty() {
        return Ok(());
    }
    let tenant = conn.tenant();
    let mut records = Vec::new();
    for (institution, sponsor) in institutions.iter().flat_map(|(id, all)| all.iter().map(move |one| (*id, one))) {
        let index = index_of(conn, &sponsor.name);
        let row = row_of(institution, &index);
        let sealed = Sealed::seal(conn.vault(), &places::sponsor(tenant, &row), &sponsor.name)?;
        records.push(json!({"institution_id": institution, "kind": sponsor.kind, "share_bp": sponsor.share_bp,
                            "sealed": hex::encode(sealed.bytes()), "name_index": hex::encode(index)}));
    }
    let ids: Vec<i64> = institutions.iter().map(|(id, _)| *id).collect();
    let records = Value::Array(records);
    prepared(
        "DELETE FROM sponsors s WHERE s.tenant_id = $1 AND s.institution_id = ANY($2) AND NOT EXISTS (SELECT \
           FROM jsonb_to_recordset($3) AS t (institution_id bigint, name_index text) \
           WHERE t.institution_id = s.institution_id AND decode(t.name_index, 'hex') = s.name_index)",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Jsonb, _>(&records)
    .execute(conn.sql())
    .await?;
    prepared(
        "INSERT INTO sponsors (tenant_id, institution_id, kind, name_sealed, name_index, share_bp, added_at) \
         SELECT $1, t.institution_id, t.kind, decode(t.sealed, 'hex'), decode(t.name_index, 'hex'), t.share_bp, $3 \
         FROM jsonb_to_recordset($2) AS t (institution_id bigint, kind text, sealed text, name_index text, share_bp int) \
         ON CONFLICT (tenant_id, institution_id, name_index) DO UPDATE \
         SET kind = excluded.kind, share_bp = excluded.share_bp, name_sealed = excluded.name_sealed",
    )
    .bind::<Integer, _>(tenant)
    .bind::<Jsonb, _>(&records)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
