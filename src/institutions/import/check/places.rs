//! Counties and townships as people write them.

use std::{collections::HashMap, sync::LazyLock};

use super::super::rule::Rule;
use crate::kernel::{RegionCode, region::Level};

/// Every county by its name, alone, with its city, and with its province and city.
static NAMED: LazyLock<HashMap<String, Vec<RegionCode>>> = LazyLock::new(|| {
    let mut named: HashMap<String, Vec<RegionCode>> = HashMap::new();
    for county in RegionCode::all().into_iter().filter(|region| keeps_a_register(*region)) {
        let Some(name) = county.name() else { continue };
        let full = county.full_name();
        let province = RegionCode::from_number(county.number() / 10_000 * 10_000).ok().and_then(RegionCode::name);
        let in_city = province.and_then(|province| full.strip_prefix(province)).unwrap_or(&full).to_owned();
        let mut writings = vec![name.to_owned(), in_city, full];
        writings.sort_unstable();
        writings.dedup();
        for writing in writings {
            named.entry(writing).or_default().push(county);
        }
    }
    named
});

/// A county, or a city that has none.
fn keeps_a_register(region: RegionCode) -> bool {
    region.name().is_some()
        && match region.level() {
            Level::County => true,
            Level::City => region.counties().is_empty(),
            _ => false,
        }
}

/// The counties of an import, and the townships that were asked for.
pub(super) struct Places {
    region: RegionCode,
    only: Option<RegionCode>,
    townships: HashMap<RegionCode, HashMap<&'static str, RegionCode>>,
}

impl Places {
    pub(super) fn new(region: RegionCode) -> Places {
        let region = region.county();
        Places { region, only: keeps_a_register(region).then_some(region), townships: HashMap::new() }
    }

    /// The region of the import as people read it.
    pub(super) fn told(&self) -> String {
        format!("{}{}", self.region, self.region.name().unwrap_or_default())
    }

    /// The county, when the import has only one.
    pub(super) fn only(&self) -> Option<RegionCode> {
        self.only
    }

    pub(super) fn by_name(&self, name: &str) -> Result<RegionCode, Rule> {
        if name.bytes().all(|b| b.is_ascii_digit()) {
            return self.by_code(name);
        }
        let close: String = name.chars().filter(|c| !c.is_whitespace()).collect();
        let named = NAMED.get(&close).ok_or(Rule::UnknownCounty)?;
        let mut inside = named.iter().filter(|county| self.region.contains(**county));
        match (inside.next(), inside.next()) {
            (Some(county), None) => Ok(*county),
            (Some(_), Some(_)) => Err(Rule::AmbiguousCounty),
            (None, _) => Err(Rule::OutsideRegion),
        }
    }

    /// Six digits, or a longer statistical code that begins with them.
    pub(super) fn by_code(&self, code: &str) -> Result<RegionCode, Rule> {
        let digits = code.bytes().all(|b| b.is_ascii_digit()) && matches!(code.len(), 6 | 9 | 12);
        let county: RegionCode =
            code.get(..6).filter(|_| digits).and_then(|six| six.parse().ok()).ok_or(Rule::UnknownCounty)?;
        if !keeps_a_register(county) {
            Err(Rule::UnknownCounty)
        } else if self.region.contains(county) {
            Ok(county)
        } else {
            Err(Rule::OutsideRegion)
        }
    }

    /// The county of a township's code, when it lies in the import's region.
    pub(super) fn by_township(&self, code: &str) -> Option<RegionCode> {
        let code = code.trim();
        if matches!(code.len(), 9 | 12) { self.by_code(code).ok() } else { None }
    }

    /// The one county of the region whose name stands in an address.
    pub(super) fn in_address(&self, address: &str) -> Option<RegionCode> {
        let mut named = self.region.counties().into_iter();
        let stands = |county: &RegionCode| county.name().is_some_and(|name| address.contains(name));
        let found = named.find(stands)?;
        if named.any(|county| stands(&county)) { None } else { Some(found) }
    }

    /// A township of `county` by its code or its name.
    pub(super) fn township(&mut self, county: RegionCode, written: &str) -> Option<RegionCode> {
        if written.bytes().all(|b| b.is_ascii_digit()) {
            let code = if written.len() == 12 { &written[..9] } else { written };
            let township: RegionCode = code.parse().ok()?;
            return (township.level() == Level::Township && township.county() == county).then_some(township);
        }
        let known = self.townships.entry(county).or_insert_with(|| {
            let numbers = (1..1_000).filter_map(|n| RegionCode::from_number(county.number() * 1_000 + n).ok());
            numbers.filter_map(|township| Some((township.name()?, township))).collect()
        });
        known.get(written).copied()
    }
}
