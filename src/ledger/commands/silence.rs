//! Confirms what parents were silent about, for the nightly worker. Safe to repeat, and to break off.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    audit::{self, Event},
    db::Pools,
    identity::{Actor, Caller},
    ledger::{
        booking::Booking,
        error::LedgerError,
        store::{lessons as store, owed},
    },
};

/// Contracts that are booked in one transaction.
const BATCH: i64 = 200;

/// Confirms every lesson of a bureau that silence has confirmed by `now`, each at its own instant; how many units.
pub async fn confirm_overdue(pools: &Pools, tenant: i32, now: DateTime<Utc>) -> Result<u64, LedgerError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "silence".to_owned(), now };
    let (mut institution, mut units) = (0, 0);
    loop {
        let mut conn = caller.actor.scope().begin(pools).await?;
        let next = store::next_overdue(&mut conn, institution, now).await?;
        conn.commit().await?;
        let Some(next) = next else { return Ok(units) };
        institution = next;
        loop {
            let (done, more) = batch(pools, &caller, institution).await?;
            units += done;
            if !more {
                break;
            }
        }
    }
}

/// One batch of an institution: how many units, and whether there may be more.
async fn batch(pools: &Pools, caller: &Caller, institution: i64) -> Result<(u64, bool), LedgerError> {
    let mut conn = caller.actor.scope().begin(pools).await?;
    owed::lock_ledger(&mut conn, institution).await?;
    let contracts = store::overdue_contracts(&mut conn, institution, caller.now, BATCH).await?;
    if contracts.is_empty() {
        return Ok((0, false));
    }
    let booking = Booking::begin(&mut conn, institution, &contracts).await?;
    let confirmed = store::confirm_by_silence(&mut conn, &contracts, caller.now).await?;
    booking.finish(&mut conn).await?;
    let event = |(contract, units): &(i64, i64)| Event {
        action: "lesson.confirmed",
        subject_kind: "contract",
        subject_id: contract.to_string(),
        institution: Some(institution),
        after: Some(json!({"units": units, "confirmed_by": "silence"})),
        ..Event::default()
    };
    audit::store::record_all(&mut conn, caller, confirmed.iter().map(event).collect()).await?;
    conn.commit().await?;
    let units: i64 = confirmed.iter().map(|(_, units)| units).sum();
    Ok((units.unsigned_abs(), i64::try_from(contracts.len()).is_ok_and(|count| count == BATCH)))
}
