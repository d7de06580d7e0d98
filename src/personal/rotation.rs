//! A new key for what is sealed: everything is sealed anew in small steps while the service goes on, and an old key is let
//! go once nothing needs it.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::store::reseal::{self, COLUMNS};
use crate::{
    audit::{self, Event},
    db::{DbError, Pools},
    identity::{Actor, Caller},
    vault::{KeyInfo, RING_LOOKED_AT_EVERY, RingError, VaultError},
};

/// An old key stays at least so long after it was last used to seal: a long import seals first and commits later.
pub const RETIRED_MIN: Duration = Duration::minutes(10);

/// Why keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("key {id} still seals {values} values; run mingjian keys rotate to its end first")]
    StillUsed { id: u16, values: i64 },
    #[error("key {id} sealed until {since}; a long import may still bring what it sealed: drop it {} minutes later", RETIRED_MIN.num_minutes())]
    TooEarly { id: u16, since: DateTime<Utc> },
    #[error("{table}.{column} of {tenant}: {error}")]
    Sealed { table: &'static str, column: &'static str, tenant: i32, error: VaultError },
}

/// A key and how much it seals.
#[derive(Debug, Clone)]
pub struct KeyUse {
    pub info: KeyInfo,
    pub values: i64,
}

/// The keys of the ring, with what each seals in the whole database.
pub async fn list(pools: &Pools) -> Result<Vec<KeyUse>, RotationError> {
    let uses = uses(pools).await?;
    let keys = pools.vault().keys()?;
    Ok(keys.into_iter().map(|info| KeyUse { values: uses.get(&info.id).copied().unwrap_or(0), info }).collect())
}

/// Keys that seal something and are not in the ring, with how much each seals: what is lost unless they are found.
pub async fn missing(pools: &Pools) -> Result<Vec<(u16, i64)>, RotationError> {
    let known: Vec<u16> = pools.vault().keys()?.iter().map(|key| key.id).collect();
    Ok(uses(pools).await?.into_iter().filter(|(key, _)| !known.contains(key)).collect())
}

async fn uses(pools: &Pools) -> Result<BTreeMap<u16, i64>, DbError> {
    let mut sum = BTreeMap::new();
    for tenant in reseal::tenants(pools).await? {
        let mut conn = Actor::system(tenant).scope().begin(pools).await?;
        for column in &COLUMNS {
            for (key, values) in reseal::uses(&mut conn, column).await? {
                *sum.entry(key).or_insert(0) += values;
            }
        }
        conn.commit().await?;
    }
    Ok(sum)
}

/// What a rotation has done so far.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub table: &'static str,
    pub column: &'static str,
    pub tenant: i32,
    /// Values sealed anew in all.
    pub values: usize,
}

/// Begins a new key, unless `resume` goes on with the present one, and seals everything anew with it. Broken off, it is run
/// again with `resume`; what is done is not done twice. Returns the key and how many values it sealed anew.
pub async fn rotate(
    pools: &Pools,
    now: DateTime<Utc>,
    resume: bool,
    mut tell: impl FnMut(Progress),
) -> Result<(u16, usize), RotationError> {
    let vault = pools.vault();
    let current = if resume || !vault.owns_ring() { vault.current() } else { vault.add_key(now)? };
    // Until then another process may go on sealing with the key before.
    tokio::time::sleep(2 * RING_LOOKED_AT_EVERY).await;
    let mut values = 0;
    for tenant in reseal::tenants(pools).await? {
        let before = values;
        for column in &COLUMNS {
            let mut after = 0;
            loop {
                let mut conn = Actor::system(tenant).scope().begin(pools).await?;
                let sealed = |error| match error {
                    DbError::Sealed(error) => {
                        RotationError::Sealed { table: column.table, column: column.column, tenant, error }
                    }
                    other => RotationError::Db(other),
                };
                let (done, last) = reseal::batch(&mut conn, column, current, after).await.map_err(sealed)?;
                conn.commit().await?;
                if done == 0 {
                    break;
                }
                (after, values) = (last, values + done);
                tell(Progress { table: column.table, column: column.column, tenant, values });
            }
        }
        if values > before {
            record(pools, tenant, now, current, values - before).await?;
        }
    }
    Ok((current, values))
}

async fn record(pools: &Pools, tenant: i32, now: DateTime<Utc>, key: u16, values: usize) -> Result<(), DbError> {
    let caller = Caller { actor: Actor::system(tenant), request_id: "command-line".to_owned(), now };
    let mut conn = caller.actor.scope().begin(pools).await?;
    let event = Event {
        action: "keys.resealed",
        subject_kind: "key",
        subject_id: key.to_string(),
        after: Some(json!({"key": key, "values": values})),
        ..Event::default()
    };
    audit::store::record(&mut conn, &caller, event).await?;
    conn.commit().await
}

/// Lets an old key go for good. Refused while a value needs it, or may still come that does.
pub async fn drop_key(pools: &Pools, now: DateTime<Utc>, id: u16) -> Result<(), RotationError> {
    let vault = pools.vault();
    let info = vault.keys()?.into_iter().find(|key| key.id == id).ok_or(RingError::NoSuchKey(id))?;
    if info.current {
        return Err(RingError::InUse(id).into());
    }
    if let Some(since) = info.retired.filter(|since| now - *since < RETIRED_MIN) {
        return Err(RotationError::TooEarly { id, since });
    }
    let values = uses(pools).await?.get(&id).copied().unwrap_or(0);
    if values > 0 {
        return Err(RotationError::StillUsed { id, values });
    }
    Ok(vault.remove_key(id)?)
}
