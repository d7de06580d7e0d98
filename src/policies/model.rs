//! What a policy parameter is: its values, how they are written, and which of two is the stricter.
//!
//! Pure. The parameters themselves stand in [`registry`](super::registry), how levels are put together in
//! [`rules`](super::rules).

use std::{cmp::Ordering, collections::BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value as Json, json};

/// One word that a choice or a set may hold: its name, Chinese, English.
pub type Word = (&'static str, &'static str, &'static str);

/// What values a parameter takes, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An amount in fen.
    Fen(i64, i64),
    /// A rate in basis points.
    BasisPoints(i64, i64),
    /// A time of day, as minutes from midnight.
    TimeOfDay(i64, i64),
    Days(i64, i64),
    Workdays(i64, i64),
    Times(i64, i64),
    /// A number of what the last two words say, in Chinese and in English.
    Number(i64, i64, &'static str, &'static str),
    /// One of these, the loosest first.
    Choice(&'static [Word]),
    /// Any of these.
    Set(&'static [Word]),
}

/// Which way is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stricter {
    Lower,
    Higher,
    /// Fewer members.
    Subset,
    /// More members.
    Superset,
    /// Neither: each level decides for itself, and the nearest level's value holds.
    Local,
}

/// What the value in the program is where no level has set one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Law, or a rule of the platform that nobody may loosen.
    Bound,
    /// A proposal of the platform: the first level that sets a value is free.
    Fallback,
}

/// How sure the number is (domain-rules: S statute, L legible in a document, V assumed).
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum Certainty {
    S,
    L,
    V,
}

/// A value of a parameter, as it was read by its [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Fen, basis points, minutes, days: whatever the kind counts.
    Number(i64),
    /// For amounts and rates that may be absent: never reached.
    Never,
    Choice(String),
    Set(BTreeSet<String>),
}

/// Groups of parameters, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Group {
    Courses,
    Prepaid,
    Escrow,
    Procedure,
    Security,
}

impl Group {
    /// As people read it.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Group::Courses => ("课程备案", "Course filings"),
            Group::Prepaid => ("预收费与消课", "Prepaid fees and lessons"),
            Group::Escrow => ("资金监管", "Escrow"),
            Group::Procedure => ("办理程序", "Procedure"),
            Group::Security => ("登录与个人信息", "Sign-in and personal data"),
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    pub id: &'static str,
    pub group: Group,
    pub title_zh: &'static str,
    pub title_en: &'static str,
    pub kind: Kind,
    /// May also be [`Value::Never`].
    pub optional: bool,
    /// As the API writes it.
    pub default: &'static str,
    pub standing: Standing,
    pub stricter: Stricter,
    /// Document and article, or what it rests on otherwise.
    pub legal_basis: &'static str,
    pub certainty: Certainty,
}

/// Why a text or a JSON value is no value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    pub zh: String,
    pub en: String,
}

fn invalid<T>(zh: impl Into<String>, en: impl Into<String>) -> Result<T, InvalidValue> {
    Err(InvalidValue { zh: zh.into(), en: en.into() })
}

impl Kind {
    fn range(self) -> Option<(i64, i64)> {
        match self {
            Kind::Fen(least, most)
            | Kind::BasisPoints(least, most)
            | Kind::TimeOfDay(least, most)
            | Kind::Days(least, most)
            | Kind::Workdays(least, most)
            | Kind::Times(least, most)
            | Kind::Number(least, most, ..) => Some((least, most)),
            Kind::Choice(_) | Kind::Set(_) => None,
        }
    }

    fn vocabulary(self) -> &'static [Word] {
        match self {
            Kind::Choice(words) | Kind::Set(words) => words,
            _ => &[],
        }
    }
}

/// `HH:MM` as minutes from midnight.
fn minutes(text: &str) -> Option<i64> {
    let time = chrono::NaiveTime::parse_from_str(text, "%H:%M").ok().filter(|_| text.len() == 5)?;
    Some(time.signed_duration_since(chrono::NaiveTime::MIN).num_minutes())
}

fn clock(minutes: i64) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

impl Parameter {
    /// The value of the program.
    pub fn default_value(&self) -> Value {
        let json = match self.kind {
            _ if self.default.is_empty() => Json::Null,
            Kind::TimeOfDay(..) | Kind::Choice(_) => json!(self.default),
            Kind::Set(_) => json!(self.default.split(' ').collect::<Vec<_>>()),
            _ => self.default.parse::<i64>().map_or(Json::Null, |number| json!(number)),
        };
        // The registry's test reads every default; an unreadable one never gets so far.
        self.read(&json).unwrap_or(Value::Never)
    }

    /// Reads a value as the API writes it.
    pub fn read(&self, json: &Json) -> Result<Value, InvalidValue> {
        match (self.kind, json) {
            (_, Json::Null) if self.optional => Ok(Value::Never),
            (Kind::TimeOfDay(..), Json::String(text)) => match minutes(text) {
                Some(minutes) => self.within(minutes),
                None => invalid(
                    format!("“{text}”不是时间，请写成 20:30"),
                    format!("\"{text}\" is not a time of day; write 20:30"),
                ),
            },
            (Kind::Choice(words), Json::String(word)) => match words.iter().find(|(name, ..)| name == word) {
                Some(_) => Ok(Value::Choice(word.clone())),
                None => invalid(
                    format!("“{word}”不在可选项里：{}", names(words)),
                    format!("\"{word}\" is none of {}", names(words)),
                ),
            },
            (Kind::Set(words), Json::Array(items)) => {
                let mut set = BTreeSet::new();
                for item in items {
                    match item.as_str().filter(|text| words.iter().any(|(name, ..)| name == text)) {
                        Some(text) => set.insert(text.to_owned()),
                        None => {
                            return invalid(
                                format!("{item} 不在可选项里：{}", names(words)),
                                format!("{item} is none of {}", names(words)),
                            );
                        }
                    };
                }
                Ok(Value::Set(set))
            }
            (Kind::TimeOfDay(..), _) => invalid("须是时间，如 \"20:30\"", "must be a time of day such as \"20:30\""),
            (Kind::Choice(words), _) => {
                invalid(format!("须是以下之一：{}", names(words)), format!("must be one of {}", names(words)))
            }
            (Kind::Set(words), _) => {
                invalid(format!("须是数组，成员取自：{}", names(words)), format!("must be a list of {}", names(words)))
            }
            (_, json) => match json.as_i64() {
                Some(number) => self.within(number),
                None => invalid("须是整数", "must be a whole number"),
            },
        }
    }

    fn within(&self, number: i64) -> Result<Value, InvalidValue> {
        match self.kind.range() {
            Some((least, most)) if (least..=most).contains(&number) => Ok(Value::Number(number)),
            Some((least, most)) => {
                let (least, most) = (Value::Number(least), Value::Number(most));
                invalid(
                    format!("须在 {} 至 {} 之间", self.say_zh(&least), self.say_zh(&most)),
                    format!("must be from {} to {}", self.say_en(&least), self.say_en(&most)),
                )
            }
            None => Ok(Value::Number(number)),
        }
    }

    /// Reads what a person typed into a form; amounts are yuan, rates per cent.
    pub fn read_typed(&self, typed: &[&str]) -> Result<Value, InvalidValue> {
        let text = typed.first().map(|text| text.trim()).unwrap_or_default();
        match self.kind {
            Kind::Set(_) => self.read(&json!(typed)),
            _ if text.is_empty() && self.optional => Ok(Value::Never),
            _ if text.is_empty() => invalid("请填写新值", "give the new value"),
            Kind::Fen(..) => match text.trim_start_matches('¥').replace([',', '，'], "").parse::<crate::kernel::Fen>()
            {
                Ok(fen) => self.within(fen.0),
                Err(_) => invalid(
                    format!("“{text}”不是金额（元），例如 50000.00"),
                    format!("\"{text}\" is not an amount in yuan, e.g. 50000.00"),
                ),
            },
            // Two decimals of a per cent are the basis points; the same reader as money.
            Kind::BasisPoints(..) => match text.trim_end_matches(['%', '％']).trim().parse::<crate::kernel::Fen>() {
                Ok(bp) => self.within(bp.0),
                Err(_) => invalid(
                    format!("“{text}”不是百分比，例如 20 或 12.5"),
                    format!("\"{text}\" is not a percentage, e.g. 20 or 12.5"),
                ),
            },
            Kind::TimeOfDay(..) | Kind::Choice(_) => self.read(&json!(text.replace('：', ":"))),
            _ => match text.parse::<i64>() {
                Ok(number) => self.within(number),
                Err(_) => invalid(format!("“{text}”不是整数"), format!("\"{text}\" is not a whole number")),
            },
        }
    }

    /// The value as the API writes it.
    pub fn write(&self, value: &Value) -> Json {
        match (self.kind, value) {
            (_, Value::Never) => Json::Null,
            (Kind::TimeOfDay(..), Value::Number(minutes)) => json!(clock(*minutes)),
            (_, Value::Number(number)) => json!(number),
            (_, Value::Choice(word)) => json!(word),
            (_, Value::Set(words)) => json!(words),
        }
    }

    /// The value as it stands in the field of a form.
    pub fn typed(&self, value: &Value) -> String {
        match (self.kind, value) {
            (Kind::Fen(..) | Kind::BasisPoints(..), Value::Number(number)) => {
                format!("{}.{:02}", number / 100, number % 100).trim_end_matches(".00").to_owned()
            }
            (Kind::TimeOfDay(..), Value::Number(minutes)) => clock(*minutes),
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Choice(word)) => word.clone(),
            (_, Value::Set(words)) => words.iter().cloned().collect::<Vec<_>>().join(" "),
            (_, Value::Never) => String::new(),
        }
    }

    /// The value in Chinese.
    pub fn say_zh(&self, value: &Value) -> String {
        self.say(
            value,
            |word| word.1,
            "、",
            "无",
            "不按此项触发",
            |kind, number| match kind {
                Kind::Days(..) => format!("{number} 天"),
                Kind::Workdays(..) => format!("{number} 个工作日"),
                Kind::Times(..) => format!("{number} 次"),
                Kind::Number(_, _, what, _) => format!("{number} {what}"),
                _ => number.to_string(),
            },
        )
    }

    /// The value in English.
    pub fn say_en(&self, value: &Value) -> String {
        self.say(
            value,
            |word| word.2,
            ", ",
            "none",
            "not by this",
            |kind, number| match kind {
                Kind::Days(..) => format!("{number} days"),
                Kind::Workdays(..) => format!("{number} workdays"),
                Kind::Times(..) => format!("{number} times"),
                Kind::Number(_, _, _, what) => format!("{number} {what}"),
                _ => number.to_string(),
            },
        )
    }

    fn say(
        &self,
        value: &Value,
        word: impl Fn(&Word) -> &'static str,
        between: &str,
        nothing: &str,
        never: &str,
        counted: impl Fn(Kind, i64) -> String,
    ) -> String {
        let named = |name: &String| {
            let known = self.kind.vocabulary().iter().find(|(id, ..)| id == name);
            known.map_or_else(|| name.clone(), |known| word(known).to_owned())
        };
        match (self.kind, value) {
            (_, Value::Never) => never.to_owned(),
            (Kind::Fen(..), Value::Number(fen)) => crate::kernel::Fen(*fen).yuan(),
            (Kind::BasisPoints(..), Value::Number(_)) => format!("{}%", self.typed(value)),
            (Kind::TimeOfDay(..), Value::Number(minutes)) => clock(*minutes),
            (kind, Value::Number(number)) => counted(kind, *number),
            (_, Value::Choice(name)) => named(name),
            (_, Value::Set(names)) if names.is_empty() => nothing.to_owned(),
            (_, Value::Set(names)) => names.iter().map(named).collect::<Vec<_>>().join(between),
        }
    }

    /// How strict `one` is beside `other`: `Greater` is stricter, `None` where neither is (two sets that only overlap).
    pub fn compare(&self, one: &Value, other: &Value) -> Option<Ordering> {
        if one == other {
            return Some(Ordering::Equal);
        }
        let by_size = |ordering: Ordering| match self.stricter {
            Stricter::Lower => Some(ordering.reverse()),
            Stricter::Higher => Some(ordering),
            _ => None,
        };
        match (one, other) {
            // A limit that is never reached is the loosest, whichever way is stricter.
            (Value::Never, _) => Some(Ordering::Less),
            (_, Value::Never) => Some(Ordering::Greater),
            (Value::Number(one), Value::Number(other)) => by_size(one.cmp(other)),
            (Value::Choice(one), Value::Choice(other)) => by_size(self.place(one).cmp(&self.place(other))),
            (Value::Set(one), Value::Set(other)) => match self.stricter {
                Stricter::Superset if one.is_superset(other) => Some(Ordering::Greater),
                Stricter::Superset if one.is_subset(other) => Some(Ordering::Less),
                Stricter::Subset if one.is_subset(other) => Some(Ordering::Greater),
                Stricter::Subset if one.is_superset(other) => Some(Ordering::Less),
                _ => None,
            },
            _ => None,
        }
    }

    fn place(&self, word: &str) -> Option<usize> {
        self.kind.vocabulary().iter().position(|(name, ..)| *name == word)
    }

    /// The loosest value that is as strict as both.
    pub fn stricter_of(&self, one: &Value, other: &Value) -> Value {
        match (self.compare(one, other), one, other) {
            (Some(Ordering::Greater | Ordering::Equal), ..) => one.clone(),
            (Some(Ordering::Less), ..) => other.clone(),
            (None, Value::Set(one), Value::Set(other)) if self.stricter == Stricter::Superset => {
                Value::Set(one.union(other).cloned().collect())
            }
            (None, Value::Set(one), Value::Set(other)) if self.stricter == Stricter::Subset => {
                Value::Set(one.intersection(other).cloned().collect())
            }
            // Where no way is stricter, the nearer level decides.
            (None, ..) => other.clone(),
        }
    }

    /// The words of a choice or a set.
    pub fn words(&self) -> &'static [Word] {
        self.kind.vocabulary()
    }
}

fn names(words: &[Word]) -> String {
    words.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(" ")
}

/// One row: a value that a level has set, for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The bureau whose value it is.
    pub tenant: i32,
    /// Counts all values ever set, in order.
    pub id: i64,
    pub parameter: &'static str,
    /// The first day on which it holds.
    pub effective_from: NaiveDate,
    pub value: Value,
    /// Counts the values that this bureau has set for the parameter.
    pub version: i32,
    pub reason: String,
    pub proposed_by: String,
    pub approved_by: String,
    pub adopted_at: DateTime<Utc>,
}
