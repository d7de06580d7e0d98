//! SQL of contracts and of the institutions that keep them.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Jsonb, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{
        Fen, Private,
        private::{PersonName, Phone},
    },
    ledger::model::Terms,
    ledger::pupils::Wanted,
    vault::{Place, Sealed, Vault},
};

/// Whose ledger it is.
#[derive(Debug, Clone, QueryableByName)]
pub struct Keeper {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub licence_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    pub licence_to: Option<NaiveDate>,
    /// The escrow account in use, which payments go to.
    #[diesel(sql_type = Nullable<Text>)]
    pub account_no: Option<String>,
}

const KEEPER: &str = "SELECT i.id, i.status, i.licence_from, i.licence_to, \
     (SELECT a.account_no FROM escrow_accounts a WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id AND a.status = 'active') AS account_no \
     FROM institutions i WHERE i.tenant_id = $1";

/// An institution of the own bureau.
pub async fn keeper(conn: &mut ScopedConn, institution: i64) -> Result<Option<Keeper>, DbError> {
    Ok(prepared(format!("{KEEPER} AND i.id = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The same by its credit code.
pub async fn keeper_of_code(conn: &mut ScopedConn, credit_code: &str) -> Result<Option<Keeper>, DbError> {
    Ok(prepared(format!("{KEEPER} AND i.credit_code = $2"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(credit_code)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Whether the institution has filed the course.
pub async fn has_course(conn: &mut ScopedConn, institution: i64, course: i64) -> Result<bool, DbError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    let row: Found = prepared(
        "SELECT EXISTS (SELECT FROM courses WHERE tenant_id = $1 AND institution_id = $2 AND id = $3) AS found",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<BigInt, _>(course)
    .get_result(conn.sql())
    .await?;
    Ok(row.found)
}

/// A contract as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct Contract {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = Text)]
    pub institution_name: String,
    #[diesel(sql_type = Text)]
    pub credit_code: String,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub course_id: Option<i64>,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Text)]
    pub product: String,
    #[diesel(sql_type = Text)]
    pub basis: String,
    #[diesel(sql_type = Binary)]
    pub pupil_sealed: Sealed<PersonName>,
    #[diesel(sql_type = Binary)]
    pub pupil_index: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub guardian_phone_sealed: Option<Sealed<Phone>>,
    #[diesel(sql_type = Date)]
    pub signed_on: NaiveDate,
    #[diesel(sql_type = Bool)]
    pub is_renewal: bool,
    #[diesel(sql_type = BigInt)]
    pub price_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub materials_fen: i64,
    #[diesel(sql_type = Integer)]
    pub units_bought: i32,
    #[diesel(sql_type = Integer)]
    pub units_gifted: i32,
    #[diesel(sql_type = Integer)]
    pub instalments: i32,
    #[diesel(sql_type = Date)]
    pub first_lesson_on: NaiveDate,
    #[diesel(sql_type = Date)]
    pub last_lesson_on: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub paid_fen: i64,
    #[diesel(sql_type = Integer)]
    pub consumed_units: i32,
    #[diesel(sql_type = BigInt)]
    pub consumed_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub refunded_fen: i64,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Jsonb)]
    pub findings: Value,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(sql_type = Integer)]
    pub version: i32,
}

/// What a sealed value of a contract is bound to.
pub fn row_of(institution: i64, contract_no: &str) -> String {
    format!("{institution}/{contract_no}")
}

/// Where a pupil's name is kept.
pub fn pupil_place(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "contracts", column: "pupil", tenant, row }
}

/// Where a guardian's telephone number is kept.
pub fn phone_place(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "contracts", column: "guardian_phone", tenant, row }
}

impl Contract {
    /// What it costs, and for how many units.
    pub fn terms(&self) -> Terms {
        terms(self.price_fen, self.materials_fen, self.units_bought, self.units_gifted)
    }

    /// What is owed in lessons still.
    pub fn unearned_fen(&self) -> i64 {
        self.paid_fen - self.consumed_fen - self.refunded_fen
    }

    fn row(&self) -> String {
        row_of(self.institution_id, &self.contract_no)
    }

    /// The pupil's name, opened.
    pub fn pupil(&self, vault: &Vault) -> Result<Private<PersonName>, DbError> {
        Ok(self.pupil_sealed.open(vault, &pupil_place(self.tenant_id, &self.row()))?)
    }

    /// The guardian's telephone number, opened; empty where none was given.
    pub fn guardian_phone(&self, vault: &Vault) -> Result<Private<Phone>, DbError> {
        let row = self.row();
        let place = phone_place(self.tenant_id, &row);
        let phone = self.guardian_phone_sealed.as_ref().map(|sealed| sealed.open(vault, &place)).transpose()?;
        Ok(phone.unwrap_or_default())
    }
}

/// Terms from columns, whose checks keep them in range.
pub fn terms(price_fen: i64, materials_fen: i64, units_bought: i32, units_gifted: i32) -> Terms {
    Terms {
        price: Fen(price_fen),
        materials: Fen(materials_fen),
        units_bought: units_bought.unsigned_abs(),
        units_gifted: units_gifted.unsigned_abs(),
    }
}

const CONTRACT: &str = "SELECT c.tenant_id, c.id, c.institution_id, i.name AS institution_name, i.credit_code, c.contract_no, \
     c.course_id, c.subject, c.product, c.basis, c.pupil_sealed, c.pupil_index, c.guardian_phone_sealed, c.signed_on, \
     c.is_renewal, c.price_fen, c.materials_fen, c.units_bought, c.units_gifted, c.instalments, c.first_lesson_on, \
     c.last_lesson_on, c.paid_fen, c.consumed_units, c.consumed_fen, c.refunded_fen, c.status, c.findings, c.created_at, \
     c.version FROM contracts c JOIN institutions i ON i.tenant_id = c.tenant_id AND i.id = c.institution_id";

/// One contract of the caller's range.
pub async fn contract(conn: &mut ScopedConn, id: i64) -> Result<Option<Contract>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{CONTRACT} WHERE c.tenant_id BETWEEN $1 AND $2 AND c.id = $3"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// An institution's contracts with these numbers.
pub async fn by_numbers(conn: &mut ScopedConn, institution: i64, numbers: &[&str]) -> Result<Vec<Contract>, DbError> {
    Ok(prepared(format!("{CONTRACT} WHERE c.tenant_id = $1 AND c.institution_id = $2 AND c.contract_no = ANY($3)"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .bind::<Array<Text>, _>(numbers)
        .load(conn.sql())
        .await?)
}

/// Which contracts a list holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    pub credit_code: Option<&'a str>,
    pub status: Option<&'a str>,
    pub contract_no: Option<&'a str>,
    /// Of one family, of the caller's own bureau.
    pub pupil: Option<&'a Wanted>,
}

/// Contracts of the caller's range, the newest first, older than the one with the id `before` (0: from the newest).
pub async fn contracts(
    conn: &mut ScopedConn,
    filter: &Filter<'_>,
    before: i64,
    limit: i64,
) -> Result<Vec<Contract>, DbError> {
    let (lo, hi) = conn.scope().range();
    let (own, none) = (filter.pupil.map(|_| conn.tenant()), Vec::new());
    Ok(prepared(format!(
        "{CONTRACT} WHERE c.tenant_id BETWEEN $1 AND $2 AND ($3::text IS NULL OR i.credit_code = $3) \
         AND ($4::text IS NULL OR c.status = $4) AND ($5::text IS NULL OR c.contract_no = $5) \
         AND ($6 = 0 OR c.id < $6) AND ($8::int IS NULL OR c.tenant_id = $8 \
           AND (c.pupil_name_index = ANY($9) OR c.guardian_phone_index = ANY($10))) ORDER BY c.id DESC LIMIT $7"
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<Nullable<Text>, _>(filter.credit_code)
    .bind::<Nullable<Text>, _>(filter.status)
    .bind::<Nullable<Text>, _>(filter.contract_no)
    .bind::<BigInt, _>(before)
    .bind::<BigInt, _>(limit)
    .bind::<Nullable<Integer>, _>(own)
    .bind::<Array<Binary>, _>(filter.pupil.map_or(&none, |wanted| &wanted.names))
    .bind::<Array<Binary>, _>(filter.pupil.map_or(&none, |wanted| &wanted.phones))
    .load(conn.sql())
    .await?)
}

/// A contract about to be kept; its fields are checked.
#[derive(Debug, Clone)]
pub struct NewRow<'a> {
    pub institution: i64,
    pub contract_no: &'a str,
    pub course_id: Option<i64>,
    pub subject: &'a str,
    pub product: &'a str,
    pub basis: &'a str,
    pub pupil: &'a Private<PersonName>,
    pub pupil_index: &'a [u8],
    /// Of the name alone, by which people look for it.
    pub pupil_name_index: &'a [u8],
    pub guardian_phone: &'a Private<Phone>,
    pub signed_on: NaiveDate,
    pub is_renewal: bool,
    pub terms: Terms,
    pub instalments: i32,
    pub first_lesson_on: NaiveDate,
    pub last_lesson_on: NaiveDate,
    pub findings: &'a Value,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Keeps a contract; returns its id.
pub async fn add(conn: &mut ScopedConn, new: &NewRow<'_>, now: DateTime<Utc>) -> Result<i64, DbError> {
    let tenant = conn.tenant();
    let row = row_of(new.institution, new.contract_no);
    let vault = conn.vault();
    let pupil = Sealed::seal(vault, &pupil_place(tenant, &row), new.pupil)?;
    let phone = match new.guardian_phone.is_empty() {
        true => None,
        false => Some(Sealed::seal(vault, &phone_place(tenant, &row), new.guardian_phone)?.bytes().to_vec()),
    };
    let phone_index = vault.digests::<Phone>(new.guardian_phone.expose()).into_iter().next();
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let row: Id = prepared(
        "INSERT INTO contracts (tenant_id, institution_id, contract_no, course_id, subject, product, basis, pupil_sealed, \
         pupil_index, guardian_phone_sealed, guardian_phone_index, signed_on, is_renewal, price_fen, materials_fen, \
         units_bought, units_gifted, instalments, first_lesson_on, last_lesson_on, status, findings, created_at, pupil_name_index) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 'open', $21, $22, $23) \
         RETURNING id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(new.institution)
    .bind::<Text, _>(new.contract_no)
    .bind::<Nullable<BigInt>, _>(new.course_id)
    .bind::<Text, _>(new.subject)
    .bind::<Text, _>(new.product)
    .bind::<Text, _>(new.basis)
    .bind::<Binary, _>(pupil.bytes())
    .bind::<Binary, _>(new.pupil_index)
    .bind::<Nullable<Binary>, _>(phone)
    .bind::<Nullable<Binary>, _>(phone_index)
    .bind::<Date, _>(new.signed_on)
    .bind::<diesel::sql_types::Bool, _>(new.is_renewal)
    .bind::<BigInt, _>(new.terms.price.0)
    .bind::<BigInt, _>(new.terms.materials.0)
    .bind::<Integer, _>(count(new.terms.units_bought))
    .bind::<Integer, _>(count(new.terms.units_gifted))
    .bind::<Integer, _>(new.instalments)
    .bind::<Date, _>(new.first_lesson_on)
    .bind::<Date, _>(new.last_lesson_on)
    .bind::<Jsonb, _>(new.findings)
    .bind::<Timestamptz, _>(now)
    .bind::<Binary, _>(new.pupil_name_index)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Replaces what was found of a contract and its payments.
pub async fn set_findings(conn: &mut ScopedConn, id: i64, findings: &Value) -> Result<(), DbError> {
    prepared("UPDATE contracts SET findings = $3, version = version + 1 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Jsonb, _>(findings)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Another contract of a pupil.
#[derive(Debug, Clone, QueryableByName)]
pub struct Other {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Text)]
    pub subject: String,
    #[diesel(sql_type = Date)]
    pub signed_on: NaiveDate,
    #[diesel(sql_type = BigInt)]
    pub price_fen: i64,
    #[diesel(sql_type = Integer)]
    pub units: i32,
    #[diesel(sql_type = Integer)]
    pub units_left: i32,
}

/// The contracts of a pupil at an institution that were not cancelled, but the one with this number.
pub async fn of_pupil(conn: &mut ScopedConn, institution: i64, pupil: &[u8], but: &str) -> Result<Vec<Other>, DbError> {
    Ok(prepared(
        "SELECT id, contract_no, subject, signed_on, price_fen, units_bought + units_gifted AS units, \
         CASE status WHEN 'open' THEN units_bought + units_gifted - consumed_units ELSE 0 END AS units_left \
         FROM contracts WHERE tenant_id = $1 AND institution_id = $2 AND pupil_index = $3 AND status <> 'cancelled' \
         AND contract_no <> $4 ORDER BY id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Binary, _>(pupil)
    .bind::<Text, _>(but)
    .load(conn.sql())
    .await?)
}

/// What of the own bureau's ledgers holds one of these keyed hashes: the institution and the number of each contract.
pub async fn kept_about(conn: &mut ScopedConn, digests: &[Vec<u8>]) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Record {
        #[diesel(sql_type = Text)]
        record: String,
    }
    let rows: Vec<Record> = prepared(
        "SELECT concat(i.name, ' ', c.contract_no) AS record FROM contracts c \
         JOIN institutions i ON i.tenant_id = c.tenant_id AND i.id = c.institution_id \
         WHERE c.tenant_id = $1 AND (c.guardian_phone_index = ANY($2) OR c.id IN \
           (SELECT p.contract_id FROM payments p WHERE p.tenant_id = $1 AND p.payee_index = ANY($2))) ORDER BY c.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Binary>, _>(digests)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.record).collect())
}
