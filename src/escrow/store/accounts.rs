//! SQL of dedicated accounts and of the statements that came for them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{detector::WarningKind, figures::Figures},
    kernel::{Private, private::AccountNumber},
    vault::{Place, Sealed, Vault},
};

/// An account as shown. What the detector remembers of it stays in the database.
#[derive(Debug, Clone, QueryableByName)]
pub struct Account {
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
    pub category: String,
    #[diesel(sql_type = Text)]
    pub bank: String,
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(sql_type = Text)]
    pub account_name: String,
    #[diesel(sql_type = Text)]
    pub mode: String,
    /// `None`: a sheet named the account and nobody has filed the agreement since.
    #[diesel(sql_type = Nullable<Text>)]
    pub agreement_no: Option<String>,
    /// Where releases go; `None` as with the agreement.
    #[diesel(sql_type = Nullable<Binary>)]
    pub payee_sealed: Option<Sealed<AccountNumber>>,
    /// `upcoming`, `active`, `emptying` or `closed`.
    #[diesel(sql_type = Text)]
    pub status: String,
    /// The branches that it serves; none named means the whole institution.
    #[diesel(sql_type = Array<Text>)]
    pub branches: Vec<String>,
    /// The first day on which it is the account in use, and the first on which its successor is.
    #[diesel(sql_type = Nullable<Date>)]
    pub in_use_from: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    pub in_use_until: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub opening_fen: Option<i64>,
    #[diesel(sql_type = Nullable<Date>)]
    pub opening_on: Option<NaiveDate>,
    #[diesel(sql_type = BigInt)]
    pub balance_fen: i64,
    #[diesel(sql_type = BigInt)]
    pub entry_count: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_booked_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Date>)]
    pub statement_on: Option<NaiveDate>,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    #[diesel(embed)]
    pub figures: Figures,
}

/// What [`Figures`] are read from, of an account `a`.
pub const FIGURES: &str = "CASE WHEN a.entry_count > 0 OR a.opening_fen IS NOT NULL THEN a.balance_fen END AS held_fen, a.unearned_fen, \
     a.needed_fen, a.minimum_fen, a.outflow_fen, a.runoff_on, a.flow_fen, a.flow_on, greatest(a.statement_on, a.heard_on, \
     (a.last_booked_at AT TIME ZONE interval '8 hours')::date) AS heard_of_on";

/// Where the number of the account that releases go to is kept, by the escrow account's own number.
pub fn payee_place(tenant: i32, account_no: &str) -> Place<'_> {
    Place { table: "escrow_accounts", column: "payee", tenant, row: account_no }
}

impl Account {
    /// Whether agreement and payee are on file, not the number alone.
    pub fn is_filed(&self) -> bool {
        self.agreement_no.is_some() && self.payee_sealed.is_some()
    }

    /// Whether what is owed was ever held in it; of one that was closed without a successor nobody can say.
    pub fn answers(&self) -> bool {
        self.status != "closed" || self.in_use_until.is_some()
    }

    /// The account that releases go to, opened; `None` where nobody has filed it.
    pub fn payee(&self, vault: &Vault) -> Result<Option<Private<AccountNumber>>, DbError> {
        let place = payee_place(self.tenant_id, &self.account_no);
        Ok(self.payee_sealed.as_ref().map(|sealed| sealed.open(vault, &place)).transpose()?)
    }
}

/// The accounts for which `rest` says which and in what order.
fn select(rest: &str) -> String {
    format!(
        "SELECT a.tenant_id, a.id, a.institution_id, i.name AS institution_name, i.credit_code, i.category, a.bank, \
         a.account_no, a.account_name, a.mode, a.agreement_no, a.payee_sealed, a.status, a.branches, a.in_use_from, a.in_use_until, \
         a.opening_fen, a.opening_on, a.balance_fen, a.entry_count, a.last_booked_at, a.statement_on, a.created_at, {FIGURES} \
         FROM escrow_accounts a JOIN institutions i ON i.tenant_id = a.tenant_id AND i.id = a.institution_id {rest}"
    )
}

/// One account of the caller's range.
pub async fn account(conn: &mut ScopedConn, id: i64) -> Result<Option<Account>, DbError> {
    let (lo, hi) = conn.scope().range();
    Ok(prepared(select("WHERE a.tenant_id BETWEEN $1 AND $2 AND a.id = $3"))
        .bind::<Integer, _>(lo)
        .bind::<Integer, _>(hi)
        .bind::<BigInt, _>(id)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// Accounts of the caller's range in order of id, after the one with the id `after`.
pub async fn accounts(conn: &mut ScopedConn, after: i64, limit: i64) -> Result<Vec<Account>, DbError> {
    let (lo, hi) = conn.scope().range();
    // The page is settled before anything is joined to it: a ministry sees two hundred thousand accounts.
    Ok(prepared(select(
        "WHERE (a.tenant_id, a.id) IN (SELECT tenant_id, id FROM escrow_accounts \
         WHERE tenant_id BETWEEN $1 AND $2 AND id > $3 ORDER BY id LIMIT $4) ORDER BY a.id",
    ))
    .bind::<Integer, _>(lo)
    .bind::<Integer, _>(hi)
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Lacking {
    #[diesel(sql_type = Nullable<Text>)]
    undetermined: Option<String>,
}

/// The kinds that cannot be judged on an account, each with what is lacking.
pub async fn undetermined(
    conn: &mut ScopedConn,
    account: &Account,
) -> Result<BTreeMap<WarningKind, Vec<String>>, DbError> {
    let lacking: Lacking = prepared(
        "SELECT (detector -> 'undetermined')::text AS undetermined FROM escrow_accounts WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(account.tenant_id)
    .bind::<BigInt, _>(account.id)
    .get_result(conn.sql())
    .await?;
    // What a later version wrote is not guessed.
    Ok(lacking.undetermined.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Accounts of one institution of the caller's own bureau, the one in use first.
pub async fn of_institution(conn: &mut ScopedConn, institution: i64) -> Result<Vec<Account>, DbError> {
    Ok(prepared(select(
        "WHERE a.tenant_id = $1 AND a.institution_id = $2 \
         ORDER BY array_position(ARRAY['active', 'upcoming', 'emptying', 'closed'], a.status), a.id DESC",
    ))
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?)
}

/// Whose account is filed.
#[derive(Debug, Clone, QueryableByName)]
pub struct Holder {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub name: String,
}

/// The institution of a credit code in the caller's own bureau.
pub async fn holder(conn: &mut ScopedConn, credit_code: &str) -> Result<Option<Holder>, DbError> {
    Ok(prepared("SELECT id, name FROM institutions WHERE tenant_id = $1 AND credit_code = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(credit_code)
        .get_result(conn.sql())
        .await
        .optional()?)
}

/// The caller's own institution.
pub async fn own_code(conn: &mut ScopedConn, institution: i64) -> Result<Option<String>, DbError> {
    #[derive(QueryableByName)]
    struct Code {
        #[diesel(sql_type = Text)]
        credit_code: String,
    }
    let row: Option<Code> = prepared("SELECT credit_code FROM institutions WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| row.credit_code))
}

/// A statement that came in.
#[derive(Debug, Clone, QueryableByName)]
pub struct Statement {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub file_name: String,
    #[diesel(sql_type = Text)]
    pub format: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub closing_on: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub closing_fen: Option<i64>,
    #[diesel(sql_type = Nullable<Bool>)]
    pub balanced: Option<bool>,
    /// Between these two days movements of so many fen are on no statement.
    #[diesel(sql_type = Nullable<Date>)]
    pub gap_after: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    pub gap_before: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub gap_fen: Option<i64>,
    #[diesel(sql_type = Integer)]
    pub inserted: i32,
    #[diesel(sql_type = Integer)]
    pub duplicates: i32,
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    #[diesel(sql_type = Text)]
    pub received_by: String,
}

/// The latest statements of an account.
pub async fn statements(
    conn: &mut ScopedConn,
    tenant: i32,
    account: i64,
    limit: i64,
) -> Result<Vec<Statement>, DbError> {
    Ok(prepared(
        "SELECT id, file_name, format, closing_on, closing_fen, balanced, gap_after, gap_before, gap_fen, inserted, duplicates, \
         received_at, received_by FROM statements WHERE tenant_id = $1 AND account_id = $2 ORDER BY id DESC LIMIT $3",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(account)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// When statements came in.
pub async fn received(
    conn: &mut ScopedConn,
    tenant: i32,
    statements: &[i64],
) -> Result<BTreeMap<i64, DateTime<Utc>>, DbError> {
    #[derive(QueryableByName)]
    struct Received {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Timestamptz)]
        received_at: DateTime<Utc>,
    }
    let rows: Vec<Received> = prepared("SELECT id, received_at FROM statements WHERE tenant_id = $1 AND id = ANY($2)")
        .bind::<Integer, _>(tenant)
        .bind::<Array<BigInt>, _>(statements)
        .load(conn.sql())
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.received_at)).collect())
}

/// Whether a statement of the caller's own bureau agrees with the balances that it names; `None` when it names none.
pub async fn balanced(conn: &mut ScopedConn, statement: i64) -> Result<Option<bool>, DbError> {
    #[derive(QueryableByName)]
    struct Balanced {
        #[diesel(sql_type = Nullable<Bool>)]
        balanced: Option<bool>,
    }
    let row: Option<Balanced> = prepared("SELECT balanced FROM statements WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(statement)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.and_then(|row| row.balanced))
}

/// The account of the caller's own bureau with this number: its id and its bank.
pub async fn by_number(conn: &mut ScopedConn, number: &str) -> Result<Option<(i64, String)>, DbError> {
    named(conn, "account_no = $2", number).await
}

/// The bank of an account of the caller's own bureau.
pub async fn bank_of(conn: &mut ScopedConn, id: i64) -> Result<Option<String>, DbError> {
    Ok(named(conn, "id = $2::bigint", &id.to_string()).await?.map(|(_, bank)| bank))
}

async fn named(conn: &mut ScopedConn, which: &str, value: &str) -> Result<Option<(i64, String)>, DbError> {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = Text)]
        bank: String,
    }
    let row: Option<Named> = prepared(format!("SELECT id, bank FROM escrow_accounts WHERE tenant_id = $1 AND {which}"))
        .bind::<Integer, _>(conn.tenant())
        .bind::<Text, _>(value)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(row.map(|row| (row.id, row.bank)))
}
