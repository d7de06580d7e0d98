//! Workbooks from outside: old ones are read here, and what an XLSX workbook claims about itself is checked before it is
//! opened.
//!
//! The library that opens XLSX workbooks reserves room for as many shared strings as the workbook claims to have; a claim
//! of a hundred billion ends the process, which no caller can prevent afterwards.

mod biff;
mod compound;

use std::io::BufRead;

use quick_xml::{Reader, events::Event};

pub use biff::{CELL_BYTES, Fault, Sheet, xls};

/// The least that one shared string takes up: `<si/>`.
const STRING_BYTES_MIN: u64 = 5;

/// Whether a member of a workbook, by its name in the archive, is the table of shared strings.
pub fn is_shared_strings(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with("sharedstrings.xml")
}

/// Whether the table of shared strings in `xml`, of `bytes` in all, claims no more strings than it has room for; broken
/// XML claims too much.
pub fn claims_what_it_holds(xml: impl BufRead, bytes: u64) -> bool {
    let mut xml = Reader::from_reader(xml);
    // As lenient as the library, so that it does not get further than this.
    xml.config_mut().check_end_names = false;
    xml.config_mut().allow_unmatched_ends = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(start) | Event::Empty(start)) if start.local_name().as_ref() == "sst" => {
                return claims(start.attributes_raw()).all(|claim| claim <= bytes / STRING_BYTES_MIN);
            }
            Ok(Event::Eof) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Every count that the attributes may be taken to state, however broken they are.
fn claims(attributes: &str) -> impl Iterator<Item = u64> {
    attributes.split("uniqueCount").skip(1).map(|rest| {
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '=' | '"' | '\'' | '+'));
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u64::MAX) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_beyond_the_bytes_is_told() {
        for (xml, holds) in [
            ("<sst uniqueCount=\"1\"><si><t>a</t></si></sst>", true),
            ("<?xml version=\"1.0\"?><x:sst count='9' uniqueCount='2'><x:si/><x:si/></x:sst>", true),
            ("<sst uniqueCount=\"100000000000\"><si/></sst>", false),
            ("<!-- <sst> --><sst uniqueCount=\"9\"/>", false),
            ("<sst/>", true),
            ("<sst uniqueCount=\"many\"/>", true),
            ("<sst uniqueCount=\"1\" uniqueCount=\"99999999999999999999999\"/>", false),
            ("</a><sst uniqueCount=\"99999\"/>", false),
            ("", true),
        ] {
            assert_eq!(claims_what_it_holds(xml.as_bytes(), xml.len() as u64), holds, "{xml}");
        }
        assert!(is_shared_strings("xl/sharedStrings.xml") && is_shared_strings("XL/SHAREDSTRINGS.XML"));
        assert!(!is_shared_strings("xl/workbook.xml"));
    }
}
