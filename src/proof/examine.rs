//! Whether the outcomes that are kept of days are those that were signed.

use super::{
    seal::{self, Subject},
    store::examine::{self as kept, Kept},
};
use crate::{
    db::{DbError, Pools, Scope},
    kernel::{Fault, Invariant, fault::Told},
    secrets::Secrets,
};

/// Outcomes that are read at once.
const AT_ONCE: i64 = 500;

/// Looks at every outcome of a bureau; how many there were.
pub async fn examine(pools: &Pools, secrets: &Secrets, tenant: i32, told: Told<'_>) -> Result<u64, DbError> {
    let (mut after, mut count) = (None, 0);
    loop {
        // Outcomes and their items change together.
        let mut conn = Scope::system(tenant).begin_snapshot(pools).await?;
        let page = kept::after(&mut conn, after, AT_ONCE).await?;
        let mut items = kept::items(&mut conn, &page).await?;
        conn.commit().await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some((last.institution_id, last.day, last.version));
        for one in &page {
            count += 1;
            let of = Subject { tenant, institution: one.institution_id, day: one.day };
            if !seal::is_signed(secrets, &of, one.version, &one.figures(), &one.digest, &one.signature) {
                told(fault(tenant, one, ("签名与结果不符", "the signature is of another outcome")));
            } else if one.is_latest {
                let items = items.remove(&(one.institution_id, one.day)).unwrap_or_default();
                if seal::digest(&of, &one.figures(), &items)[..] != one.digest[..] {
                    told(fault(tenant, one, ("差异与签名时不同", "its differences are not those that were signed")));
                }
            }
        }
    }
}

fn fault(tenant: i32, one: &Kept, (zh, en): (&str, &str)) -> Fault {
    Fault {
        invariant: Invariant::Proofs,
        tenant,
        row: format!("proof_days {}/{}/{}", one.institution_id, one.day, one.version),
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}
