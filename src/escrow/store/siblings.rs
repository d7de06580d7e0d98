//! SQL of an institution's several accounts while one takes the place of another, as they are read.

use std::collections::HashMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Bool, Date, Integer, Nullable, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;

use super::accounts::Account;
use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::{
        detector::{OnItsWay, Sibling, SiblingDay, Siblings},
        ingest::{SIBLING_DAYS, SIBLINGS_BEFORE},
    },
    kernel::clock,
};

#[derive(QueryableByName)]
struct Other {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    account_no: String,
    #[diesel(sql_type = BigInt)]
    balance_fen: i64,
    #[diesel(sql_type = Nullable<Date>)]
    first_on: Option<NaiveDate>,
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = BigInt)]
    account_id: i64,
    #[diesel(sql_type = Date)]
    day: NaiveDate,
    #[diesel(sql_type = BigInt)]
    effect_fen: i64,
    #[diesel(sql_type = BigInt)]
    spent_fen: i64,
}

/// Money that left one account of an institution for another.
#[derive(Debug, Clone, QueryableByName)]
pub struct Transfer {
    #[diesel(sql_type = BigInt)]
    pub from_account: i64,
    #[diesel(sql_type = Text)]
    pub bank_ref: String,
    #[diesel(sql_type = Timestamptz)]
    pub booked_at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    pub amount_fen: i64,
    #[diesel(sql_type = Bool)]
    pub missing: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub to_account: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub to_ref: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub arrived_at: Option<DateTime<Utc>>,
}

/// Money between the accounts of an institution, the latest first.
pub async fn transfers(
    conn: &mut ScopedConn,
    (tenant, institution): (i32, i64),
    since: DateTime<Utc>,
) -> Result<Vec<Transfer>, DbError> {
    Ok(prepared(
        "SELECT from_account, bank_ref, booked_at, amount_fen, state = 'missing' AS missing, to_account, to_ref, arrived_at \
         FROM own_transfers WHERE tenant_id = $1 AND institution_id = $2 AND booked_at >= $3 ORDER BY booked_at DESC, bank_ref",
    )
    .bind::<Integer, _>(tenant)
    .bind::<BigInt, _>(institution)
    .bind::<Timestamptz, _>(since)
    .load(conn.sql())
    .await?)
}

#[derive(QueryableByName)]
struct Elsewhere {
    #[diesel(sql_type = BigInt)]
    fen: i64,
}

/// What the institution's other accounts that are not closed hold, and what is on its way between any of them.
pub async fn held_elsewhere(conn: &mut ScopedConn, account: &Account) -> Result<i64, DbError> {
    let row: Elsewhere = prepared(
        "SELECT ((SELECT coalesce(sum(balance_fen), 0) FROM escrow_accounts WHERE tenant_id = $1 AND institution_id = $2 \
         AND id <> $3 AND status <> 'closed') + (SELECT coalesce(sum(amount_fen), 0) FROM own_transfers WHERE tenant_id = $1 \
         AND institution_id = $2 AND state = 'under_way'))::bigint AS fen",
    )
    .bind::<Integer, _>(account.tenant_id)
    .bind::<BigInt, _>(account.institution_id)
    .bind::<BigInt, _>(account.id)
    .get_result(conn.sql())
    .await?;
    Ok(row.fen)
}

/// What the institution's other accounts have to do with one, as the ingest has put it on record.
pub async fn beside(conn: &mut ScopedConn, account: &Account) -> Result<Siblings, DbError> {
    let others: Vec<Other> = prepared(
        "SELECT * FROM (SELECT id, account_no, balance_fen, min(in_use_from) OVER () AS first_on FROM escrow_accounts \
         WHERE tenant_id = $1 AND institution_id = $2) a WHERE id <> $3 ORDER BY id",
    )
    .bind::<Integer, _>(account.tenant_id)
    .bind::<BigInt, _>(account.institution_id)
    .bind::<BigInt, _>(account.id)
    .load(conn.sql())
    .await?;
    let Some(first_on) = others.iter().find_map(|other| other.first_on) else { return Ok(Siblings::default()) };
    let since = clock::midnight(first_on.checked_sub_days(Days::new(SIBLINGS_BEFORE)).unwrap_or(first_on));
    let transfers = transfers(conn, (account.tenant_id, account.institution_id), since).await?;
    let ids: Vec<i64> = others.iter().map(|other| other.id).collect();
    let rows: Vec<DayRow> = prepared(SIBLING_DAYS)
        .bind::<Integer, _>(account.tenant_id)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Timestamptz, _>(since)
        .load(conn.sql())
        .await?;
    let of = |other: Other| Sibling {
        days: rows
            .iter()
            .filter(|row| row.account_id == other.id)
            .map(|row| SiblingDay { day: row.day, effect_fen: row.effect_fen, spent_fen: row.spent_fen })
            .collect(),
        account_no: other.account_no,
        balance_fen: other.balance_fen,
    };
    let others: Vec<Sibling> = others.into_iter().map(of).collect();
    let mut known: HashMap<String, bool> = HashMap::new();
    for one in &transfers {
        if one.from_account == account.id {
            known.insert(one.bank_ref.clone(), !one.missing);
        }
        if let (true, Some(bank_ref)) = (one.to_account == Some(account.id), &one.to_ref) {
            known.insert(bank_ref.clone(), true);
        }
    }
    let moving = transfers.iter().filter(|one| !one.missing).map(|one| OnItsWay {
        amount_fen: one.amount_fen,
        sent_on: clock::day(one.booked_at),
        arrived_on: one.arrived_at.map(clock::day),
    });
    let moving: Vec<OnItsWay> = moving.collect();
    Ok(Siblings::new((account.in_use_from, account.in_use_until), &others, known, &moving))
}
