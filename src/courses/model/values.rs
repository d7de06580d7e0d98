//! The words and measures of a filing.

use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::UnicodeNormalization;

use super::Known;
use crate::kernel::training::words;
pub use crate::kernel::training::{Category, Delivery, Stage};

words! {
    /// What a person does at the institution.
    Role {
        Teaching: "教学人员", "teaching";
        Research: "教研人员", "research";
        Other: "其他人员", "other";
    }
}

words! {
    /// Where the institution stands on the public lists.
    ListStatus {
        White: "白名单", "white list";
        Suspended: "暂停展示", "suspended";
        Black: "黑名单", "blacklist";
        None: "不在名单", "on no list";
    }
}

words! {
    /// What a teacher's certificate was issued for.
    CertificateStage {
        Preschool: "幼儿园", "kindergarten";
        Primary: "小学", "primary";
        Junior: "初级中学", "junior secondary";
        Senior: "高级中学", "senior secondary";
        Vocational: "中等职业学校", "secondary vocational";
        Higher: "高等学校", "higher education";
    }
}

words! {
    /// The academic subjects (教监管厅函〔2021〕3号).
    Subject {
        MoralityLaw: "道德与法治", "morality and law";
        Chinese: "语文", "Chinese";
        History: "历史", "history";
        Geography: "地理", "geography";
        Mathematics: "数学", "mathematics";
        English: "英语", "English";
        Japanese: "日语", "Japanese";
        Russian: "俄语", "Russian";
        Physics: "物理", "physics";
        Chemistry: "化学", "chemistry";
        Biology: "生物学", "biology";
    }
}

words! {
    /// What the county makes of academic lessons on a make-up workday.
    MakeupDay {
        Allow: "允许", "allow";
        Refer: "由工作人员决定", "refer";
        Deny: "不允许", "deny";
    }
}

impl Stage {
    /// Compulsory education (义务教育阶段): primary and junior secondary.
    pub fn is_compulsory(self) -> bool {
        matches!(self, Stage::Primary | Stage::Junior)
    }

    /// Whether pupils and children are taught; the rules on their rest do not reach adults.
    pub fn is_of_minors(self) -> bool {
        self != Stage::Adult
    }
}

impl Delivery {
    /// Minutes of a standard unit, by which prices are compared (发改价格〔2021〕1279号).
    pub fn standard_minutes(self) -> u16 {
        match self {
            Delivery::Offline => 45,
            Delivery::Online => 30,
        }
    }
}

impl Subject {
    /// By id or Chinese name.
    pub fn named(text: &str) -> Option<Subject> {
        let text = text.trim().to_lowercase();
        let variants = <Subject as strum::VariantArray>::VARIANTS;
        text.parse().ok().or_else(|| variants.iter().copied().find(|subject| subject.zh() == text))
    }
}

/// A local time of day to the minute, 00:00 to 23:59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(u16);

/// A text that is not a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time of day HH:MM from 00:00 to 23:59, e.g. 18:30")]
pub struct InvalidTime;

impl TimeOfDay {
    /// The time `hour:minute`; hours and minutes beyond the day wrap, so give constants only.
    pub const fn at(hour: u16, minute: u16) -> TimeOfDay {
        TimeOfDay((hour * 60 + minute) % (24 * 60))
    }

    /// A time as people type it: also `9:00`, full-width digits and colon, `9点`, `18时30分`.
    pub fn from_typed(text: &str) -> Option<TimeOfDay> {
        let plain: String = text.nfkc().filter(|letter| !letter.is_whitespace()).collect();
        let plain = plain.replace(['点', '时'], ":").replace('分', "");
        let (hour, minute) = plain.split_once(':')?;
        let two = |part: &str, empty: bool| match part.len() {
            0 if empty => Some("00".to_owned()),
            1 | 2 => Some(format!("{part:0>2}")),
            _ => None,
        };
        format!("{}:{}", two(hour, false)?, two(minute, text.contains(['点', '时']))?).parse().ok()
    }

    /// Minutes since midnight.
    pub fn minutes(self) -> i32 {
        i32::from(self.0)
    }
}

impl FromStr for TimeOfDay {
    type Err = InvalidTime;
    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0')).ok_or(InvalidTime);
        let [h1, h2, b':', m1, m2] = *text.as_bytes() else { return Err(InvalidTime) };
        let (hour, minute) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
        if hour > 23 || minute > 59 { Err(InvalidTime) } else { Ok(TimeOfDay::at(hour, minute)) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An area in cm², so that decimals of square metres compare exactly. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SquareMetres(i64);

/// More would not fit any room, and stays exact on its way through JSON.
const CM2_MAX: i64 = 1_000_000_000_000;
const CM2_PER_M2: i64 = 10_000;

impl SquareMetres {
    /// The area in cm²; `None` when negative or beyond 100 km².
    pub fn from_cm2(cm2: i64) -> Option<SquareMetres> {
        (0..=CM2_MAX).contains(&cm2).then_some(SquareMetres(cm2))
    }

    /// In cm² (1 m² is 10 000).
    pub fn cm2(self) -> i64 {
        self.0
    }
}

/// Reads `120`, `134.99`; at most four decimals, no sign, no exponent (JSON numbers are spelled out first).
impl FromStr for SquareMetres {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "not an area in m²: a number from 0 to 100000000 with at most four decimals, e.g. 134.99";
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 4 || text.ends_with('.') {
            return Err(SHAPE);
        }
        let whole: i64 = whole.parse().map_err(|_| SHAPE)?;
        let decimals: i64 = format!("{decimals:0<4}").parse().map_err(|_| SHAPE)?;
        let cm2 = whole.checked_mul(CM2_PER_M2).and_then(|cm2| cm2.checked_add(decimals));
        cm2.and_then(SquareMetres::from_cm2).ok_or(SHAPE)
    }
}

/// Without needless zeros: `120`, `134.99`.
impl fmt::Display for SquareMetres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:04}", self.0 % CM2_PER_M2);
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / CM2_PER_M2),
            rest => write!(f, "{}.{rest}", self.0 / CM2_PER_M2),
        }
    }
}

impl Serialize for SquareMetres {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_string().parse::<serde_json::Number>().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SquareMetres {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A double shows the shortest decimal that means it: up to 15 digits, the one that was written.
        serde_json::Number::deserialize(deserializer)?
            .to_string()
            .trim_end_matches(".0")
            .parse()
            .map_err(de::Error::custom)
    }
}

fn strict_day(text: &str) -> Option<NaiveDate> {
    let shape = |(at, byte): (usize, u8)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    let shaped = text.len() == 10 && text.bytes().enumerate().all(shape);
    shaped.then(|| text.parse().ok()).flatten()
}

/// Reads a date `YYYY-MM-DD`, all digits present; a day that does not exist is refused.
pub(super) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
    let text = String::deserialize(deserializer)?;
    strict_day(&text)
        .ok_or_else(|| de::Error::custom(format!("{text:?} is not a day; write YYYY-MM-DD, e.g. 2026-03-02")))
}

/// As [`day`], null being none.
pub(super) fn known_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Known<NaiveDate>, D::Error> {
    #[derive(Deserialize)]
    struct Day(#[serde(deserialize_with = "day")] NaiveDate);
    Ok(match Known::deserialize(deserializer)? {
        Known::Unknown => Known::Unknown,
        Known::Nothing => Known::Nothing,
        Known::Value(Day(day)) => Known::Value(day),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_taken_as_people_type_them() {
        for (typed, time) in [
            ("18:30", "18:30"),
            ("9:00", "09:00"),
            ("９：０５", "09:05"),
            (" 20 : 31 ", "20:31"),
            ("9点", "09:00"),
            ("18时30分", "18:30"),
            ("8点5分", "08:05"),
        ] {
            assert_eq!(TimeOfDay::from_typed(typed).map(|t| t.to_string()).as_deref(), Some(time), "{typed}");
        }
        for typed in ["", "9", "18:", ":30", "24:00", "18:60", "1:2:3", "evening", "018:30"] {
            assert_eq!(TimeOfDay::from_typed(typed), None, "{typed}");
        }
    }

    #[test]
    fn times_are_two_digits_each_within_the_day() {
        for (text, expected) in [
            ("00:00", Some(0)),
            ("20:30", Some(1230)),
            ("23:59", Some(1439)),
            ("24:00", None),
            ("20:60", None),
            ("8:30", None),
            ("20:30:00", None),
            ("２0:30", None),
            ("-1:30", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<TimeOfDay>().ok().map(TimeOfDay::minutes), expected, "{text}");
        }
    }

    #[test]
    fn areas_are_exact_to_the_square_centimetre() {
        for (text, expected) in [
            ("134.99", Some(1_349_900)),
            ("135.00", Some(1_350_000)),
            ("135.0001", Some(1_350_001)),
            ("0", Some(0)),
            ("100000000", Some(CM2_MAX)),
            ("100000000.0001", None),
            ("135.00001", None),
            ("-1", None),
            ("1e-5", None),
            ("\"135\"", None),
        ] {
            assert_eq!(serde_json::from_str::<SquareMetres>(text).ok().map(SquareMetres::cm2), expected, "{text}");
        }
    }

    #[test]
    fn days_are_written_out_and_exist() {
        for (text, exists) in [
            ("2024-02-29", true),
            ("2026-02-29", false),
            ("2026-2-3", false),
            ("+2026-02-3", false),
            ("2026/02/03", false),
            ("2026-02-03T00", false),
        ] {
            assert_eq!(strict_day(text).is_some(), exists, "{text}");
        }
    }

    #[test]
    fn a_subject_goes_by_id_or_chinese_name() {
        assert_eq!(Subject::named(" Mathematics "), Some(Subject::Mathematics));
        assert_eq!(Subject::named("数学"), Some(Subject::Mathematics));
        assert_eq!(Subject::named("奥数"), None);
    }

    proptest! {
        #[test]
        fn an_area_reads_back(cm2 in 0..=CM2_MAX) {
            let area = SquareMetres::from_cm2(cm2).unwrap();
            prop_assert_eq!(area.to_string().parse(), Ok(area));
            let json = serde_json::to_string(&area).unwrap();
            prop_assert_eq!(serde_json::from_str::<SquareMetres>(&json).unwrap(), area, "{}", json);
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,12}") {
            let _ = (text.parse::<TimeOfDay>(), TimeOfDay::from_typed(&text), text.parse::<SquareMetres>(), strict_day(&text), Subject::named(&text));
        }
    }
}
