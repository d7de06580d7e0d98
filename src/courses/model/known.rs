//! A field that may be unknown, known to be none, or known.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is known of an optional field: absent from the input, null, or a value.
///
/// A rule that applies and meets [`Known::Unknown`] refers to an official; [`Known::Nothing`] is an answer, as in a
/// teacher without a certificate. Fields of this type need `#[serde(default)]`, and
/// `skip_serializing_if = "Known::is_unknown"` to be written as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Known<T> {
    /// Absent.
    #[default]
    Unknown,
    /// Null: there is none.
    Nothing,
    Value(T),
}

impl<T> Known<T> {
    /// Whether the field was absent.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Known::Unknown)
    }

    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Known::Value(value) => Some(value),
            Known::Unknown | Known::Nothing => None,
        }
    }
}

impl<T> Known<Vec<T>> {
    /// The items, none for null; `None` when unknown.
    pub fn list(&self) -> Option<&[T]> {
        match self {
            Known::Unknown => None,
            Known::Nothing => Some(&[]),
            Known::Value(items) => Some(items),
        }
    }
}

impl Known<bool> {
    /// The answer, null being no; `None` when unknown.
    pub fn answer(&self) -> Option<bool> {
        match self {
            Known::Unknown => None,
            Known::Nothing => Some(false),
            Known::Value(answer) => Some(*answer),
        }
    }
}

/// A value that a form left empty is unknown.
impl<T> From<Option<T>> for Known<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Known::Unknown, Known::Value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Known::Nothing, Known::Value))
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}
