//! Whether what is sealed of persons opens at its place.

use super::store::reseal::{self, COLUMNS};
use crate::{
    db::{DbError, Pools, Scope},
    kernel::{Fault, Invariant, fault::Told},
    vault::VaultError,
};

/// Opens every sealed value of a bureau and forgets it; how many there were.
pub async fn examine(pools: &Pools, tenant: i32, told: Told<'_>) -> Result<u64, DbError> {
    let mut count = 0;
    for column in &COLUMNS {
        let mut after = 0;
        loop {
            let mut conn = Scope::system(tenant).begin(pools).await?;
            let looked = reseal::unopened(&mut conn, column, after).await?;
            conn.commit().await?;
            let Some((last, values, faults)) = looked else { break };
            (after, count) = (last, count + values as u64);
            for (id, error) in faults {
                let zh = match error {
                    VaultError::NoKey(key) => format!("密钥环里没有第 {key} 号密钥"),
                    VaultError::Damaged => "密文在此处打不开：内容被改动，或属于另一行".to_owned(),
                };
                told(Fault {
                    invariant: Invariant::Sealed,
                    tenant,
                    row: format!("{} {id}", column.table),
                    zh: format!("{}：{zh}", column.column),
                    en: format!("{}: {error}", column.column),
                });
            }
        }
    }
    Ok(count)
}
