//! SQL of changes of agreement and payee.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::model::{Amendment, Checked, State};
use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::store::accounts::{self as accounts, Account},
    kernel::{Private, private::AccountNumber},
    vault::{Place, Sealed, Vault},
};

/// Where the number of a payee that is to be is kept, by the account's id and the number's keyed hash in hex: `12/ab…`.
pub fn payee_place(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "account_amendments", column: "payee", tenant, row }
}

/// The same of the payee that was.
pub fn payee_before_place(tenant: i32, row: &str) -> Place<'_> {
    Place { table: "account_amendments", column: "payee_before", tenant, row }
}

fn row_of(account: i64, index: &[u8]) -> String {
    format!("{account}/{}", hex::encode(index))
}

fn index_of(vault: &Vault, number: &str) -> Result<Vec<u8>, DbError> {
    let index = vault.digests::<AccountNumber>(number).pop();
    index.ok_or_else(|| DbError::Pool("an account number without a digit or a letter".to_owned()))
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
    #[diesel(sql_type = BigInt)]
    account_id: i64,
    #[diesel(sql_type = Text)]
    account_no: String,
    #[diesel(sql_type = Nullable<Text>)]
    agreement_no: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    payee_sealed: Option<Sealed<AccountNumber>>,
    #[diesel(sql_type = Nullable<Binary>)]
    payee_index: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    reason: String,
    #[diesel(sql_type = Text)]
    state: String,
    #[diesel(sql_type = Text)]
    filed_by_name: String,
    #[diesel(sql_type = Timestamptz)]
    filed_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    decided_by_name: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    decided_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    comment: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    agreement_before: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    payee_before_sealed: Option<Sealed<AccountNumber>>,
    #[diesel(sql_type = Nullable<Binary>)]
    payee_before_index: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Date>)]
    in_force_from: Option<NaiveDate>,
    #[diesel(sql_type = Bool)]
    own: bool,
}

type Placed = fn(i32, &str) -> Place<'_>;

impl Row {
    fn open(self, conn: &ScopedConn) -> Result<Amendment, DbError> {
        let (vault, tenant, account) = (conn.vault(), self.tenant_id, self.account_id);
        let opened = |sealed: &Option<Sealed<AccountNumber>>, index: &Option<Vec<u8>>, place: Placed| {
            let Some((sealed, index)) = sealed.as_ref().zip(index.as_ref()) else { return Ok(None) };
            Ok::<_, DbError>(Some(sealed.open(vault, &place(tenant, &row_of(account, index)))?))
        };
        let payee = opened(&self.payee_sealed, &self.payee_index, payee_place)?;
        let payee_before = opened(&self.payee_before_sealed, &self.payee_before_index, payee_before_place)?;
        let state = self.state.parse();
        let state: State = state.map_err(|_| DbError::Pool("a change is stored in an unknown state".to_owned()))?;
        Ok(Amendment {
            id: self.id,
            institution: self.institution_id,
            institution_name: self.institution_name,
            credit_code: self.credit_code,
            account,
            account_no: self.account_no,
            agreement_no: self.agreement_no,
            payee,
            reason: self.reason,
            state,
            filed_by_name: self.filed_by_name,
            filed_at: self.filed_at,
            decided_by_name: self.decided_by_name,
            decided_at: self.decided_at,
            comment: self.comment,
            agreement_before: self.agreement_before,
            payee_before,
            in_force_from: self.in_force_from,
            own: self.own,
        })
    }
}

const SELECT: &str = "SELECT m.tenant_id, m.id, m.institution_id, i.name AS institution_name, i.credit_code, m.account_id, a.account_no, \
     m.agreement_no, m.payee_sealed, m.payee_index, m.reason, m.state, m.filed_by_name, m.filed_at, m.decided_by_name, m.decided_at, \
     m.comment, m.agreement_before, m.payee_before_sealed, m.payee_before_index, m.in_force_from, \
     coalesce(m.filed_person = (SELECT me.person_id FROM users me WHERE me.tenant_id = current_setting('app.tenant')::int \
       AND me.id = current_setting('app.user')::bigint), false) AS own FROM account_amendments m \
     JOIN institutions i ON i.tenant_id = m.tenant_id AND i.id = m.institution_id \
     JOIN escrow_accounts a ON a.tenant_id = m.tenant_id AND a.id = m.account_id";

/// The changes of these accounts of one bureau, the latest first.
pub async fn of(conn: &mut ScopedConn, tenant: i32, accounts: &[i64]) -> Result<Vec<Amendment>, DbError> {
    let rows: Vec<Row> =
        prepared(format!("{SELECT} WHERE m.tenant_id = $1 AND m.account_id = ANY($2) ORDER BY m.id DESC"))
            .bind::<Integer, _>(tenant)
            .bind::<Array<BigInt>, _>(accounts)
            .load(conn.sql())
            .await?;
    rows.into_iter().map(|row| row.open(conn)).collect()
}

/// Locks a change of the own bureau.
pub async fn lock(conn: &mut ScopedConn, id: i64) -> Result<Option<Amendment>, DbError> {
    let rows: Vec<Row> = prepared(format!("{SELECT} WHERE m.tenant_id = $1 AND m.id = $2 FOR UPDATE OF m"))
        .bind::<Integer, _>(conn.tenant())
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

/// Files a change; a second one of the account that waits is a unique violation.
pub async fn add(
    conn: &mut ScopedConn,
    (institution, account): (i64, i64),
    change: &Checked,
    (by, name): (i64, &str),
    now: DateTime<Utc>,
) -> Result<i64, DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let index = change.payee.as_deref().map(|payee| index_of(&vault, payee)).transpose()?;
    let sealed = match change.payee.as_deref().zip(index.as_ref()) {
        Some((payee, index)) => {
            let row = row_of(account, index);
            Some(Sealed::seal(&vault, &payee_place(tenant, &row), &Private::<AccountNumber>::new(payee))?)
        }
        None => None,
    };
    let row: Id = prepared(
        "INSERT INTO account_amendments (tenant_id, institution_id, account_id, agreement_no, payee_sealed, payee_index, reason, \
         state, filed_by, filed_person, filed_by_name, filed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'filed', $8, \
         (SELECT u.person_id FROM users u WHERE u.tenant_id = $1 AND u.id = $8), $9, $10) RETURNING id",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<BigInt, _>(account)
    .bind::<Nullable<Text>, _>(change.agreement_no.as_deref())
    .bind::<Nullable<Binary>, _>(sealed.as_ref().map(Sealed::bytes))
    .bind::<Nullable<Binary>, _>(index)
    .bind::<Text, _>(&change.reason)
    .bind::<BigInt, _>(by)
    .bind::<Text, _>(name)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Writes that it was refused or taken back.
pub async fn settle(
    conn: &mut ScopedConn,
    id: i64,
    (state, comment): (State, &str),
    by: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    prepared(
        "UPDATE account_amendments SET state = $3, comment = $4, decided_by_name = $5, decided_at = $6 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(<&str>::from(state))
    .bind::<Text, _>(comment)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Writes it on the account, keeps what held before, and the day from which it holds.
pub async fn confirm(
    conn: &mut ScopedConn,
    change: &Amendment,
    before: &Account,
    (comment, by): (&str, &str),
    (from, now): (NaiveDate, DateTime<Utc>),
) -> Result<(), DbError> {
    let (vault, tenant) = (conn.vault().clone(), conn.tenant());
    let (mut kept, mut kept_index, mut payee, mut index) = (None, None, None, None);
    if let Some(number) = &change.payee {
        let old = before.payee(&vault)?.unwrap_or_default();
        if !old.is_empty() {
            let old_index = index_of(&vault, old.expose())?;
            let row = row_of(change.account, &old_index);
            kept = Some(Sealed::seal(&vault, &payee_before_place(tenant, &row), &old)?);
            kept_index = Some(old_index);
        }
        payee = Some(Sealed::seal(&vault, &accounts::payee_place(tenant, &change.account_no), number)?);
        index = Some(index_of(&vault, number.expose())?);
    }
    prepared(
        "UPDATE escrow_accounts SET agreement_no = coalesce($3, agreement_no), payee_sealed = coalesce($4, payee_sealed), \
         payee_index = coalesce($5, payee_index) WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(change.account)
    .bind::<Nullable<Text>, _>(change.agreement_no.as_deref())
    .bind::<Nullable<Binary>, _>(payee.as_ref().map(Sealed::bytes))
    .bind::<Nullable<Binary>, _>(index)
    .execute(conn.sql())
    .await?;
    let agreement_before = change.agreement_no.as_ref().and(before.agreement_no.as_deref());
    prepared(
        "UPDATE account_amendments SET state = 'confirmed', comment = $3, decided_by_name = $4, decided_at = $5, \
         agreement_before = $6, payee_before_sealed = $7, payee_before_index = $8, in_force_from = $9 WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(change.id)
    .bind::<Text, _>(comment)
    .bind::<Text, _>(by)
    .bind::<Timestamptz, _>(now)
    .bind::<Nullable<Text>, _>(agreement_before)
    .bind::<Nullable<Binary>, _>(kept.as_ref().map(Sealed::bytes))
    .bind::<Nullable<Binary>, _>(kept_index)
    .bind::<Date, _>(from)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// What went from an account to a number up to now: how often, and how much. Money that was paid there before the number was
/// filed is news to whoever confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct PaidBefore {
    #[diesel(sql_type = BigInt)]
    pub times: i64,
    #[diesel(sql_type = BigInt)]
    pub fen: i64,
}

/// See [`PaidBefore`].
pub async fn paid_before(conn: &mut ScopedConn, account: i64, number: &str) -> Result<PaidBefore, DbError> {
    Ok(prepared(
        "SELECT count(*) AS times, coalesce(sum(amount_fen), 0)::bigint AS fen FROM entries WHERE tenant_id = $1 AND account_id = $2 \
         AND NOT credit AND upper(regexp_replace(counterparty_account, '[^0-9A-Za-z]', '', 'g')) = $3",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(account)
    .bind::<Text, _>(number)
    .get_result(conn.sql())
    .await?)
}

/// Changes of the own bureau that hold one of these keyed hashes, as they are called.
pub async fn kept_about(conn: &mut ScopedConn, digests: &[Vec<u8>]) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = Text)]
        record: String,
    }
    let rows: Vec<Named> = prepared(
        "SELECT concat(i.name, ' ', a.account_no, ' #', m.id) AS record FROM account_amendments m \
         JOIN institutions i ON i.tenant_id = m.tenant_id AND i.id = m.institution_id \
         JOIN escrow_accounts a ON a.tenant_id = m.tenant_id AND a.id = m.account_id \
         WHERE m.tenant_id = $1 AND (m.payee_index = ANY($2) OR m.payee_before_index = ANY($2)) ORDER BY m.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<Binary>, _>(digests)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.record).collect())
}
