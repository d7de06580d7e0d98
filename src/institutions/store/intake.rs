//! Many institutions at once into one county's register, each statement taking all of them as one JSON value.

use chrono::{DateTime, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};

use super::{places, sponsors, unreadable, unwritable};
use crate::{
    db::{DbError, ScopedConn, prepared},
    institutions::model::NewInstitution,
    kernel::{
        Private,
        private::{CitizenNumber, Kind, Phone},
    },
    vault::{Place, Sealed, Vault},
};

/// Any number, the same for every import; with the tenant it names the lock.
const IMPORT_LOCK: i32 = 0x696d;

/// Waits until no other import is at work on this county; held until the transaction ends.
pub async fn lock_county(conn: &mut ScopedConn) -> Result<(), DbError> {
    prepared("SELECT pg_advisory_xact_lock($1, $2)")
        .bind::<Integer, _>(IMPORT_LOCK)
        .bind::<Integer, _>(conn.tenant())
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// An institution of the register, with nothing said of its escrow account.
#[derive(Debug, Clone)]
pub struct Known {
    pub id: i64,
    pub facts: NewInstitution,
}

/// Those of the credit codes that the county has; `lock` holds them until the transaction ends.
pub async fn known(conn: &mut ScopedConn, codes: &[&str], lock: bool) -> Result<Vec<Known>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Jsonb)]
        facts: Value,
        #[diesel(sql_type = Nullable<Binary>)]
        phone_sealed: Option<Sealed<Phone>>,
        #[diesel(sql_type = Nullable<Binary>)]
        legal_person_id_sealed: Option<Sealed<CitizenNumber>>,
    }
    let lock = if lock { "FOR UPDATE" } else { "" };
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let rows: Vec<Row> = prepared(format!(
        "SELECT id, jsonb_build_object('name', name, 'credit_code', credit_code, 'org_kind', org_kind, 'county', tenant_id::text, \
         'township', township::text, 'address', address, 'category', category, 'stages', stages, 'delivery', delivery, \
         'for_profit', for_profit, 'courses_text', courses_text, 'licence_no', licence_no, \
         'licence_authority', licence_authority, 'licence_from', licence_from, 'licence_to', licence_to, \
         'legal_person', legal_person, 'escrow_bank', '', 'escrow_account_no', '', \
         'floor_area_cm2', floor_area_cm2, 'status', status) AS facts, phone_sealed, legal_person_id_sealed \
         FROM institutions WHERE tenant_id = $1 AND credit_code = ANY($2) ORDER BY id {lock}"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Text>, _>(codes)
    .load(conn.sql())
    .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut sponsors = sponsors::by_institution(conn, tenant, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let mut facts: NewInstitution = serde_json::from_value(row.facts).map_err(unreadable)?;
            facts.sponsors = sponsors.remove(&row.id).unwrap_or_default();
            let code = facts.credit_code.to_string();
            if let Some(sealed) = row.phone_sealed {
                facts.phone = sealed.open(&vault, &places::phone(tenant, &code))?;
            }
            if let Some(sealed) = row.legal_person_id_sealed {
                facts.legal_person_id = sealed.open(&vault, &places::legal_person_id(tenant, &code))?;
            }
            Ok(Known { id: row.id, facts })
        })
        .collect()
}

/// How [`add`] and [`change`] read an institution from JSON; the names are those of [`NewInstitution`].
const RECORD: &str = "id bigint, credit_code text, name text, org_kind text, township int, address text, category text, \
     stages text[], delivery text[], for_profit boolean, courses_text text, licence_no text, licence_authority text, \
     licence_from date, licence_to date, legal_person text, floor_area_cm2 bigint, status text, phone_sealed text, \
     phone_index text[], legal_person_id_sealed text, legal_person_id_index text";

/// The private values of a record from JSON, where bytes stand in hex.
const PRIVATE: &str = "decode(t.phone_sealed, 'hex'), \
     (SELECT coalesce(array_agg(decode(d, 'hex')), '{}') FROM unnest(t.phone_index) d), \
     decode(t.legal_person_id_sealed, 'hex'), decode(t.legal_person_id_index, 'hex')";

/// An institution as JSON for the database: private values sealed for its row, with their keyed hashes.
fn record(vault: &Vault, tenant: i32, facts: &NewInstitution) -> Result<Value, DbError> {
    fn hex_of<K: Kind>(vault: &Vault, place: &Place<'_>, value: &Private<K>) -> Result<Option<String>, DbError> {
        if value.is_empty() {
            return Ok(None);
        }
        Ok(Some(hex::encode(Sealed::seal(vault, place, value)?.bytes())))
    }
    let mut record = serde_json::to_value(facts).map_err(unwritable)?;
    let code = facts.credit_code.as_str();
    let (phone, id) = (&facts.phone, &facts.legal_person_id);
    let digests: Vec<String> = vault.digests::<Phone>(phone.expose()).iter().map(hex::encode).collect();
    record["phone_sealed"] = json!(hex_of(vault, &places::phone(tenant, code), phone)?);
    record["phone_index"] = json!(digests);
    record["legal_person_id_sealed"] = json!(hex_of(vault, &places::legal_person_id(tenant, code), id)?);
    record["legal_person_id_index"] = json!(vault.digests::<CitizenNumber>(id.expose()).pop().map(hex::encode));
    Ok(record)
}

/// Enters institutions; returns their ids in the same order.
pub async fn add(
    conn: &mut ScopedConn,
    institutions: &[&NewInstitution],
    now: DateTime<Utc>,
) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        credit_code: String,
    }
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let records: Result<Vec<Value>, DbError> = institutions.iter().map(|one| record(&vault, tenant, one)).collect();
    let records = Value::Array(records?);
    let rows: Vec<Row> = prepared(format!(
        "INSERT INTO institutions (tenant_id, credit_code, name, org_kind, township, address, category, stages, delivery, \
         for_profit, courses_text, licence_no, licence_authority, licence_from, licence_to, legal_person, \
         floor_area_cm2, status, phone_sealed, phone_index, legal_person_id_sealed, legal_person_id_index, created_at, updated_at, \
         department, status_on) \
         SELECT $1, t.credit_code, t.name, t.org_kind, t.township, t.address, t.category, t.stages, t.delivery, \
         t.for_profit, t.courses_text, t.licence_no, t.licence_authority, t.licence_from, t.licence_to, t.legal_person, \
         t.floor_area_cm2, t.status, {PRIVATE}, $3, $3, coalesce(r.department, 'education'), ($3 AT TIME ZONE interval '8 hours')::date \
         FROM jsonb_to_recordset($2) AS t ({RECORD}) \
         LEFT JOIN department_routes r ON r.tenant_id = $1 AND r.category = t.category RETURNING id, credit_code"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Jsonb, _>(records)
    .bind::<Timestamptz, _>(now)
    .load(conn.sql())
    .await?;
    let ids: std::collections::HashMap<&str, i64> = rows.iter().map(|row| (row.credit_code.as_str(), row.id)).collect();
    let id = |institution: &&NewInstitution| ids.get(institution.credit_code.as_str()).copied();
    institutions.iter().map(|one| id(one).ok_or(DbError::Diesel(diesel::result::Error::NotFound))).collect()
}

/// Rewrites institutions with what is now known of them; returns those that bear another name or have another legal
/// representative than before.
pub async fn change(conn: &mut ScopedConn, institutions: &[Known], now: DateTime<Utc>) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Renamed {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let mut records = Vec::with_capacity(institutions.len());
    for known in institutions {
        let mut record = record(&vault, tenant, &known.facts)?;
        record["id"] = json!(known.id);
        records.push(record);
    }
    let renamed: Vec<Renamed> = prepared(format!(
        "SELECT i.id FROM jsonb_to_recordset($2) AS t ({RECORD}) JOIN institutions i ON i.tenant_id = $1 AND i.id = t.id \
         WHERE (i.name, i.legal_person) IS DISTINCT FROM (t.name, t.legal_person) ORDER BY i.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Jsonb, _>(Value::Array(records.clone()))
    .load(conn.sql())
    .await?;
    prepared(format!(
        "UPDATE institutions i SET name = t.name, org_kind = t.org_kind, township = t.township, address = t.address, \
         category = t.category, stages = t.stages, delivery = t.delivery, courses_text = t.courses_text, \
         licence_no = t.licence_no, licence_authority = t.licence_authority, licence_from = t.licence_from, \
         licence_to = t.licence_to, legal_person = t.legal_person, floor_area_cm2 = t.floor_area_cm2, status = t.status, \
         (phone_sealed, phone_index, legal_person_id_sealed, legal_person_id_index) = ROW ({PRIVATE}), \
         version = i.version + 1, updated_at = $3, \
         status_on = CASE WHEN i.status = t.status THEN i.status_on ELSE ($3 AT TIME ZONE interval '8 hours')::date END, department = coalesce(r.department, 'education') \
         FROM jsonb_to_recordset($2) AS t ({RECORD}) \
         LEFT JOIN department_routes r ON r.tenant_id = $1 AND r.category = t.category WHERE i.tenant_id = $1 AND i.id = t.id"
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<Jsonb, _>(Value::Array(records))
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    // Courses carry these two of their institution, for row-level security.
    prepared(
        "UPDATE courses c SET department = i.department, township = i.township FROM institutions i \
         WHERE c.tenant_id = $1 AND i.tenant_id = $1 AND i.id = c.institution_id AND i.id = ANY($2) \
         AND (c.department, c.township) IS DISTINCT FROM (i.department, i.township)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(institutions.iter().map(|known| known.id).collect::<Vec<_>>())
    .execute(conn.sql())
    .await?;
    Ok(renamed.into_iter().map(|row| row.id).collect())
}

/// An escrow account of the county.
#[derive(Debug, Clone, QueryableByName)]
pub struct Account {
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(sql_type = Text)]
    pub status: String,
}

/// The accounts with one of these numbers, and those of these institutions.
pub async fn accounts(conn: &mut ScopedConn, numbers: &[&str], institutions: &[i64]) -> Result<Vec<Account>, DbError> {
    Ok(prepared(
        "SELECT institution_id, account_no, status FROM escrow_accounts \
         WHERE tenant_id = $1 AND (account_no = ANY($2) OR institution_id = ANY($3))",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Text>, _>(numbers)
    .bind::<Array<BigInt>, _>(institutions)
    .load(conn.sql())
    .await?)
}

/// Files the escrow accounts that a sheet names, as custody accounts into which parents pay. The sheet knows neither the
/// agreement with the bank nor where releases go; both stay unknown. Part of the import's own
/// transaction, so that an institution is never entered without the account that came with it.
pub async fn file_accounts(
    conn: &mut ScopedConn,
    accounts: &[(i64, &NewInstitution)],
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let records: Vec<Value> = accounts
        .iter()
        .map(|(id, told)| json!({"institution_id": id, "bank": told.escrow_bank, "account_no": told.escrow_account_no, "account_name": told.name}))
        .collect();
    prepared(
        "INSERT INTO escrow_accounts (tenant_id, institution_id, bank, account_no, account_name, mode, status, created_at) \
         SELECT $1, t.institution_id, t.bank, t.account_no, t.account_name, 'custody', 'active', $3 \
         FROM jsonb_to_recordset($2) AS t (institution_id bigint, bank text, account_no text, account_name text)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Jsonb, _>(Value::Array(records))
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}
