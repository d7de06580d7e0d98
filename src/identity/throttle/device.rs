//! The token of a browser that has signed somebody in: it opens nothing, it only keeps other people's wrong guesses away
//! from its owner (the device cookies of OWASP).
//!
//! A browser may know several people; its cookie holds one token for each, the newest few.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use subtle::ConstantTimeEq;

use crate::secrets::{Secrets, keyed_hash, random};

/// How long a browser is known.
pub const LIFE: Duration = Duration::days(180);
/// A shared computer remembers so many people.
const PEOPLE_MAX: usize = 5;

/// The identifier of the device that signed `name` in, if the cookie holds its token.
pub fn known(secrets: &Secrets, cookie: &str, name: &str, now: DateTime<Utc>) -> Option<[u8; 9]> {
    cookie.split('.').take(PEOPLE_MAX).find_map(|token| read(secrets, token, name, now))
}

/// The cookie with a token for `name` in front; a good one that is there already is kept.
pub fn remember(secrets: &Secrets, cookie: &str, name: &str, now: DateTime<Utc>) -> String {
    let own = cookie.split('.').find(|token| read(secrets, token, name, now).is_some());
    let first = own.map_or_else(|| issue(secrets, name, now), str::to_owned);
    let others = cookie.split('.').filter(|token| *token != first && token.len() == first.len()).take(PEOPLE_MAX - 1);
    std::iter::once(first.as_str()).chain(others).collect::<Vec<_>>().join(".")
}

fn issue(secrets: &Secrets, name: &str, now: DateTime<Utc>) -> String {
    let device: [u8; 9] = random();
    let day = u32::try_from(now.timestamp() / 86_400).unwrap_or_default().to_be_bytes();
    let seal = seal(secrets, name, &device, day);
    URL_SAFE_NO_PAD.encode([device.as_slice(), &day, &seal].concat())
}

fn read(secrets: &Secrets, token: &str, name: &str, now: DateTime<Utc>) -> Option<[u8; 9]> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (device, rest) = bytes.split_first_chunk::<9>()?;
    let (day, sealed) = rest.split_first_chunk::<4>()?;
    let right = bool::from(sealed.ct_eq(&seal(secrets, name, device, *day)));
    let age = now - DateTime::from_timestamp(i64::from(u32::from_be_bytes(*day)) * 86_400, 0)?;
    (right && age < LIFE).then_some(*device)
}

fn seal(secrets: &Secrets, name: &str, device: &[u8; 9], day: [u8; 4]) -> [u8; 16] {
    let hash = keyed_hash(&secrets.derive("device:1"), &[device, &day, name.as_bytes()]);
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_known_for_the_names_it_signed_in_and_for_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let secrets = Secrets::load(directory.path()).unwrap();
        let now = DateTime::from_timestamp(1_773_795_600, 0).unwrap();
        let mut cookie = remember(&secrets, "", "wang", now);
        let device = known(&secrets, &cookie, "wang", now).unwrap();
        assert_eq!(known(&secrets, &cookie, "zhang", now), None);
        for name in ["a", "b", "c", "d"] {
            cookie = remember(&secrets, &cookie, name, now);
        }
        cookie = remember(&secrets, &cookie, "wang", now);
        assert_eq!(known(&secrets, &cookie, "wang", now), Some(device), "the same device as before");
        cookie = remember(&secrets, &cookie, "e", now);
        assert_eq!(known(&secrets, &cookie, "a", now), None, "the oldest is forgotten");
        assert_eq!(known(&secrets, &cookie, "wang", now + LIFE), None);
        let own = remember(&secrets, "", "wang", now);
        let other_letter = if own.starts_with('A') { "B" } else { "A" };
        assert_eq!(known(&secrets, &format!("{other_letter}{}", &own[1..]), "wang", now), None, "forged");
        assert!(cookie.len() < 400, "{}", cookie.len());
    }
}
