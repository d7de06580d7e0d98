//! How fast one address may ask for anything, so that nobody's program takes the service from everybody else.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};

use crate::identity::throttle::network;

/// So many seconds' worth of requests may come at once.
const BURST_S: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// Remembers, for a few seconds, who asked how much. Cheap to clone; nothing where there is no limit.
#[derive(Debug, Clone)]
pub struct Pace(Option<Arc<DefaultKeyedRateLimiter<Vec<u8>>>>);

impl Pace {
    /// So many requests a second from one address; 0 is no limit.
    pub fn new(per_second: u32) -> Pace {
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(BURST_S));
        Pace(NonZeroU32::new(per_second).map(|rate| Arc::new(RateLimiter::keyed(quota(rate)))))
    }

    /// Lets one request of this address pass, or says how long to wait. The machine's own addresses are no strangers: a
    /// proxy that is not trusted yet speaks for everybody.
    pub fn check(&self, address: IpAddr) -> Result<(), Duration> {
        match &self.0 {
            Some(limiter) if !address.is_loopback() => {
                let outcome = limiter.check_key(&network(address));
                outcome.map_err(|not_yet| not_yet.wait_time_from(limiter.clock().now()))
            }
            _ => Ok(()),
        }
    }

    /// Forgets who has not asked for a while.
    pub fn forget(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_asks_too_fast_waits_and_no_other() {
        let pace = Pace::new(3);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let passed = (0..100).filter(|_| pace.check(address("192.0.2.1")).is_ok()).count();
        assert!((30..=33).contains(&passed), "{passed}");
        assert!(pace.check(address("192.0.2.1")).unwrap_err() <= Duration::from_secs(1));
        assert!(pace.check(address("192.0.2.2")).is_ok());
        assert!((0..100).all(|_| pace.check(address("127.0.0.1")).is_ok()));
        assert!((0..100).all(|_| Pace::new(0).check(address("192.0.2.3")).is_ok()));
    }
}
