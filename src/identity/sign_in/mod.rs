//! Signing in: the password, then the second factor, then the session; and what a person does about their own sign-in.
//!
//! Nobody holds a session before all that is asked for was shown. Between the password and the second factor there is a
//! *step*: a row whose token only the browser holds, good for ten minutes and a few tries. An official who has no second
//! factor yet gets a step that leads to setting one up, and nowhere else.

pub mod lost;
pub mod passkey;
mod password_step;
pub mod policy;
mod recovery;
pub mod reset;
pub mod second;
pub mod security;
mod setup;
mod store;
mod tell;
mod totp;

use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use webauthn_rs::Webauthn;

pub use password_step::{Next, password};
pub use setup::{App, add_totp, begin_totp, pending_totp};
pub use store::factors::{Factors, PasskeyRow};

use super::{sessions::Device, tokens::Tokens};
use crate::{db::Pools, secrets::Secrets};

/// How long there is between the password and the second factor, and for whatever else is begun.
pub const STEP_LIFE: Duration = Duration::minutes(10);
/// Wrong codes after which the password is asked for again.
const TRIES_MAX: i32 = 5;

/// What signing in works with.
#[derive(Debug, Clone, Copy)]
pub struct Doorway<'a> {
    pub pools: &'a Pools,
    pub tokens: &'a Tokens,
    pub secrets: &'a Secrets,
    /// Absent where the service's address is no name that passkeys could be bound to.
    pub passkeys: Option<&'a Webauthn>,
}

/// Who stands before it.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub address: IpAddr,
    /// The cookie of known devices, as it came.
    pub device: String,
    /// The browser or program, and from where, as the session will show it.
    pub on: Device,
    pub request_id: String,
    pub now: DateTime<Utc>,
}

/// Forgets failures that count nothing any more; steps are cleared away by whoever begins one.
pub async fn sweep(pools: &Pools, now: DateTime<Utc>) -> Result<(), crate::db::DbError> {
    let mut conn = pools.auth().get().await?;
    super::throttle::store::sweep(&mut conn, now).await
}
