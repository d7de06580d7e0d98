//! Citizen identity numbers (公民身份号码), GB 11643-1999.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECKS: &[u8; 11] = b"10X98765432";

/// A well-formed number. It is personal data: `Debug` and `Display` show it masked.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CitizenId([u8; 18]);

/// Why a text is not an identity number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CitizenIdError {
    #[error("an identity number has 18 characters: 17 digits and a digit or X")]
    Shape,
    #[error("the check character does not fit the others")]
    CheckCharacter,
    #[error("the date of birth in it does not exist")]
    BirthDate,
}

impl CitizenId {
    /// The date of birth it states. Whether that lies in the future is for the caller, who knows today.
    pub fn born_on(&self) -> NaiveDate {
        birth(&self.0).unwrap_or_default()
    }

    /// The number in full. Only for encryption, keyed hashing and an audited look.
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// First six and last four characters, e.g. `331002********002X`: the day of birth is hidden.
    pub fn masked(&self) -> String {
        super::mask::citizen_id(self.expose())
    }

    /// The first day on which the person has reached `years`; one born on 29 February does so on 1 March.
    ///
    /// The civil-law reading (an age is reached on the day of the calendar that follows) is taken for 29 February.
    pub fn turns(&self, years: i32) -> NaiveDate {
        use chrono::Datelike;
        let born = self.born_on();
        let year = born.year() + years;
        NaiveDate::from_ymd_opt(year, born.month(), born.day())
            .or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
            .unwrap_or(NaiveDate::MAX)
    }
}

fn birth(bytes: &[u8; 18]) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(std::str::from_utf8(&bytes[6..14]).ok()?, "%Y%m%d").ok()
}

/// A lower-case x is raised; anything else must be as printed on the card.
impl FromStr for CitizenId {
    type Err = CitizenIdError;
    fn from_str(text: &str) -> Result<Self, CitizenIdError> {
        let bytes: [u8; 18] =
            text.trim().to_ascii_uppercase().as_bytes().try_into().map_err(|_| CitizenIdError::Shape)?;
        if !bytes[..17].iter().all(u8::is_ascii_digit) || !(bytes[17].is_ascii_digit() || bytes[17] == b'X') {
            return Err(CitizenIdError::Shape);
        }
        let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
        if CHECKS[(sum % 11) as usize] != bytes[17] {
            return Err(CitizenIdError::CheckCharacter);
        }
        birth(&bytes).map(|_| CitizenId(bytes)).ok_or(CitizenIdError::BirthDate)
    }
}

impl fmt::Debug for CitizenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for CitizenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_worked_examples_x14_to_x17() {
        use CitizenIdError::*;
        for (case, text, expected) in [
            ("X14", "11010519491231002X", Ok(())),
            ("X14b", "110105194912310021", Err(CheckCharacter)),
            ("X15", "33100220150229002X", Err(BirthDate)),
            ("X16", "331002201602290027", Ok(())),
            ("X17", "331002201409310014", Err(BirthDate)),
            ("short", "33100220160229002", Err(Shape)),
        ] {
            assert_eq!(text.parse::<CitizenId>().map(|_| ()), expected, "{case}");
        }
        let leap: CitizenId = "331002201602290027".parse().unwrap();
        assert_eq!(leap.turns(14), NaiveDate::from_ymd_opt(2030, 3, 1).unwrap());
        assert_eq!(format!("{leap:?}"), "331002********0027");
    }

    proptest! {
        #[test]
        fn a_wrong_digit_is_found(body in "331002(19|20)[0-9]{2}0[1-9]1[0-9][0-9]{3}", at in 0usize..17, to in b'0'..=b'9') {
            let sum: u32 = body.bytes().zip(WEIGHTS).map(|(b, w)| u32::from(b - b'0') * w).sum();
            let mut bytes = body.into_bytes();
            bytes.push(CHECKS[(sum % 11) as usize]);
            let good: CitizenId = std::str::from_utf8(&bytes).unwrap().parse().unwrap();
            prop_assert!(!good.masked().contains(&good.expose()[6..14]));
            let mut wrong = bytes.clone();
            wrong[at] = to;
            prop_assert_eq!(std::str::from_utf8(&wrong).unwrap().parse::<CitizenId>().is_ok(), wrong == bytes);
        }
    }
}
