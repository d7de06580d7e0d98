//! What every handler may need.

use std::{path::PathBuf, sync::Arc};

use crate::{
    config::Service,
    db::{Database, Gather, Pools},
    escrow::{ingest::Pushes, oversight::Look},
    identity::{
        machine::Nonces,
        oidc::Oidc,
        sign_in::{self, Doorway},
        tokens::Tokens,
    },
    kernel::{Calendar, Clock},
    secrets::Secrets,
};

use super::{live::Live, once::UnderWay, pace::Pace};

/// Deliveries whose consequences are looked up at once.
const DELIVERIES_AT_ONCE: usize = 256;

/// Shared by all workers; cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub pools: Pools,
    pub secrets: Secrets,
    pub tokens: Tokens,
    pub oidc: Oidc,
    pub clock: Clock,
    /// Open watch pages.
    pub live: Live,
    /// Statutory holidays, with the operator's own years.
    pub calendar: Arc<Calendar>,
    pub service: Arc<Service>,
    /// Writes with an `Idempotency-Key` that are not over yet.
    pub under_way: UnderWay,
    /// Accounts that something was delivered for, by bureau, and when: what follows from it is looked up together.
    pub deliveries: Gather<i32, Look, ()>,
    /// Nonces of signed requests on their way in.
    pub nonces: Nonces,
    /// Pushes of banks on their way in.
    pub pushes: Pushes,
    /// The data directory.
    pub directory: PathBuf,
    /// Passkeys bound to the service's address, where it is a name.
    pub passkeys: Option<Arc<webauthn_rs::Webauthn>>,
    /// How fast each address asks.
    pub pace: Pace,
    public_url: Arc<str>,
}

/// Why the service cannot start; says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the client for identity providers cannot be made: {0}")]
    Oidc(#[from] std::io::Error),
    #[error(transparent)]
    Calendar(#[from] crate::kernel::calendar::CalendarError),
}

impl AppState {
    /// The state of a service on an opened database; its tokens have no keys yet.
    pub fn new(database: &Database, service: Service, clock: Clock) -> Result<AppState, StateError> {
        let own = std::fs::read_to_string(database.directory.join("reference/holidays-cn.csv")).ok();
        let calendar = match own {
            Some(table) => Calendar::statutory().with(&Calendar::parse(&table)?),
            None => Calendar::statutory().clone(),
        };
        let public_url = public_url(&service);
        Ok(AppState {
            passkeys: sign_in::passkey::for_address(&public_url).map(Arc::new),
            pace: Pace::new(service.requests_per_second),
            pools: database.pools.clone(),
            secrets: database.secrets.clone(),
            tokens: Tokens::default().with_idle_max(chrono::Duration::minutes(service.idle_minutes.into())),
            oidc: Oidc::new()?,
            clock,
            live: Live::new(),
            calendar: Arc::new(calendar),
            service: Arc::new(service),
            under_way: UnderWay::default(),
            deliveries: Gather::new(DELIVERIES_AT_ONCE, 1),
            nonces: Nonces::default(),
            pushes: Pushes::default(),
            directory: database.directory.clone(),
            public_url: public_url.into(),
        })
    }

    /// The same service by another clock.
    #[must_use]
    pub fn at(&self, clock: Clock) -> AppState {
        AppState { clock, ..self.clone() }
    }

    /// The address under which people reach the service, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Whether that is over TLS alone.
    pub fn is_secure(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// What signing in works with.
    pub fn doorway(&self) -> Doorway<'_> {
        Doorway { pools: &self.pools, tokens: &self.tokens, secrets: &self.secrets, passkeys: self.passkeys.as_deref() }
    }

    /// Largest size that an upload may unpack to, in bytes; what is not packed may be as large as an upload.
    pub fn max_unpacked(&self) -> u64 {
        self.service.max_unpacked_mb.max(self.service.max_upload_mb).saturating_mul(1 << 20)
    }

    /// Largest upload in bytes.
    pub fn max_upload(&self) -> usize {
        usize::try_from(self.service.max_upload_mb.saturating_mul(1 << 20)).unwrap_or(usize::MAX)
    }
}

fn public_url(service: &Service) -> String {
    let address = service.public_url.clone().unwrap_or_else(|| format!("http://{}", service.listen));
    address.trim_end_matches('/').to_owned()
}
