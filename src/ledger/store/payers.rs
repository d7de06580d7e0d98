//! SQL of who paid on contracts, by the bank's entries that bear their payments out.

use std::collections::BTreeMap;

use diesel::{
    OptionalExtension, QueryableByName,
    sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use crate::{
    db::{DbError, ScopedConn, prepared},
    escrow::account_number,
    kernel::private::AccountNumber,
    ledger::{
        model::Channel,
        rules::refund::route::{Credited, House, Party, Payers},
    },
    vault::Vault,
};

/// Each payment of contracts with the other side of its entry; an entry may have moved within its day.
pub(super) const CREDITED: &str = "SELECT p.contract_id, p.channel, (p.payee_index IS NOT NULL OR p.payee_is_person) AS elsewhere, \
     e.counterparty_account AS account, e.counterparty_name AS name FROM payments p \
     LEFT JOIN LATERAL (SELECT counterparty_account, counterparty_name FROM entries WHERE tenant_id = p.tenant_id \
       AND account_id = p.account_id AND bank_ref = p.entry_ref AND credit AND booked_at > p.entry_booked_at - interval '1 day' \
       AND booked_at < p.entry_booked_at + interval '1 day' LIMIT 1) e ON true \
     WHERE p.tenant_id = $1 AND p.contract_id = ANY($2) ORDER BY p.id";
/// The institution's names and accounts.
pub(super) const HOUSE: &str = "SELECT ARRAY[i.name, i.legal_person] AS names, \
     ARRAY(SELECT a.account_no FROM escrow_accounts a WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id) AS accounts, \
     ARRAY(SELECT a.payee_index FROM escrow_accounts a WHERE a.tenant_id = i.tenant_id AND a.institution_id = i.id \
       AND a.payee_index IS NOT NULL) AS filed \
     FROM institutions i WHERE i.tenant_id = $1 AND i.id = $2";

#[derive(Debug, QueryableByName)]
pub(super) struct CreditedRow {
    #[diesel(sql_type = BigInt)]
    pub(super) contract_id: i64,
    #[diesel(sql_type = Text)]
    pub(super) channel: String,
    #[diesel(sql_type = Bool)]
    pub(super) elsewhere: bool,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) account: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, QueryableByName)]
pub(super) struct HouseRow {
    #[diesel(sql_type = Array<Nullable<Text>>)]
    pub(super) names: Vec<Option<String>>,
    #[diesel(sql_type = Array<Text>)]
    pub(super) accounts: Vec<String>,
    /// Keyed hashes of the accounts that releases go to.
    #[diesel(sql_type = Array<Binary>)]
    pub(super) filed: Vec<Vec<u8>>,
}

/// Who paid on a contract of the own bureau.
pub async fn of_contract(conn: &mut ScopedConn, institution: i64, contract: i64) -> Result<Payers, DbError> {
    let credited: Vec<CreditedRow> = prepared(CREDITED)
        .bind::<Integer, _>(conn.tenant())
        .bind::<Array<BigInt>, _>(vec![contract])
        .load(conn.sql())
        .await?;
    let house: Option<HouseRow> = prepared(HOUSE)
        .bind::<Integer, _>(conn.tenant())
        .bind::<BigInt, _>(institution)
        .get_result(conn.sql())
        .await
        .optional()?;
    Ok(put_together(credited, house.unwrap_or_default(), conn.vault()).remove(&contract).unwrap_or_default())
}

/// By contract who paid on it.
pub(super) fn put_together(rows: Vec<CreditedRow>, house: HouseRow, vault: &Vault) -> BTreeMap<i64, Payers> {
    let mut accounts: Vec<String> = house.accounts.iter().map(|number| account_number(number)).collect();
    for number in rows.iter().filter_map(|row| row.account.as_deref()) {
        if vault.digests::<AccountNumber>(number).iter().any(|digest| house.filed.contains(digest)) {
            accounts.push(account_number(number));
        }
    }
    let house = House { names: house.names.into_iter().flatten().filter(|name| !name.is_empty()).collect(), accounts };
    let mut by_contract: BTreeMap<i64, Vec<Credited>> = BTreeMap::new();
    for row in rows {
        let credited = Credited {
            channel: row.channel.parse().unwrap_or(Channel::Other),
            elsewhere: row.elsewhere,
            by: Party::new(row.account.as_deref(), row.name.as_deref()),
        };
        by_contract.entry(row.contract_id).or_default().push(credited);
    }
    by_contract.into_iter().map(|(contract, payments)| (contract, Payers::of(payments, &house))).collect()
}
