//! Which buckets an attempt is counted in.

use std::net::IpAddr;

use super::Limit;
use crate::secrets::{Secrets, keyed_hash};

/// A known device guesses about one name.
const DEVICE: Limit = Limit { free: 10, pause_first_s: 30, pause_max_s: 3600, forgive_s: 3600 };
/// A stranger guesses about one name from one address.
const NAME_AND_ADDRESS: Limit = Limit { free: 10, pause_first_s: 30, pause_max_s: 3600, forgive_s: 3600 };
/// Strangers guess about many names from one address, behind which may be a whole office.
const ADDRESS: Limit = Limit { free: 100, pause_first_s: 15, pause_max_s: 900, forgive_s: 300 };
/// Strangers everywhere guess about one name.
const NAME: Limit = Limit { free: 60, pause_first_s: 30, pause_max_s: 900, forgive_s: 1800 };
/// Second factors of one person: a code has six digits, so even who knows the password gets few.
const SECOND: Limit = Limit { free: 15, pause_first_s: 60, pause_max_s: 3600, forgive_s: 3600 };
/// Mails that one name may ask for; more would only fill the mailbox.
const MAILS: Limit = Limit { free: 3, pause_first_s: 900, pause_max_s: 3600, forgive_s: 1200 };

/// A bucket by the keyed hash of what it counts, and its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    pub key: [u8; 32],
    pub limit: Limit,
    /// One right attempt shows that all before were its owner's mistakes.
    pub cleared_by_success: bool,
}

/// The buckets of one attempt; any of them may refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lanes(pub Vec<Lane>);

impl Lanes {
    /// For a password of `name`, from `address`, by a known device or a stranger.
    pub fn password(secrets: &Secrets, name: &str, address: IpAddr, device: Option<[u8; 9]>) -> Lanes {
        let name = name_key(name);
        let network = network(address);
        match device {
            Some(device) => Lanes(vec![lane(secrets, "device", &[name.as_bytes(), &device], DEVICE, true)]),
            None => Lanes(vec![
                lane(secrets, "name and address", &[name.as_bytes(), &network], NAME_AND_ADDRESS, true),
                lane(secrets, "address", &[&network], ADDRESS, false),
                lane(secrets, "name", &[name.as_bytes()], NAME, false),
            ]),
        }
    }

    /// For a second factor or the confirmation of a password by the one who is signed in.
    pub fn second(secrets: &Secrets, person: i64, device: Option<[u8; 9]>) -> Lanes {
        let device = device.unwrap_or_default();
        Lanes(vec![lane(secrets, "second", &[&person.to_be_bytes(), &device], SECOND, true)])
    }

    /// For asking for a mail: the address is told when it asks too often.
    pub fn asking(secrets: &Secrets, address: IpAddr) -> Lanes {
        Lanes(vec![lane(secrets, "asking", &[&network(address)], ADDRESS, false)])
    }

    /// For sending a mail to a person; nobody is told.
    pub fn mails(secrets: &Secrets, person: i64) -> Lanes {
        Lanes(vec![lane(secrets, "mails", &[&person.to_be_bytes()], MAILS, false)])
    }
}

fn lane(secrets: &Secrets, kind: &str, parts: &[&[u8]], limit: Limit, cleared_by_success: bool) -> Lane {
    let mut all: Vec<&[u8]> = vec![kind.as_bytes(), b":"];
    all.extend(parts);
    Lane { key: keyed_hash(&secrets.derive("throttle:1"), &all), limit, cleared_by_success }
}

/// Names that are the same to whoever types them are counted as one.
fn name_key(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    name.trim().nfkc().flat_map(char::to_lowercase).take(100).collect()
}

/// What counts as one address: a whole IPv4 address, or the /64 that one IPv6 customer has at least.
pub fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::{DateTime, Duration, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::identity::throttle::Bucket;

    fn secrets() -> (Secrets, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        (Secrets::load(directory.path()).unwrap(), directory)
    }

    #[derive(Default)]
    struct Memory(HashMap<[u8; 32], Bucket>);

    impl Memory {
        /// What the store does, in memory: all lanes or none.
        fn attempt(&mut self, lanes: &Lanes, now: DateTime<Utc>) -> bool {
            let next: Result<Vec<_>, _> = lanes
                .0
                .iter()
                .map(|lane| {
                    let bucket = self.0.get(&lane.key).copied().unwrap_or_else(|| Bucket::empty(now));
                    bucket.attempt(&lane.limit, now).map(|bucket| (lane.key, bucket))
                })
                .collect();
            next.map(|next| self.0.extend(next)).is_ok()
        }
    }

    #[test]
    fn an_address_is_a_whole_one_or_a_customers_network() {
        let net = |text: &str| network(text.parse().unwrap());
        assert_ne!(net("192.0.2.1"), net("192.0.2.2"));
        assert_eq!(net("192.0.2.1"), net("::ffff:192.0.2.1"));
        assert_eq!(net("2001:db8:1:2::1"), net("2001:db8:1:2:ffff::9"));
        assert_ne!(net("2001:db8:1:2::1"), net("2001:db8:1:3::1"));
    }

    #[test]
    fn names_are_counted_as_they_are_read_and_kept_by_no_name() {
        let (secrets, _kept) = secrets();
        let key = |name: &str| Lanes::password(&secrets, name, "192.0.2.1".parse().unwrap(), None);
        assert_eq!(key(" Wang.Jingyi "), key("wang.jingyi"));
        assert_ne!(key("wang.jingyi"), key("wang.jingyj"));
    }

    proptest! {
        /// Whatever strangers do, from however many addresses, a known device is let in at its first attempt.
        #[test]
        fn strangers_never_lock_a_known_device_out(
            guesses in prop::collection::vec((any::<u16>(), 0_i64..60), 1..300),
            at_end in 0_i64..3600,
        ) {
            let (secrets, _kept) = secrets();
            let start = DateTime::from_timestamp(1_773_795_600, 0).unwrap();
            let (mut memory, mut now) = (Memory::default(), start);
            for (from, gap) in guesses {
                now += Duration::seconds(gap);
                let address = IpAddr::from([10, 0, from.to_be_bytes()[0], from.to_be_bytes()[1]]);
                memory.attempt(&Lanes::password(&secrets, "victim", address, None), now);
            }
            now += Duration::seconds(at_end);
            let own = Lanes::password(&secrets, "victim", IpAddr::from([10, 0, 0, 1]), Some([7; 9]));
            prop_assert!(memory.attempt(&own, now));
        }

        /// However many addresses guess about one name, the name's own limit holds.
        #[test]
        fn many_addresses_gain_nothing_on_one_name(addresses in prop::collection::vec(any::<u32>(), 100..400)) {
            let (secrets, _kept) = secrets();
            let now = DateTime::from_timestamp(1_773_795_600, 0).unwrap();
            let mut memory = Memory::default();
            let tries = addresses.iter().map(|address| Lanes::password(&secrets, "victim", IpAddr::from(address.to_be_bytes()), None));
            let let_in = tries.filter(|lanes| memory.attempt(lanes, now)).count();
            prop_assert!(let_in <= usize::try_from(NAME.free).unwrap());
        }
    }
}
