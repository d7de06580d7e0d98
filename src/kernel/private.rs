//! Plain values about persons, wrapped so that none gets out by mistake: `Debug`, `Display` and JSON give the mask.
//!
//! The value itself comes out by [`Private::expose`] alone, which stands where it is sealed, hashed, compared or shown
//! after an audited look.

use std::{fmt, marker::PhantomData};

use serde::{Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;

use super::mask;

/// A kind of value about a person.
pub trait Kind: 'static {
    /// Keeps the keyed hashes of different kinds apart.
    const NAME: &'static str;
    /// What may be shown.
    fn mask(text: &str) -> String;
    /// The values in a text as they are compared: one, or several where people write several.
    fn normal(text: &str) -> Vec<String>;
}

/// One telephone number, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phone;

/// A citizen identity number (公民身份号码).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CitizenNumber;

/// A bank account that is not published by law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountNumber;

/// The name of a natural person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonName;

fn narrow(text: &str) -> String {
    text.nfkc().collect()
}

impl Kind for Phone {
    const NAME: &'static str = "phone";

    fn mask(text: &str) -> String {
        mask::phone(text)
    }

    /// Digits alone, without the country's code; an extension is left out.
    fn normal(text: &str) -> Vec<String> {
        let text = narrow(text);
        let numbers = text.split(['/', '、', ',', ';', '\n', ' ']).map(|one| {
            let one = one.split(['转', '#']).next().unwrap_or_default().trim();
            let one = one.strip_prefix("+86").or_else(|| one.strip_prefix("0086")).unwrap_or(one);
            one.chars().filter(char::is_ascii_digit).collect::<String>()
        });
        let mut numbers: Vec<String> = numbers.filter(|one| one.len() >= 5).collect();
        // `138 1234 5678` is one number, not three pieces of one.
        if numbers.len() != 1 && !text.contains(['/', '、', ',', ';', '\n']) {
            let whole: String = text.chars().filter(char::is_ascii_digit).collect();
            if whole.len() <= 13 && whole.len() >= 5 {
                numbers = vec![whole];
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

impl Kind for CitizenNumber {
    const NAME: &'static str = "citizen_id";

    fn mask(text: &str) -> String {
        mask::citizen_id(text)
    }

    fn normal(text: &str) -> Vec<String> {
        let one: String = narrow(text).to_ascii_uppercase().chars().filter(char::is_ascii_alphanumeric).collect();
        if one.is_empty() { Vec::new() } else { vec![one] }
    }
}

impl Kind for AccountNumber {
    const NAME: &'static str = "account";

    fn mask(text: &str) -> String {
        mask::account(text)
    }

    fn normal(text: &str) -> Vec<String> {
        CitizenNumber::normal(text)
    }
}

impl Kind for PersonName {
    const NAME: &'static str = "name";

    fn mask(text: &str) -> String {
        mask::name(text)
    }

    /// Without blanks, whatever the width and the case of its letters.
    fn normal(text: &str) -> Vec<String> {
        let one: String = narrow(text).to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
        if one.is_empty() { Vec::new() } else { vec![one] }
    }
}

/// One value about a person where it is kept, on its way to somebody who may see it.
#[derive(Clone)]
pub struct Held {
    /// The bureau and the institution whose record it stands in.
    pub tenant: i32,
    pub institution: i64,
    /// What the record is called.
    pub label: String,
    /// The page that the record is seen on.
    pub back: String,
    pub value: String,
    pub masked: String,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked)
    }
}

/// A plain value of one kind; empty when nothing is known.
pub struct Private<K> {
    text: String,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Private<K> {
    /// Wraps a value.
    pub fn new(text: impl Into<String>) -> Private<K> {
        Private { text: text.into(), kind: PhantomData }
    }

    /// The value itself. Only for sealing, hashing, comparing, and showing after an audited look.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What may be shown.
    pub fn masked(&self) -> String {
        K::mask(&self.text)
    }
}

impl<K: Kind> From<String> for Private<K> {
    fn from(text: String) -> Private<K> {
        Private::new(text)
    }
}

impl<K: Kind> Default for Private<K> {
    fn default() -> Private<K> {
        Private::new("")
    }
}

impl<K: Kind> Clone for Private<K> {
    fn clone(&self) -> Private<K> {
        Private::new(self.text.clone())
    }
}

impl<K> PartialEq for Private<K> {
    fn eq(&self, other: &Private<K>) -> bool {
        self.text == other.text
    }
}

impl<K> Eq for Private<K> {}

impl<K: Kind> fmt::Debug for Private<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl<K: Kind> fmt::Display for Private<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl<K: Kind> Serialize for Private<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_value_shows_its_mask_wherever_it_is_written() {
        let phone: Private<Phone> = Private::new("13812345678");
        for written in
            [format!("{phone}"), format!("{phone:?}"), serde_json::to_string(&phone).unwrap().replace('"', "")]
        {
            assert_eq!(written, "138****5678");
        }
        assert_eq!(phone.expose(), "13812345678");
    }

    #[test]
    fn the_same_number_is_the_same_however_it_is_written() {
        for written in [
            "13812345678",
            "138 1234 5678",
            "138-1234-5678",
            "+86 13812345678",
            "+8613812345678",
            "１３８１２３４５６７８",
        ] {
            assert_eq!(Phone::normal(written), ["13812345678"], "{written}");
        }
        assert_eq!(Phone::normal("0576-88881234/13812345678 "), ["057688881234", "13812345678"]);
        assert_eq!(Phone::normal("0576-88881234转801"), ["057688881234"]);
        assert!(Phone::normal("无").is_empty());
        assert_eq!(CitizenNumber::normal(" 33100219900101123x"), ["33100219900101123X"]);
        assert_eq!(AccountNumber::normal("6230 5500-1203"), ["623055001203"]);
        assert!(AccountNumber::normal("").is_empty());
        assert_eq!(PersonName::normal(" 王 小明"), ["王小明"]);
        assert_eq!(PersonName::normal("Anna Ｌｅｅ"), ["annalee"]);
    }
}
