//! SQL of payments.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{
        Private,
        private::{AccountNumber, PersonName},
    },
    vault::{Place, Sealed, Vault},
};

/// A payment as kept.
#[derive(Debug, Clone, QueryableByName)]
pub struct Payment {
    #[diesel(sql_type = Integer)]
    pub tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub institution_id: i64,
    #[diesel(sql_type = BigInt)]
    pub contract_id: i64,
    #[diesel(sql_type = Timestamptz)]
    pub paid_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Text)]
    pub channel: String,
    /// Where it went; `None` for the escrow account.
    #[diesel(sql_type = Nullable<Binary>)]
    pub payee_sealed: Option<Sealed<AccountNumber>>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub payee_index: Option<Vec<u8>>,
    #[diesel(sql_type = Bool)]
    pub payee_is_person: bool,
    #[diesel(sql_type = Text)]
    pub receipt_no: String,
    /// The bank's entry that bears it out.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub account_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub entry_ref: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    pub recorded_at: DateTime<Utc>,
}

/// Where the number of an account that a fee was paid to is kept.
pub fn payee_place(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "payments", column: "payee", tenant, row }
}

impl Payment {
    /// Whether it went past the escrow account, as the institution says itself, and was not moved in since.
    pub fn is_past_escrow(&self) -> bool {
        self.entry_ref.is_none() && (self.payee_index.is_some() || self.payee_is_person)
    }

    /// The account that it went to, opened; `None` for the escrow account.
    pub fn payee(&self, vault: &Vault) -> Result<Option<Private<AccountNumber>>, DbError> {
        let row = super::contracts::row_of(self.institution_id, &self.receipt_no);
        let place = payee_place(self.tenant_id, &row);
        Ok(self.payee_sealed.as_ref().map(|sealed| sealed.open(vault, &place)).transpose()?)
    }
}

const PAYMENT: &str = "SELECT tenant_id, id, institution_id, contract_id, paid_at, amount_fen, channel, payee_sealed, payee_index, \
     payee_is_person, receipt_no, account_id, entry_ref, recorded_at FROM payments WHERE tenant_id = $1";

/// The payment with this receipt number.
pub async fn by_receipt(conn: &mut ScopedConn, institution: i64, receipt_no: &str) -> Result<Option<Payment>, DbError> {
    Ok(prepared(format!("{PAYMENT} AND institution_id = $2 AND receipt_no = $3"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .bind::<Text, _>(receipt_no)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// One payment of the caller's range.
pub async fn payment(conn: &mut ScopedConn, id: i64) -> Result<Option<Payment>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(format!("{} BETWEEN $1 AND $2 AND id = $3", PAYMENT.trim_end_matches(" = $1")))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// All payments on a contract, in order of their days.
pub async fn of_contract(conn: &mut ScopedConn, tenant: i32, contract: i64) -> Result<Vec<Payment>, DbError> {
    Ok(prepared(format!("{PAYMENT} AND contract_id = $2 ORDER BY paid_at, id"))
        .bind::<Integer, _>(tenant)
        .bind::<BigInt, _>(contract)
        .load(conn.sql())
        .await?)
}

/// A fee that an institution recorded as paid past its escrow account and that was not moved in since, with the contract that
/// it was for.
#[derive(Debug, Clone, QueryableByName)]
pub struct PastEscrow {
    #[diesel(embed)]
    pub payment: Payment,
    #[diesel(sql_type = Text)]
    pub contract_no: String,
    #[diesel(sql_type = Binary)]
    pub pupil_sealed: Sealed<PersonName>,
}

impl PastEscrow {
    /// The pupil's name, opened.
    pub fn pupil(&self, vault: &Vault) -> Result<Private<PersonName>, DbError> {
        let row = super::contracts::row_of(self.payment.institution_id, &self.contract_no);
        let place = super::contracts::pupil_place(self.payment.tenant_id, &row);
        Ok(self.pupil_sealed.open(vault, &place)?)
    }
}

/// Whether a payment `p` went past the escrow account, as the institution says itself, and was not moved in since.
pub const PAST_ESCROW: &str = "(p.entry_ref IS NULL AND (p.payee_index IS NOT NULL OR p.payee_is_person))";

/// The fees that went past an institution's escrow account, the latest first.
pub async fn past_escrow(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    limit: i64,
) -> Result<Vec<PastEscrow>, DbError> {
    Ok(prepared(format!(
        "SELECT p.*, c.contract_no, c.pupil_sealed FROM ({PAYMENT}) p \
         JOIN contracts c ON c.tenant_id = p.tenant_id AND c.id = p.contract_id \
         WHERE p.institution_id = $2 AND {PAST_ESCROW} ORDER BY p.paid_at DESC, p.id DESC LIMIT $3"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// How many fees went past an institution's escrow account, and what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct PastEscrowSum {
    #[diesel(sql_type = BigInt)]
    pub count: i64,
    #[diesel(sql_type = BigInt)]
    pub fen: i64,
}

/// The sum of [`past_escrow`], however many there are.
pub async fn past_escrow_sum(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
) -> Result<PastEscrowSum, DbError> {
    Ok(prepared(format!(
        "SELECT count(*) AS count, coalesce(sum(p.amount_fen), 0)::bigint AS fen FROM payments p \
         WHERE p.tenant_id = $1 AND p.institution_id = $2 AND {PAST_ESCROW}"
    ))
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .get_result(conn.sql())
    .await?)
}

/// A payment about to be kept; its fields are checked.
#[derive(Debug, Clone)]
pub struct NewRow<'a> {
    pub institution: i64,
    pub contract: i64,
    pub paid_at: DateTime<Utc>,
    pub amount_fen: i64,
    pub channel: &'a str,
    pub payee: Option<&'a Private<AccountNumber>>,
    pub payee_is_person: bool,
    pub receipt_no: &'a str,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Keeps a payment; returns its id.
pub async fn add(conn: &mut ScopedConn, new: &NewRow<'_>, now: DateTime<Utc>) -> Result<i64, DbError> {
    let tenant = conn.tenant();
    let row = super::contracts::row_of(new.institution, new.receipt_no);
    let place = payee_place(tenant, &row);
    let vault = conn.vault();
    let payee = new.payee.map(|payee| Sealed::seal(vault, &place, payee)).transpose()?;
    let index = new.payee.and_then(|payee| vault.digests::<AccountNumber>(payee.expose()).pop());
    let row: Id = prepared(
        "INSERT INTO payments (tenant_id, institution_id, contract_id, paid_at, amount_fen, channel, payee_sealed, payee_index, \
         payee_is_person, receipt_no, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(new.institution)
    .bind::<BigInt, _>(new.contract)
    .bind::<Timestamptz, _>(new.paid_at)
    .bind::<BigInt, _>(new.amount_fen)
    .bind::<Text, _>(new.channel)
    .bind::<Nullable<Binary>, _>(payee.as_ref().map(Sealed::bytes))
    .bind::<Nullable<Binary>, _>(index)
    .bind::<Bool, _>(new.payee_is_person)
    .bind::<Text, _>(new.receipt_no)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Ties a payment to the bank's entry that bears it out.
pub async fn tie(
    conn: &mut ScopedConn,
    id: i64,
    account: i64,
    booked_at: DateTime<Utc>,
    bank_ref: &str,
) -> Result<(), DbError> {
    prepared(
        "UPDATE payments SET account_id = $3, entry_booked_at = $4, entry_ref = $5 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<BigInt, _>(account)
    .bind::<Timestamptz, _>(booked_at)
    .bind::<Text, _>(bank_ref)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Another payment of a pupil.
#[derive(Debug, Clone, QueryableByName)]
pub struct Other {
    #[diesel(sql_type = Text)]
    pub receipt_no: String,
    #[diesel(sql_type = Timestamptz)]
    pub paid_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
}

/// What was paid for a pupil at an institution on contracts that are not over on a day.
pub async fn of_pupil(
    conn: &mut ScopedConn,
    institution: i64,
    pupil: &[u8],
    on: NaiveDate,
) -> Result<Vec<Other>, DbError> {
    Ok(prepared(
        "SELECT p.receipt_no, p.paid_at, p.amount_fen FROM contracts c \
         JOIN payments p ON p.tenant_id = c.tenant_id AND p.contract_id = c.id \
         WHERE c.tenant_id = $1 AND c.institution_id = $2 AND c.pupil_index = $3 AND c.status = 'open' \
         AND c.last_lesson_on >= $4 ORDER BY p.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Binary, _>(pupil)
    .bind::<Date, _>(on)
    .load(conn.sql())
    .await?)
}

/// What was paid on a contract.
pub async fn others_of_contract(conn: &mut ScopedConn, contract: i64) -> Result<Vec<Other>, DbError> {
    Ok(prepared(
        "SELECT receipt_no, paid_at, amount_fen FROM payments WHERE tenant_id = $1 AND contract_id = $2 ORDER BY paid_at, id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(contract)
    .load(conn.sql())
    .await?)
}
