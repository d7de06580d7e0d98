//! Reading the register.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::places;
use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{
        Private,
        private::{CitizenNumber, Phone},
    },
    vault::{Sealed, Vault},
};

/// An institution with where it stands on the lists.
#[derive(Debug, Clone, QueryableByName)]
pub struct InstitutionRow {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Text)]
    pub org_kind: String,
    #[diesel(sql_type = Nullable<Integer>)]
    pub township: Option<i32>,
    #[diesel(sql_type = Text)]
    pub address: String,
    #[diesel(sql_type = Text)]
    pub category: String,
    #[diesel(sql_type = Array<Text>)]
    pub stages: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    pub delivery: Vec<String>,
    #[diesel(sql_type = Bool)]
    pub for_profit: bool,
    #[diesel(sql_type = Text)]
    pub courses_text: String,
    #[diesel(sql_type = Text)]
    pub licence_no: String,
    #[diesel(sql_type = Text)]
    pub licence_authority: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub licence_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    pub licence_to: Option<NaiveDate>,
    #[diesel(sql_type = Text)]
    pub legal_person: String,
    #[diesel(sql_type = Nullable<Binary>)]
    pub phone_sealed: Option<Sealed<Phone>>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub legal_person_id_sealed: Option<Sealed<CitizenNumber>>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub floor_area_cm2: Option<i64>,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Integer)]
    pub version: i32,
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub list_status: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub list_since: Option<NaiveDate>,
}

impl InstitutionRow {
    /// The telephone; empty where none is known.
    pub fn phone(&self, vault: &Vault) -> Result<Private<Phone>, DbError> {
        let place = places::phone(self.tenant_id, &self.credit_code);
        Ok(self.phone_sealed.as_ref().map(|sealed| sealed.open(vault, &place)).transpose()?.unwrap_or_default())
    }

    /// The identity number of the legal representative; empty where none is known.
    pub fn legal_person_id(&self, vault: &Vault) -> Result<Private<CitizenNumber>, DbError> {
        let place = places::legal_person_id(self.tenant_id, &self.credit_code);
        Ok(self
            .legal_person_id_sealed
            .as_ref()
            .map(|sealed| sealed.open(vault, &place))
            .transpose()?
            .unwrap_or_default())
    }
}

const SELECT: &str = "SELECT i.tenant_id, i.id, i.credit_code, i.name, i.org_kind, i.township, i.address, i.category, i.stages, \
     i.delivery, i.for_profit, i.courses_text, i.licence_no, i.licence_authority, i.licence_from, i.licence_to, i.legal_person, \
     i.phone_sealed, i.legal_person_id_sealed, i.floor_area_cm2, i.status, i.version, i.updated_at, coalesce(l.status, 'none') AS list_status, \
     l.effective_on AS list_since";

const FROM: &str = " FROM institutions i LEFT JOIN LATERAL (SELECT d.status, d.effective_on FROM list_decisions d \
     WHERE d.tenant_id = i.tenant_id AND d.institution_id = i.id ORDER BY d.id DESC LIMIT 1) l ON true";

/// What to look for; empty texts look for anything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Part of the name, the beginning of the credit code, or a whole telephone or identity number.
    pub q: String,
    pub status: String,
    pub list: String,
    /// After the institution with this id; 0 from the beginning.
    pub after: i64,
    pub limit: i64,
}

const WHERE: &str = " WHERE i.tenant_id BETWEEN $1 AND $2 \
     AND ($3 = '' OR position($3 in i.name) > 0 OR starts_with(i.credit_code, upper($3)) \
          OR i.phone_index && $6 OR i.legal_person_id_index = ANY($6)) \
     AND ($4 = '' OR i.status = $4) AND ($5 = '' OR coalesce(l.status, 'none') = $5)";

/// What a text is found by, if it is a whole number of somebody: nothing else of what is sealed can be searched.
fn digests(vault: &Vault, q: &str) -> Vec<Vec<u8>> {
    if q.chars().filter(char::is_ascii_digit).count() < 7 {
        return Vec::new();
    }
    let mut digests = vault.digests::<Phone>(q);
    digests.extend(vault.digests::<CitizenNumber>(q));
    digests
}

/// Institutions of the visible range in order of entry.
pub async fn search(conn: &mut ScopedConn, filter: &Filter) -> Result<Vec<InstitutionRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    let digests = digests(conn.vault(), &filter.q);
    Ok(prepared(format!("{SELECT}{FROM}{WHERE} AND i.id > $7 ORDER BY i.id LIMIT $8"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<Text, _>(&filter.q)
        .bind::<Text, _>(&filter.status)
        .bind::<Text, _>(&filter.list)
        .bind::<Array<Binary>, _>(&digests)
        .bind::<BigInt, _>(filter.after)
        .bind::<BigInt, _>(filter.limit)
        .load(conn.sql())
        .await?)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many there are in all pages together.
pub async fn count(conn: &mut ScopedConn, filter: &Filter) -> Result<i64, DbError> {
    let (lo, hi) = conn.scope().range();
    let digests = digests(conn.vault(), &filter.q);
    let count: Count = prepared(format!("SELECT count(*) AS n{FROM}{WHERE}"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<Text, _>(&filter.q)
        .bind::<Text, _>(&filter.status)
        .bind::<Text, _>(&filter.list)
        .bind::<Array<Binary>, _>(&digests)
        .get_result(conn.sql())
        .await?;
    Ok(count.n)
}

/// The institution with this credit code; of several in a wide range the one in the county with the lowest code.
pub async fn by_code(conn: &mut ScopedConn, code: &str) -> Result<Option<InstitutionRow>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "{SELECT}{FROM} WHERE i.tenant_id BETWEEN $1 AND $2 AND i.credit_code = $3 ORDER BY i.tenant_id LIMIT 1"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Text, _>(code)
    .get_result(conn.sql())
    .await
    .optional()?)
}

/// Ids of these credit codes in the caller's own bureau.
pub async fn ids(conn: &mut ScopedConn, codes: &[&str]) -> Result<Vec<i64>, DbError> {
    #[derive(QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    let rows: Vec<Id> =
        prepared("SELECT id FROM institutions WHERE tenant_id = $1 AND credit_code = ANY($2) ORDER BY id")
            .bind::<Integer, _>(conn.tenant())
            .bind::<Array<Text>, _>(codes)
            .load(conn.sql())
            .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// An escrow account as the institution's page shows it.
#[derive(Debug, Clone, QueryableByName)]
pub struct AccountRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub bank: String,
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(sql_type = Text)]
    pub mode: String,
    #[diesel(sql_type = Text)]
    pub status: String,
    /// Whether the agreement with the bank and the account that releases go to are on file.
    #[diesel(sql_type = Bool)]
    pub complete: bool,
}

/// The escrow accounts of an institution, the newest first.
pub async fn accounts(conn: &mut ScopedConn, tenant: i32, institution: i64) -> Result<Vec<AccountRow>, DbError> {
    Ok(prepared(
        "SELECT id, bank, account_no, mode, status, agreement_no IS NOT NULL AND payee_sealed IS NOT NULL AS complete \
         FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2 ORDER BY id DESC",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?)
}

/// How many institutions of the visible range stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Totals {
    #[diesel(sql_type = BigInt)]
    pub institutions: i64,
    #[diesel(sql_type = BigInt)]
    pub white: i64,
    #[diesel(sql_type = BigInt)]
    pub suspended: i64,
    #[diesel(sql_type = BigInt)]
    pub black: i64,
}

/// The figures of the workbench.
pub async fn totals(conn: &mut ScopedConn) -> Result<Totals, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!(
        "SELECT count(*) AS institutions, count(*) FILTER (WHERE l.status = 'white') AS white, \
         count(*) FILTER (WHERE l.status = 'suspended') AS suspended, count(*) FILTER (WHERE l.status = 'black') AS black \
         {FROM} WHERE i.tenant_id BETWEEN $1 AND $2"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .get_result(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    found: bool,
}

/// Whether no institution stands in the visible range.
pub async fn register_is_empty(conn: &mut ScopedConn) -> Result<bool, DbError> {
    let (lo, hi) = conn.scope().range();
    let row: Exists = prepared("SELECT EXISTS (SELECT FROM institutions WHERE tenant_id BETWEEN $1 AND $2) AS found")
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .get_result(conn.sql())
        .await?;
    Ok(!row.found)
}
