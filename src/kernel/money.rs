//! Money in fen (1/100 yuan). No floating point comes near it; arithmetic is checked.

use std::{fmt, iter::Sum, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount in fen. Negative amounts are meaningful only as differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fen(pub i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not digits with at most one point; signs, exponents and separators are refused.
    #[error("not an amount in yuan: digits with at most two decimals, e.g. 1234.50")]
    Shape,
    /// More than two decimals that are not zero.
    #[error("finer than one fen")]
    TooFine,
    /// Does not fit.
    #[error("amount too large")]
    TooLarge,
}

impl Fen {
    /// Nothing.
    pub const ZERO: Fen = Fen(0);

    /// Sum, or `None` when it does not fit.
    pub fn checked_add(self, other: Fen) -> Option<Fen> {
        self.0.checked_add(other.0).map(Fen)
    }

    /// Difference, or `None` when it does not fit.
    pub fn checked_sub(self, other: Fen) -> Option<Fen> {
        self.0.checked_sub(other.0).map(Fen)
    }

    /// `self × bp ÷ 10 000`, rounded down, in 128 bits.
    pub fn share_bp(self, bp: i64) -> Fen {
        let product = i128::from(self.0) * i128::from(bp);
        Fen(i64::try_from(product.div_euclid(10_000)).unwrap_or(i64::MAX))
    }

    /// `¥12,345.67`, with U+2212 before a negative amount (domain-rules §0 and the page standard).
    pub fn yuan(self) -> String {
        let sign = if self.0 < 0 { "\u{2212}" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let digits = (magnitude / 100).to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("{sign}¥{grouped}.{:02}", magnitude % 100)
    }
}

/// Plain yuan with two decimals: `12345.67`, `-0.05`.
impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", magnitude / 100, magnitude % 100)
    }
}

/// Reads `1234`, `1234.5`, `1234.50`; zeros beyond the second decimal are allowed, other digits are not.
impl FromStr for Fen {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || text.ends_with('.') {
            return Err(AmountError::Shape);
        }
        let (cents, rest) = decimals.split_at(decimals.len().min(2));
        if rest.bytes().any(|b| b != b'0') {
            return Err(AmountError::TooFine);
        }
        let yuan: i64 = whole.parse().map_err(|_| AmountError::TooLarge)?;
        let cents: i64 = format!("{cents:0<2}").parse().map_err(|_| AmountError::Shape)?;
        yuan.checked_mul(100).and_then(|fen| fen.checked_add(cents)).map(Fen).ok_or(AmountError::TooLarge)
    }
}

/// Saturates rather than wraps: a sum that does not fit is far outside any balance and must not look small.
impl Sum for Fen {
    fn sum<I: Iterator<Item = Fen>>(iter: I) -> Fen {
        iter.fold(Fen::ZERO, |sum, fen| Fen(sum.0.saturating_add(fen.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_shown_and_read_to_the_fen() {
        assert_eq!(Fen(123_456_789).yuan(), "¥1,234,567.89");
        assert_eq!(Fen(-5).yuan(), "\u{2212}¥0.05");
        assert_eq!(Fen(100_000).yuan(), "¥1,000.00");
        for (text, expected) in [
            ("5000.00", Ok(Fen(500_000))),
            ("5000.01", Ok(Fen(500_001))),
            ("0.5", Ok(Fen(50))),
            ("12.3400", Ok(Fen(1_234))),
            ("1.005", Err(AmountError::TooFine)),
            ("-1", Err(AmountError::Shape)),
            ("1e3", Err(AmountError::Shape)),
            ("1,000", Err(AmountError::Shape)),
            ("1.", Err(AmountError::Shape)),
            ("", Err(AmountError::Shape)),
            ("99999999999999999999", Err(AmountError::TooLarge)),
        ] {
            assert_eq!(text.parse::<Fen>(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(fen in 0i64..=i64::MAX) {
            prop_assert_eq!(Fen(fen).to_string().parse::<Fen>(), Ok(Fen(fen)));
        }

        #[test]
        fn a_share_never_exceeds_the_whole(fen in 0i64..=i64::MAX, bp in 0i64..=10_000) {
            prop_assert!(Fen(fen).share_bp(bp) <= Fen(fen));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Fen>();
        }
    }
}
