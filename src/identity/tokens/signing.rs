//! The life of the signing keys: the first is made at first start, a successor every 90 days or when an operator asks.
//!
//! The database says which keys there are, so that all processes agree; each seed is random and sealed with the service's
//! secret. What one process changes the others learn by NOTIFY, and by looking every hour.

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use super::{
    ACCESS_LIFE, Generation, PUBLISHED_AHEAD, Ring, SKEW, Tokens, kid_of,
    store::{self, Row},
};
use crate::{
    audit::{self, Event},
    db::{AuthConn, DbError, Pools},
    identity::{Actor, Caller},
    secrets::{Secrets, random},
};

/// Why the keys could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("a signing key could not be sealed")]
    Seal,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// When a successor takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takeover {
    /// After it was published for a while; tokens of the old key stay good until they expire.
    Overlapping,
    /// Now, because the old key is compromised: all its tokens are refused from this instant on.
    AtOnce,
}

fn label(kid: &str) -> String {
    format!("signing-key:{kid}")
}

/// The key of a row, if the service's secret opens it and it is the one that its name says.
fn open(secrets: &Secrets, row: &Row) -> Option<Generation> {
    let seed: [u8; 32] = secrets.open(&label(&row.kid), &row.sealed_seed).ok()?.try_into().ok()?;
    (kid_of(&seed) == row.kid).then_some(())?;
    Generation::new(row.generation, &seed, row.signs_from, row.verifies_until).ok()
}

/// Gives `tokens` the keys of the database; makes the first one where there is none, or none that opens.
pub async fn load(pools: &Pools, secrets: &Secrets, tokens: &Tokens, now: DateTime<Utc>) -> Result<(), SigningError> {
    let mut ring = read(pools, secrets, now).await?;
    if ring.signer(now).is_none() {
        let caller = Caller { actor: Actor::system(0), request_id: "start".to_owned(), now };
        change(pools, secrets, &caller, Takeover::AtOnce, |ring| ring.signer(now).is_none()).await?;
        ring = read(pools, secrets, now).await?;
    }
    tokens.change_keys(ring);
    Ok(())
}

async fn read(pools: &Pools, secrets: &Secrets, now: DateTime<Utc>) -> Result<Ring, SigningError> {
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    Ok(ring_of(secrets, &store::all(&mut conn).await?, now))
}

fn ring_of(secrets: &Secrets, rows: &[Row], now: DateTime<Utc>) -> Ring {
    let current = rows.iter().filter(|row| row.verifies_until.is_none_or(|until| now < until));
    let opened = current.filter_map(|row| {
        let opened = open(secrets, row);
        if opened.is_none() {
            tracing::error!(kid = row.kid, "a signing key does not open with keys/master; its tokens are refused");
        }
        opened
    });
    Ring::new(opened.collect())
}

/// Makes a successor if one is due, then takes over what the database says. For the hourly round of every process.
pub async fn keep_fresh(
    pools: &Pools,
    secrets: &Secrets,
    tokens: &Tokens,
    now: DateTime<Utc>,
) -> Result<(), SigningError> {
    if tokens.rotation_is_due(now) {
        let caller = Caller { actor: Actor::system(0), request_id: "rotation".to_owned(), now };
        change(pools, secrets, &caller, Takeover::Overlapping, |ring| ring.is_due(now)).await?;
    }
    load(pools, secrets, tokens, now).await?;
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    Ok(store::forget(&mut conn, now - Duration::days(1)).await?)
}

/// Makes a successor now, whether due or not; returns its name and when it begins to sign.
pub async fn rotate(
    pools: &Pools,
    secrets: &Secrets,
    caller: &Caller,
    takeover: Takeover,
) -> Result<Option<(String, DateTime<Utc>)>, SigningError> {
    change(pools, secrets, caller, takeover, |_| true).await
}

/// Adds a generation if, under the lock, `wanted` still says so.
async fn change(
    pools: &Pools,
    secrets: &Secrets,
    caller: &Caller,
    takeover: Takeover,
    wanted: impl Fn(&Ring) -> bool + Send + Sync,
) -> Result<Option<(String, DateTime<Utc>)>, SigningError> {
    let seed: [u8; 32] = random();
    let kid = kid_of(&seed);
    let sealed_seed = secrets.seal(&label(&kid), &seed).map_err(|_| SigningError::Seal)?;
    let now = caller.now;
    AuthConn::transaction(pools, async |conn: &mut AuthConn| -> Result<Option<(String, DateTime<Utc>)>, SigningError> {
        store::lock(conn.sql()).await?;
        let rows = store::all(conn.sql()).await?;
        if !wanted(&ring_of(secrets, &rows, now)) {
            return Ok(None);
        }
        let signs_from = match takeover {
            Takeover::Overlapping => now + PUBLISHED_AHEAD,
            Takeover::AtOnce => now,
        };
        let verify_until = match takeover {
            Takeover::Overlapping => signs_from + ACCESS_LIFE + SKEW,
            Takeover::AtOnce => now,
        };
        let generation = rows.last().map_or(1, |row| row.generation + 1);
        let row = Row { generation, kid, sealed_seed, created_at: now, signs_from, verifies_until: None };
        store::retire_before(conn.sql(), generation, verify_until).await?;
        store::add(conn.sql(), &row).await?;
        let event = Event {
            action: "signing_key.rotated",
            subject_kind: "signing_key",
            subject_id: row.kid.clone(),
            after: Some(
                json!({"generation": generation, "signs_from": signs_from, "earlier_verify_until": verify_until}),
            ),
            ..Event::default()
        };
        audit::store::record_own(conn, caller, event);
        Ok(Some((row.kid, signs_from)))
    })
    .await
}

/// One generation as an operator sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Listed {
    pub kid: String,
    pub generation: i32,
    pub created_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
    pub verifies_until: Option<DateTime<Utc>>,
    /// `next`, `signing`, `verifying`, `retired`, or `sealed` for one that the service's secret does not open.
    pub state: &'static str,
}

/// All generations, the newest first.
pub async fn list(pools: &Pools, secrets: &Secrets, now: DateTime<Utc>) -> Result<Vec<Listed>, SigningError> {
    let mut conn = pools.auth().get().await.map_err(DbError::from)?;
    let rows = store::all(&mut conn).await?;
    let ring = ring_of(secrets, &rows, now);
    let signing = ring.signer(now).map(|one| one.kid.clone());
    let state = |row: &Row| match row {
        row if row.verifies_until.is_some_and(|until| until <= now) => "retired",
        row if ring.verifier(&row.kid, now).is_none() => "sealed",
        row if signing.as_ref() == Some(&row.kid) => "signing",
        row if now < row.signs_from => "next",
        _ => "verifying",
    };
    let listed = rows.iter().rev().map(|row| Listed {
        kid: row.kid.clone(),
        generation: row.generation,
        created_at: row.created_at,
        signs_from: row.signs_from,
        verifies_until: row.verifies_until,
        state: state(row),
    });
    Ok(listed.collect())
}
