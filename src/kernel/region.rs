//! Administrative divisions (GB/T 2260; townships GB/T 10114).

use std::{collections::HashMap, fmt, str::FromStr, sync::LazyLock};

use serde::{Deserialize, Serialize};

/// A division code: 6 digits down to the county, 9 for a township.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionCode(u32);

/// Why a text is not a division code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a region code has 6 digits, or 9 for a township, and does not begin with 0")]
pub struct RegionCodeError;

/// Where a division stands in the tree.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Level {
    Country,
    Province,
    City,
    County,
    Township,
}

static NAMES: LazyLock<HashMap<u32, &'static str>> = LazyLock::new(|| {
    [include_str!("../../reference/divisions.csv"), include_str!("../../reference/divisions-townships.csv")]
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| {
            let mut cells = line.split(',');
            Some((cells.next()?.parse().ok()?, cells.next()?))
        })
        .collect()
});

impl RegionCode {
    /// The code as a number, e.g. 331002; it is the `tenant_id` of a bureau.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The whole code, down to the township, as the database's `int`.
    pub fn as_i32(self) -> Option<i32> {
        i32::try_from(self.0).ok()
    }

    /// As `tenant_id` of the database, which counts in `int`.
    pub fn tenant_id(self) -> i32 {
        i32::try_from(self.county().0).unwrap_or(0)
    }

    /// The division of a number of 6 or 9 digits.
    pub fn from_number(number: u32) -> Result<RegionCode, RegionCodeError> {
        match number {
            100_000..=999_999 | 100_000_000..=999_999_999 => Ok(RegionCode(number)),
            _ => Err(RegionCodeError),
        }
    }

    /// The division of a number of the database; `None` for the ministry, whose bureau has the code 0, and for no division.
    pub fn from_i32(number: i32) -> Option<RegionCode> {
        RegionCode::from_number(u32::try_from(number).ok()?).ok()
    }

    /// By its digits: `xx0000` a province, `xxxx00` a city, nine digits a township.
    pub fn level(self) -> Level {
        match self.0 {
            n if n > 999_999 => Level::Township,
            n if n % 10_000 == 0 => Level::Province,
            n if n % 100 == 0 => Level::City,
            _ => Level::County,
        }
    }

    /// A township's county (or city without counties); anything else is itself.
    pub fn county(self) -> RegionCode {
        if self.0 > 999_999 { RegionCode(self.0 / 1_000) } else { self }
    }

    /// The closed range of 6-digit codes at and below this division: a county is its own range.
    pub fn range(self) -> (i32, i32) {
        let lo = self.tenant_id();
        match self.county().level() {
            Level::Province => (lo, lo + 9_999),
            Level::City => (lo, lo + 99),
            _ => (lo, lo),
        }
    }

    /// Whether `other` lies at or below this division.
    pub fn contains(self, other: RegionCode) -> bool {
        let (lo, hi) = self.range();
        if self.level() == Level::Township { self == other } else { (lo..=hi).contains(&other.tenant_id()) }
    }

    /// The name in the reference table; `None` for a code that is retired or unknown.
    pub fn name(self) -> Option<&'static str> {
        NAMES.get(&self.0).copied()
    }

    /// Province, city and county names in one, e.g. 浙江省台州市椒江区, as far as they are known.
    pub fn full_name(self) -> String {
        let county = self.county().0;
        let mut parts: Vec<u32> = vec![county / 10_000 * 10_000, county / 100 * 100, county];
        if self.0 > 999_999 {
            parts.push(self.0);
        }
        parts.dedup();
        parts
            .iter()
            .filter(|code| !RegionCode(**code).is_grouping())
            .filter_map(|code| NAMES.get(code))
            .copied()
            .collect()
    }

    /// Whether this is no division with a government of its own but a heading of the table, as 市辖区 and 省直辖县级行政区划.
    pub fn is_grouping(self) -> bool {
        self.level() == Level::City
            && self.name().is_some_and(|name| matches!(name, "市辖区" | "县") || name.contains("直辖县级"))
    }

    /// The divisions right below, in order of code: a province's cities and the counties that it administers itself, a
    /// city's counties. Townships have no bureau and are none of them.
    pub fn children(self) -> Vec<RegionCode> {
        let parent = |code: RegionCode| match code.level() {
            Level::County => {
                let city = RegionCode(code.0 / 100 * 100);
                if city.name().is_none() || city.is_grouping() { RegionCode(code.0 / 10_000 * 10_000) } else { city }
            }
            Level::City => RegionCode(code.0 / 10_000 * 10_000),
            _ => code,
        };
        let mut children = RegionCode::all();
        children.retain(|code| code.0 <= 999_999 && !code.is_grouping() && *code != self && parent(*code) == self);
        children
    }

    /// The provinces, in order of code.
    pub fn provinces() -> Vec<RegionCode> {
        RegionCode::all().into_iter().filter(|code| code.level() == Level::Province).collect()
    }

    /// The counties (6 digits, below city level) of this division, in order of code.
    pub fn counties(self) -> Vec<RegionCode> {
        let mut counties: Vec<RegionCode> = NAMES
            .keys()
            .map(|&code| RegionCode(code))
            .filter(|code| code.level() == Level::County && self.contains(*code))
            .collect();
        counties.sort_unstable();
        counties
    }

    /// The townships and streets of a county, in order of code; empty where they are not in the table.
    pub fn townships(self) -> Vec<RegionCode> {
        let mut townships: Vec<RegionCode> = NAMES
            .keys()
            .map(|&code| RegionCode(code))
            .filter(|code| code.level() == Level::Township && code.county() == self)
            .collect();
        townships.sort_unstable();
        townships
    }

    /// Every known division of the 6-digit table, in order of code.
    pub fn all() -> Vec<RegionCode> {
        let mut all: Vec<RegionCode> = NAMES.keys().map(|&code| RegionCode(code)).collect();
        all.sort_unstable();
        all
    }
}

impl FromStr for RegionCode {
    type Err = RegionCodeError;
    fn from_str(text: &str) -> Result<Self, RegionCodeError> {
        if !matches!(text.len(), 6 | 9) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RegionCodeError);
        }
        RegionCode::from_number(text.parse().map_err(|_| RegionCodeError)?)
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for RegionCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RegionCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(text: &str) -> RegionCode {
        text.parse().unwrap()
    }

    #[test]
    fn the_tree_of_taizhou() {
        assert_eq!(code("331002").name(), Some("椒江区"));
        assert_eq!(code("331002").full_name(), "浙江省台州市椒江区");
        assert_eq!(code("331000").range(), (331_000, 331_099));
        assert_eq!(code("330000").range(), (330_000, 339_999));
        assert_eq!(code("331002").range(), (331_002, 331_002));
        assert_eq!(code("331000").counties().len(), 9);
        assert_eq!(code("331081105").county(), code("331081"));
        assert!(code("331000").contains(code("331081105")) && !code("331002").contains(code("331003")));
        let names = |of: &str| code(of).children().into_iter().filter_map(RegionCode::name).collect::<Vec<_>>();
        assert_eq!(code("330000").children().len(), 11);
        assert_eq!(names("331000")[..2], ["椒江区", "黄岩区"]);
        assert_eq!(names("110000")[0], "东城区", "a municipality's districts have no city above them");
        assert!(names("420000").contains(&"仙桃市") && !names("420000").contains(&"省直辖县级行政区划"));
        assert_eq!(code("429004").full_name(), "湖北省仙桃市");
        assert_eq!(code("500229").full_name(), "重庆市城口县");
        assert!(code("331002").children().is_empty());
        assert_eq!(RegionCode::provinces().len(), 34);
        assert_eq!(code("330104").name(), None, "a retired code is unknown, not refused");
    }

    proptest! {
        #[test]
        fn a_code_reads_back(number in prop_oneof![100_000u32..=999_999, 100_000_000u32..=999_999_999]) {
            let region = RegionCode::from_number(number).unwrap();
            prop_assert_eq!(region.to_string().parse(), Ok(region));
            prop_assert!(region.contains(region));
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<RegionCode>();
        }
    }
}
