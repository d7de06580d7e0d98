//! SQL of filing accounts and of the time in which one takes the place of another.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::{model::Checked, rules::Left};
use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::store::accounts::payee_place,
    kernel::{Private, private::AccountNumber},
    vault::Sealed,
};

/// An account as it is on file, locked.
#[derive(Debug, Clone, QueryableByName)]
pub struct OnFile {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub bank: String,
    #[diesel(sql_type = Text)]
    pub account_no: String,
    #[diesel(sql_type = Text)]
    pub mode: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub agreement_no: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub payee_index: Option<Vec<u8>>,
    #[diesel(sql_type = Array<Text>)]
    pub branches: Vec<String>,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Nullable<Date>)]
    pub in_use_from: Option<NaiveDate>,
}

/// The accounts of an institution of the own bureau, in order of id, locked until the transaction ends.
pub async fn lock(conn: &mut ScopedConn, institution: i64) -> Result<Vec<OnFile>, DbError> {
    Ok(prepared(
        "SELECT id, bank, account_no, mode, agreement_no, payee_index, branches, status, in_use_from FROM escrow_accounts \
         WHERE tenant_id = $1 AND institution_id = $2 ORDER BY id FOR NO KEY UPDATE",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .load(conn.sql())
    .await?)
}

/// A new account, all fields checked.
#[derive(Debug, Clone)]
pub struct NewAccount<'a> {
    pub institution: i64,
    pub account_name: &'a str,
    pub filing: &'a Checked,
    pub status: &'a str,
    /// The account whose place it takes.
    pub succeeds: Option<i64>,
}

fn sealed(conn: &ScopedConn, filing: &Checked) -> Result<(Sealed<AccountNumber>, Option<Vec<u8>>), DbError> {
    let payee = Private::new(&filing.payee_account);
    let sealed = Sealed::seal(conn.vault(), &payee_place(conn.tenant(), &filing.account_no), &payee)?;
    Ok((sealed, conn.vault().digests::<AccountNumber>(payee.expose()).pop()))
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Adds an account; a number that the bureau has already, or a second account in use, is a unique violation.
pub async fn add(conn: &mut ScopedConn, account: &NewAccount<'_>, now: DateTime<Utc>) -> Result<i64, DbError> {
    let NewAccount { institution, account_name, filing, status, succeeds } = account;
    let (payee, digest) = sealed(conn, filing)?;
    let row: Id = prepared(
        "INSERT INTO escrow_accounts (tenant_id, institution_id, bank, account_no, account_name, mode, agreement_no, \
         payee_sealed, payee_index, branches, status, in_use_from, succeeds, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) RETURNING id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(institution)
    .bind::<Text, _>(&filing.bank)
    .bind::<Text, _>(&filing.account_no)
    .bind::<Text, _>(account_name)
    .bind::<Text, _>(<&str>::from(filing.mode))
    .bind::<Text, _>(&filing.agreement_no)
    .bind::<Binary, _>(payee.bytes())
    .bind::<Nullable<Binary>, _>(digest)
    .bind::<Array<Text>, _>(filing.branches.clone().unwrap_or_default())
    .bind::<Text, _>(status)
    .bind::<Nullable<Date>, _>(filing.in_use_from)
    .bind::<Nullable<BigInt>, _>(succeeds)
    .bind::<Timestamptz, _>(now)
    .get_result(conn.sql())
    .await?;
    Ok(row.id)
}

/// Files what a sheet left out of an account. All that it was judged by without is judged anew.
pub async fn complete(conn: &mut ScopedConn, id: i64, filing: &Checked) -> Result<(), DbError> {
    let (payee, digest) = sealed(conn, filing)?;
    prepared(
        "UPDATE escrow_accounts SET bank = $3, mode = $4, agreement_no = $5, payee_sealed = $6, payee_index = $7, \
         branches = coalesce($8, branches), owed_changed_on = CASE WHEN entry_count > 0 THEN DATE '1990-01-01' END \
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Text, _>(&filing.bank)
    .bind::<Text, _>(<&str>::from(filing.mode))
    .bind::<Text, _>(&filing.agreement_no)
    .bind::<Binary, _>(payee.bytes())
    .bind::<Nullable<Binary>, _>(digest)
    .bind::<Nullable<Array<Text>>, _>(filing.branches.clone())
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Names the branches that an account serves.
pub async fn name_branches(conn: &mut ScopedConn, id: i64, branches: &[String]) -> Result<(), DbError> {
    prepared("UPDATE escrow_accounts SET branches = $3 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Array<Text>, _>(branches)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Notes the first day on which an account's successor is in use.
pub async fn ends_before(conn: &mut ScopedConn, id: i64, day: NaiveDate) -> Result<(), DbError> {
    prepared("UPDATE escrow_accounts SET in_use_until = $3 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Date, _>(day)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Puts a change that waits to another day.
pub async fn moves_to(conn: &mut ScopedConn, id: i64, day: NaiveDate) -> Result<(), DbError> {
    prepared(
        "WITH moved AS (UPDATE escrow_accounts SET in_use_from = $3 WHERE tenant_id = $1 AND id = $2 RETURNING succeeds) \
         UPDATE escrow_accounts SET in_use_until = $3 WHERE tenant_id = $1 AND id = (SELECT succeeds FROM moved)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .bind::<Date, _>(day)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Takes a change back that waits: its account is closed, and the one in use has no end.
pub async fn withdraw(conn: &mut ScopedConn, id: i64) -> Result<(), DbError> {
    prepared(
        "WITH gone AS (UPDATE escrow_accounts SET status = 'closed', in_use_from = NULL WHERE tenant_id = $1 AND id = $2 \
           RETURNING succeeds) \
         UPDATE escrow_accounts SET in_use_until = NULL WHERE tenant_id = $1 AND id = (SELECT succeeds FROM gone)",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(id)
    .execute(conn.sql())
    .await?;
    Ok(())
}

/// Puts an account into another state.
pub async fn stand(conn: &mut ScopedConn, id: i64, status: &str) -> Result<(), DbError> {
    prepared("UPDATE escrow_accounts SET status = $3 WHERE tenant_id = $1 AND id = $2")
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(id)
        .bind::<Text, _>(status)
        .execute(conn.sql())
        .await?;
    Ok(())
}

/// Institutions of the own bureau whose change begins by a day.
pub async fn beginning(conn: &mut ScopedConn, today: NaiveDate) -> Result<Vec<i64>, DbError> {
    let rows: Vec<Id> = prepared(
        "SELECT institution_id AS id FROM escrow_accounts WHERE tenant_id = $1 AND status = 'upcoming' AND in_use_from <= $2 ORDER BY 1",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Date, _>(today)
    .load(conn.sql())
    .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

#[derive(QueryableByName)]
struct LeftRow {
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Date)]
    in_use_until: NaiveDate,
    #[diesel(sql_type = BigInt)]
    balance_fen: i64,
    #[diesel(sql_type = Nullable<Date>)]
    statement_on: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<BigInt>)]
    closing_fen: Option<i64>,
    #[diesel(sql_type = Bool)]
    is_broken: bool,
    #[diesel(sql_type = BigInt)]
    on_its_way: i64,
}

/// The accounts of the own bureau that have a successor in use and are in this state: institution, id and what is left.
pub async fn left(conn: &mut ScopedConn, status: &str, only: Option<i64>) -> Result<Vec<(i64, i64, Left)>, DbError> {
    let rows: Vec<LeftRow> = prepared(
        "SELECT a.institution_id, a.id, a.in_use_until, a.balance_fen, a.statement_on, \
           (SELECT s.closing_fen FROM statements s WHERE s.tenant_id = a.tenant_id AND s.account_id = a.id \
             AND s.closing_on = a.statement_on AND s.closing_fen IS NOT NULL ORDER BY s.last_on DESC NULLS LAST, s.id DESC LIMIT 1) AS closing_fen, \
           EXISTS (SELECT FROM statements s WHERE s.tenant_id = a.tenant_id AND s.account_id = a.id AND s.gap_fen IS NOT NULL) AS is_broken, \
           (SELECT coalesce(sum(t.amount_fen), 0)::bigint FROM own_transfers t WHERE t.tenant_id = a.tenant_id AND t.from_account = a.id \
             AND t.state <> 'arrived') AS on_its_way \
         FROM escrow_accounts a WHERE a.tenant_id = $1 AND a.status = $2 AND a.in_use_until IS NOT NULL \
         AND ($3 IS NULL OR a.id = $3) AND ($2 <> 'closed' OR a.balance_fen <> 0) ORDER BY a.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Text, _>(status)
    .bind::<Nullable<BigInt>, _>(only)
    .load(conn.sql())
    .await?;
    let one = |row: LeftRow| {
        let left = Left {
            in_use_until: row.in_use_until,
            balance_fen: row.balance_fen,
            statement_on: row.statement_on,
            closing_fen: row.closing_fen,
            is_broken: row.is_broken,
            on_its_way: row.on_its_way,
        };
        (row.institution_id, row.id, left)
    };
    Ok(rows.into_iter().map(one).collect())
}
