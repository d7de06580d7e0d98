//! The entries of one large statement, read in parts at the same time.
//!
//! A statement of a year's million entries is half a gigabyte of `Ntry` elements side by side. What stands between the
//! end of one and the end of a later one can be read by itself, if it is whole elements: each part is walked like a file
//! and must end where it began, inside the statement. Whatever does not go that way (a cut that fell into a comment, a
//! quotation or an element that nests entries; several statements; any error) gives `None`, and the caller reads the
//! file from its beginning: what a file says, and what is said about a faulty one, never depends on the parts.

use std::{num::NonZero, ops::Range, thread};

use memchr::memmem;
use quick_xml::{Reader, events::Event};

use super::{
    Message,
    walk::{Walk, count_lines},
};
use crate::escrow::statement::{model::Limits, settle::Draft};

/// Smaller parts are not worth a thread.
const LEAST_BYTES: usize = 4 << 20;
/// More threads than this would take the machine from everybody else.
const PARTS_MAX: usize = 8;

pub(super) const BEGIN: &[u8] = b"<Ntry>";
pub(super) const END: &[u8] = b"</Ntry>";

/// In how many parts a file of so many bytes is read.
pub(super) fn worth(bytes: usize) -> usize {
    (bytes / LEAST_BYTES).min(PARTS_MAX).min(thread::available_parallelism().map_or(1, NonZero::get))
}

/// Reads `text` in so many parts; `None` where it has to be read in one.
pub(super) fn read(text: &str, limits: &Limits, parts: usize) -> Option<Message> {
    if parts < 2 {
        return None;
    }
    let (head, ranges, tail) = cut(text, parts)?;
    // The elements that the head opens are closed by the tail, which is read with them before it.
    let names = open_elements(&text[..head])?;
    let mut walk = Walk::new(&text[..head], limits);
    walk.run().ok()?;
    let header = walk.header()?;
    let first_lines = first_lines(text, &ranges);
    let drafts: Vec<Option<Draft>> = thread::scope(|scope| {
        let walk = &walk;
        let parts = ranges.iter().zip(first_lines);
        let running: Vec<_> = parts
            .map(|(range, line)| {
                let (part, draft) = (&text[range.clone()], header.clone());
                // The first part takes in the others at last.
                let bytes = if range.start == head { tail - head } else { part.len() };
                scope.spawn(move || walk.part(part, line, with_room(draft, part, bytes, limits)).ok().flatten())
            })
            .collect();
        running.into_iter().map(|part| part.join().ok().flatten()).collect()
    });
    for draft in drafts {
        walk.add_part(draft?)?;
    }
    walk.go_on(&text[tail..], &names).ok()
}

/// A draft with room for the entries of so many bytes, if they are like those of `part`: a vector that grows to a quarter
/// of a gigabyte is copied, and its memory taken, several times.
fn with_room(mut draft: Draft, part: &str, bytes: usize, limits: &Limits) -> Draft {
    let own = memmem::find_iter(part.as_bytes(), BEGIN).count();
    let room = (own.saturating_mul(bytes) / part.len().max(1)).min(limits.max_entries);
    draft.statement.entries.reserve_exact(room + room / 64);
    draft.lines.reserve_exact(room + room / 64);
    draft
}

/// Where the head ends, the parts between, and where the tail begins.
fn cut(text: &str, parts: usize) -> Option<(usize, Vec<Range<usize>>, usize)> {
    let bytes = text.as_bytes();
    let head = memmem::find(bytes, BEGIN)?;
    let tail = memmem::rfind(bytes, END)? + END.len();
    let end = memmem::Finder::new(END);
    let mut ranges = Vec::with_capacity(parts);
    let mut from = head;
    for part in 1..=parts {
        let wanted = head + (tail.checked_sub(head)?) / parts * part;
        let to = if part == parts { tail } else { wanted + end.find(&bytes[wanted..tail])? + END.len() };
        if from < to {
            ranges.push(from..to);
            from = to;
        }
    }
    Some((head, ranges, tail))
}

/// The names of the elements that `head` leaves open, outermost first.
pub(super) fn open_elements(head: &str) -> Option<Vec<&str>> {
    let mut xml = Reader::from_str(head);
    let mut names = Vec::new();
    loop {
        let before = usize::try_from(xml.buffer_position()).ok()?;
        match xml.read_event().ok()? {
            // `<` stands where the event before it ended.
            Event::Start(start) => names.push(head.get(before + 1..before + 1 + start.name().as_ref().len())?),
            Event::End(_) => {
                names.pop()?;
            }
            Event::Eof => return Some(names),
            _ => {}
        }
    }
}

/// The line on which each part begins.
fn first_lines(text: &str, ranges: &[Range<usize>]) -> Vec<u64> {
    let mut from = 0;
    let mut line = 1;
    ranges
        .iter()
        .map(|range| {
            line += count_lines(&text.as_bytes()[from..range.start]);
            from = range.start;
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::escrow::statement::camt::read_in_parts;

    const NAMES: [&str; 4] = ["Document", "BkToCstmrStmt", "Stmt", "Acct"];

    fn file(currency: &str, entries: &str) -> String {
        let [document, message, statement, account] = NAMES;
        format!(
            "<?xml version=\"1.0\"?>\n<{document} xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\">\n<{message}>\
             <{statement}><Id>S1</Id><{account}><Id><Othr><Id>331</Id></Othr></Id>{currency}</{account}>\
             <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\n\
             {entries}\n<TxsSummry/></{statement}></{message}>\n</{document}>\n"
        )
    }

    fn one(reference: &str, inside: &str) -> String {
        format!(
            "<Ntry><NtryRef>{reference}</NtryRef><Amt Ccy=\"CNY\">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts>\n\
             <BookgDt><Dt>2026-03-01</Dt></BookgDt>{inside}</Ntry>\n"
        )
    }

    const CCY: &str = "<Ccy>CNY</Ccy>";

    /// Entries as banks write them, and everything that a cut may fall into.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            8 => "[a-c]{1,3}".prop_map(|reference| one(&reference, "")),
            2 => Just(one("d", "<ValDt><Dt>2026-02-31</Dt></ValDt>")),
            1 => Just(one("p", "").replace("BOOK", "PDNG")),
            1 => Just(one("s", "").replace("BOOK", "HELD")),
            1 => Just(one("c", "<!-- </Ntry><Ntry> -->")),
            1 => Just(one("q", "<AddtlNtryInf><![CDATA[</Ntry> <Ntry>]]></AddtlNtryInf>")),
            1 => Just(one("n", "<Splmtry><Ntry>x</Ntry></Splmtry>")),
            1 => Just("<!-- <Ntry>\n</Ntry> -->".to_owned()),
            1 => Just(one("a", "").replace("<Ntry>", "<Ntry at=\"</Ntry>\">")),
            1 => Just(one("f", "").replace("2026-03-01", "2026-13-01")),
            1 => Just("</Stmt><Stmt><Id>S2</Id>".to_owned()),
            1 => Just("<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt>1</Amt></Bal>".to_owned()),
            1 => Just("</Ntry>".to_owned()),
            1 => Just("<Ntry>".to_owned()),
        ]
    }

    proptest! {
        /// In parts or in one: the same message, or the same complaint.
        #[test]
        fn the_parts_do_not_show(
            pieces in prop::collection::vec(piece(), 1..24),
            parts in 2..6_usize,
            currency in prop_oneof![3 => Just(CCY), 1 => Just("")],
            max_entries in prop_oneof![3 => Just(1000), 1 => Just(6)],
        ) {
            let text = file(currency, &pieces.concat());
            let limits = Limits { max_entries, ..Limits::default() };
            prop_assert_eq!(read_in_parts(&text, &limits, parts), read_in_parts(&text, &limits, 1));
        }
    }

    /// The property above would hold as well if nothing were ever read in parts.
    #[test]
    fn a_plain_statement_is_read_in_parts() {
        let entries: String = (0..20).map(|number| one(&format!("r{number}"), "")).collect();
        let message = read(&file(CCY, &entries), &Limits::default(), 4).unwrap();
        assert_eq!(message.drafts[0].statement.entries.len(), 20);
        assert_eq!(message.drafts[0].lines[19].number, 42);
        assert_eq!(worth(LEAST_BYTES), 1);
    }

    #[test]
    fn several_statements_and_other_notes_are_read_in_one() {
        let entry = one("r", "");
        let closing = "<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt>1.00</Amt></Bal>";
        for between in ["</Stmt><Stmt>", closing, "<Acct><Ccy>USD</Ccy></Acct>", "<!--"] {
            assert_eq!(read(&file(CCY, &format!("{entry}{between}{entry}")), &Limits::default(), 2), None, "{between}");
        }
    }
}
