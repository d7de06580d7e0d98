//! Codes of an authenticator app (RFC 6238: SHA-1, six digits, thirty seconds, as every app takes them).

use chrono::{DateTime, Utc};
use totp_rs::{Builder, Secret, Totp};

use crate::secrets::{Secrets, Unsealable, random};

/// Seconds of a step.
const STEP: u64 = 30;
/// Under which label secrets are sealed.
const LABEL: &str = "totp";

/// The secret that an app and we share.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSecret([u8; 20]);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

impl TotpSecret {
    /// A new one.
    pub fn new() -> TotpSecret {
        TotpSecret(random())
    }

    /// For typing into an app by hand, in groups of four.
    pub fn text(&self) -> String {
        let text = Secret::from(self.0.to_vec()).to_base32();
        let groups: Vec<&str> = text.as_bytes().chunks(4).filter_map(|group| std::str::from_utf8(group).ok()).collect();
        groups.join(" ")
    }

    /// The address that an app reads from the picture; nothing for a name that no such address may hold.
    pub fn address(&self, account: &str) -> Option<String> {
        let account = account.replace(':', ".");
        self.totp(&account)?.to_url().ok()
    }

    /// The step that `code` belongs to, if it is one of the present, the one before or the one after, and later than
    /// `last_step`: a code is used once.
    pub fn step_of(&self, code: &str, now: DateTime<Utc>, last_step: i64) -> Option<i64> {
        let seconds = u64::try_from(now.timestamp()).ok()?;
        let step = i64::try_from(self.totp("-")?.check(code, seconds)?).ok()?;
        (last_step < step).then_some(step)
    }

    /// As kept.
    pub fn seal(&self, secrets: &Secrets) -> Result<Vec<u8>, Unsealable> {
        secrets.seal(LABEL, &self.0)
    }

    /// Opens what [`TotpSecret::seal`] sealed.
    pub fn open(secrets: &Secrets, sealed: &[u8]) -> Result<TotpSecret, Unsealable> {
        secrets.open(LABEL, sealed)?.try_into().map(TotpSecret).map_err(|_| Unsealable)
    }

    fn totp(&self, account: &str) -> Option<Totp> {
        Builder::new()
            .with_secret(self.0.to_vec())
            .with_step_duration(STEP)
            .with_skew(1)
            .with_issuer(Some("Mingjian"))
            .with_account_name(account)
            .build()
            .ok()
    }
}

/// A code as typed, without the spaces that apps show, in plain digits or small letters.
pub fn plain(code: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    code.nfkc().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    /// The vectors of RFC 6238, appendix B, of which six digits are shown.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = TotpSecret(*b"12345678901234567890");
        for (second, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(secret.step_of(code, at(second), 0), Some(second / 30), "{code}");
        }
        assert_eq!(secret.text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }

    #[test]
    fn a_code_is_good_for_one_step_around_now_and_once() {
        let secret = TotpSecret(*b"12345678901234567890");
        let step = 1_111_111_109 / 30;
        for (seconds, good) in [(-60, false), (-59, true), (0, true), (30, true), (31, false)] {
            let found = secret.step_of("081804", at(1_111_111_109 + seconds), 0);
            assert_eq!(found.is_some(), good, "{seconds}");
        }
        assert_eq!(secret.step_of("081804", at(1_111_111_109), step), None, "used before");
        for wrong in ["081805", "81804", "+81804", "", "０81804"] {
            assert_eq!(secret.step_of(wrong, at(1_111_111_109), 0), None, "{wrong}");
        }
    }

    #[test]
    fn codes_are_read_as_people_type_them() {
        assert_eq!(plain(" 081 804 "), "081804");
        assert_eq!(plain("０８１８０４"), "081804");
        assert_eq!(plain("K3QX-9TPM-2WEA"), "k3qx9tpm2wea");
    }

    #[test]
    fn the_address_names_the_account() {
        let address = TotpSecret(*b"12345678901234567890").address("wang:jingyi 王").unwrap();
        assert!(address.starts_with("otpauth://totp/Mingjian:wang.jingyi"), "{address}");
        assert!(address.contains("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), "{address}");
    }
}
