//! SQL of the keyed hashes by which contracts are found by their pupils.

use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Binary, Integer, Text},
};
use diesel_async::RunQueryDsl;

use super::contracts::{pupil_place, row_of};
use crate::{
    db::{DbError, ScopedConn, prepared},
    kernel::{Private, private::PersonName},
    vault::{Sealed, Vault},
};

/// A contract whose pupil cannot be found yet.
#[derive(Debug, QueryableByName)]
pub struct Unindexed {
    #[diesel(sql_type = Integer)]
    tenant_id: i32,
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    institution_id: i64,
    #[diesel(sql_type = Text)]
    contract_no: String,
    #[diesel(sql_type = Binary)]
    pupil_sealed: Sealed<PersonName>,
}

impl Unindexed {
    /// The pupil's name, opened.
    pub fn pupil(&self, vault: &Vault) -> Result<Private<PersonName>, DbError> {
        let row = row_of(self.institution_id, &self.contract_no);
        Ok(self.pupil_sealed.open(vault, &pupil_place(self.tenant_id, &row))?)
    }
}

/// Contracts of the own bureau without the hash after an id, in order of id.
pub async fn without_index(conn: &mut ScopedConn, after: i64, limit: i64) -> Result<Vec<Unindexed>, DbError> {
    Ok(prepared(
        "SELECT tenant_id, id, institution_id, contract_no, pupil_sealed FROM contracts \
         WHERE tenant_id = $1 AND pupil_name_index IS NULL AND id > $2 ORDER BY id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<BigInt, _>(after)
    .bind::<BigInt, _>(limit)
    .load(conn.sql())
    .await?)
}

/// Writes the hashes.
pub async fn set_index(conn: &mut ScopedConn, indexes: &[(i64, Vec<u8>)]) -> Result<(), DbError> {
    let (ids, hashes): (Vec<i64>, Vec<&[u8]>) = indexes.iter().map(|(id, hash)| (*id, hash.as_slice())).unzip();
    prepared(
        "UPDATE contracts c SET pupil_name_index = n.hash FROM unnest($2, $3) AS n (id, hash) \
         WHERE c.tenant_id = $1 AND c.id = n.id",
    )
    .bind::<Integer, _>(conn.tenant())
    .bind::<Array<BigInt>, _>(ids)
    .bind::<Array<Binary>, _>(hashes)
    .execute(conn.sql())
    .await?;
    Ok(())
}
