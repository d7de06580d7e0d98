//! Unified social credit codes (统一社会信用代码), GB 32100-2015.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The 31 characters of the code; I O S V Z are left out by the standard.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
/// Weights of the organisation code inside (GB 11714), positions 9 to 16.
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// A valid credit code in normal form: 18 characters, upper case, check character right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreditCode([u8; 18]);

/// Why a text is not a credit code; in the order in which the reasons are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditCodeError {
    #[error("a credit code has 18 characters")]
    Length,
    #[error("a credit code has digits and capital letters without I, O, S, V, Z")]
    Alphabet,
    #[error("the check character (the 18th) does not fit the others")]
    CheckCharacter,
}

/// Who registered the holder, by the first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum Authority {
    #[strum(serialize = "机构编制")]
    Establishment,
    #[strum(serialize = "外交")]
    ForeignAffairs,
    #[strum(serialize = "司法行政")]
    Justice,
    #[strum(serialize = "文化")]
    Culture,
    #[strum(serialize = "民政")]
    CivilAffairs,
    #[strum(serialize = "旅游")]
    Tourism,
    #[strum(serialize = "宗教")]
    Religion,
    #[strum(serialize = "工会")]
    TradeUnion,
    #[strum(serialize = "市场监管")]
    MarketRegulation,
    #[strum(serialize = "中央军委改革和编制办公室")]
    Military,
    #[strum(serialize = "农业")]
    Agriculture,
    #[strum(serialize = "其他")]
    Other,
}

fn value(byte: u8) -> Option<u32> {
    ALPHABET.iter().position(|&letter| letter == byte).and_then(|index| u32::try_from(index).ok())
}

/// Trims, turns full width into half width, drops spaces and hyphens, and raises letters.
///
/// Letters that the standard leaves out are kept: O is never silently read as 0.
pub fn normalise(input: &str) -> String {
    input
        .nfkc()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{200b}' | '\u{feff}'))
        // Letters of other scripts are left alone: some have no capital of their own, and none is in a code.
        .map(|c| c.to_ascii_uppercase())
        // Without the blanks between them characters may join.
        .nfc()
        .collect()
}

impl CreditCode {
    /// Reads a code that is already in normal form.
    pub fn new(code: &str) -> Result<CreditCode, CreditCodeError> {
        if code.chars().count() != 18 {
            return Err(CreditCodeError::Length);
        }
        let bytes: [u8; 18] = code.as_bytes().try_into().map_err(|_| CreditCodeError::Alphabet)?;
        let mut sum = 0;
        for (byte, weight) in bytes.iter().zip(WEIGHTS) {
            sum += value(*byte).ok_or(CreditCodeError::Alphabet)? * weight;
        }
        let check = value(bytes[17]).ok_or(CreditCodeError::Alphabet)?;
        if check == (31 - sum % 31) % 31 { Ok(CreditCode(bytes)) } else { Err(CreditCodeError::CheckCharacter) }
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Who registered the holder; `None` for a first character that the standard does not assign.
    pub fn authority(&self) -> Option<Authority> {
        Some(match self.0[0] {
            b'1' => Authority::Establishment,
            b'2' => Authority::ForeignAffairs,
            b'3' => Authority::Justice,
            b'4' => Authority::Culture,
            b'5' => Authority::CivilAffairs,
            b'6' => Authority::Tourism,
            b'7' => Authority::Religion,
            b'8' => Authority::TradeUnion,
            b'9' => Authority::MarketRegulation,
            b'A' => Authority::Military,
            b'N' => Authority::Agriculture,
            b'Y' => Authority::Other,
            _ => return None,
        })
    }

    /// The two characters of authority and kind, e.g. `52` for a private non-enterprise unit (民非).
    pub fn head(&self) -> &str {
        &self.as_str()[..2]
    }

    /// The region digits, positions 3 to 8, as written; it may be retired or lie elsewhere than the school.
    pub fn region(&self) -> &str {
        &self.as_str()[2..8]
    }

    /// Whether the organisation code inside (positions 9 to 17) has the check digit of GB 11714.
    ///
    /// Some codes issued early do not satisfy it: a warning, never a refusal.
    pub fn organisation_check_ok(&self) -> bool {
        let sum: u32 = self.0[8..16]
            .iter()
            .zip(ORGANISATION_WEIGHTS)
            .map(|(byte, weight)| char::from(*byte).to_digit(36).unwrap_or(0) * weight)
            .sum();
        let expected = match 11 - sum % 11 {
            10 => b'X',
            11 => b'0',
            digit => b'0' + u8::try_from(digit).unwrap_or(0),
        };
        self.0[16] == expected
    }
}

/// Normalises, then checks.
impl FromStr for CreditCode {
    type Err = CreditCodeError;
    fn from_str(input: &str) -> Result<Self, CreditCodeError> {
        CreditCode::new(&normalise(input))
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for CreditCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for CreditCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_worked_examples_x1_to_x13() {
        use CreditCodeError::*;
        for (case, code, expected) in [
            ("X1", "52331002MJ0000018U", Ok(())),
            ("X2", "91331003MA2A00018Y", Ok(())),
            ("X3", "5233108150000012X6", Ok(())),
            ("X4", "12330000470000187Q", Ok(())),
            ("X5", "93331022MA2B00094P", Ok(())),
            ("X6", "52331002MJ0000018V", Err(Alphabet)),
            ("X7", "52331002MJ0000081U", Err(CheckCharacter)),
            ("X8", "91331003MA2A00108Y", Err(CheckCharacter)),
            ("X9", "52331002MI0000018U", Err(Alphabet)),
            ("X10", "52331002MJ000001U", Err(Length)),
            ("X11", "52331002mj0000018u", Ok(())),
            ("X12", "25331002MJ0000018U", Err(CheckCharacter)),
            ("X13", "91350100M000100Y43", Ok(())),
            ("full width", "５２３３１００２ＭＪ００００ ０１８Ｕ", Ok(())),
        ] {
            assert_eq!(code.parse::<CreditCode>().map(|_| ()), expected, "{case}");
        }
        let code: CreditCode = "52331002MJ0000018U".parse().unwrap();
        assert_eq!((code.head(), code.region()), ("52", "331002"));
        assert!(code.organisation_check_ok());
        assert!("5233108150000012X6".parse::<CreditCode>().unwrap().organisation_check_ok());
    }

    proptest! {
        #[test]
        fn what_is_normal_stays_so(text in "\\PC{0,24}") {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once.clone());
        }

        /// One wrong character, or two neighbours swapped, never passes.
        #[test]
        fn a_slip_of_the_pen_is_found(body in "[159][12]331002[0-9A-HJ-NPQRTUWXY]{9}", at in 0usize..17, to in 0usize..31) {
            let sum: u32 = body.bytes().zip(WEIGHTS).map(|(b, w)| value(b).unwrap() * w).sum();
            let mut code = body.into_bytes();
            code.push(ALPHABET[((31 - sum % 31) % 31) as usize]);
            let good = String::from_utf8(code.clone()).unwrap();
            prop_assert!(CreditCode::new(&good).is_ok());
            let mut typo = code.clone();
            typo[at] = ALPHABET[to];
            prop_assert_eq!(CreditCode::new(std::str::from_utf8(&typo).unwrap()).is_ok(), typo == code);
            let mut swapped = code.clone();
            swapped.swap(at, at + 1);
            prop_assert_eq!(CreditCode::new(std::str::from_utf8(&swapped).unwrap()).is_ok(), swapped == code);
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<CreditCode>();
        }
    }
}
