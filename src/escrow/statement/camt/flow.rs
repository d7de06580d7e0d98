//! One large statement, read piece by piece, so that no more of it is held than a few pieces.
//!
//! What [`parts`](super::parts) does with a file in memory is done with one that comes by: its head is walked, then what stands
//! between the ends of entries, two pieces at the same time, and at last the tail.

use std::{io::Read, thread};

use memchr::memmem;

use super::{
    parts::{BEGIN, END, open_elements},
    walk::{Walk, count_lines},
};
use crate::escrow::{
    distinct::Distinct,
    statement::{
        Flowing, NotPlain,
        flowing::Pieces,
        model::{Document, Entry, Format, Limits, Statement},
        settle::{self, Draft, Origin},
        text,
    },
};

/// A head without an entry is not longer than this.
const HEAD_MAX: usize = 1 << 20;
/// Pieces that are read at the same time.
const AT_ONCE: usize = 2;

/// The next piece, which ends behind an entry; `None` when only the tail is left.
fn next<R: Read>(pieces: &mut Pieces<R>, limits: &Limits) -> Result<Option<Vec<u8>>, NotPlain> {
    match memmem::rfind(pieces.fill(usize::MAX, limits)?, END) {
        Some(at) => Ok(Some(pieces.cut(at + END.len()))),
        None if pieces.has_ended() => Ok(None),
        // An entry that is larger than a piece is no plain one.
        None => Err(NotPlain),
    }
}

/// Reads the head of what comes in pieces of `size` bytes: all before the first entry.
pub fn open<R: Read>(source: R, size: usize, limits: &Limits) -> Result<(String, Pieces<R>), NotPlain> {
    let mut pieces = Pieces::new(source, size);
    let begin = memmem::find(pieces.fill(HEAD_MAX, limits)?, BEGIN).ok_or(NotPlain)?;
    let head = pieces.cut(begin);
    if !text::is_plain_utf8(&head) {
        return Err(NotPlain);
    }
    Ok((String::from_utf8(head).map_err(|_| NotPlain)?, pieces))
}

/// A statement on its way.
pub struct Flow<'h, R> {
    walk: Walk<'h>,
    header: Draft,
    names: Vec<&'h str>,
    pieces: Pieces<R>,
    limits: &'h Limits,
    line: u64,
    /// Entries so far, and what they come to.
    count: u32,
    effect_fen: i128,
    /// That no reference comes twice is known at last.
    references: Distinct,
}

impl<'h, R: Read> Flow<'h, R> {
    /// A flow that stands behind `head`.
    pub fn new(head: &'h str, pieces: Pieces<R>, limits: &'h Limits) -> Result<Flow<'h, R>, NotPlain> {
        let names = open_elements(head).ok_or(NotPlain)?;
        let mut walk = Walk::new(head, limits);
        walk.run().map_err(|_| NotPlain)?;
        let header = walk.header().ok_or(NotPlain)?;
        let line = 1 + count_lines(head.as_bytes());
        Ok(Flow { walk, header, names, pieces, limits, line, count: 0, effect_fen: 0, references: Distinct::default() })
    }
}

impl<R: Read> Flowing for Flow<'_, R> {
    type Source = R;

    fn begins(&self) -> &Statement {
        self.walk.so_far()
    }

    fn read_on(&mut self) -> Result<Option<Vec<Entry>>, NotPlain> {
        let mut pieces = Vec::with_capacity(AT_ONCE);
        while pieces.len() < AT_ONCE
            && let Some(piece) = next(&mut self.pieces, self.limits)?
        {
            let line = self.line;
            self.line += count_lines(&piece);
            pieces.push((piece, line));
        }
        if pieces.is_empty() {
            return Ok(None);
        }
        let (walk, header) = (&self.walk, &self.header);
        let read = |(piece, line): &(Vec<u8>, u64)| {
            let text = simdutf8::basic::from_utf8(piece).ok()?;
            walk.part(text, *line, header.clone()).ok().flatten()
        };
        let drafts: Vec<Option<Draft>> = thread::scope(|scope| {
            let running: Vec<_> = pieces.iter().map(|piece| scope.spawn(|| read(piece))).collect();
            running.into_iter().map(|part| part.join().ok().flatten()).collect()
        });
        let mut entries = Vec::new();
        for draft in drafts {
            let mut draft = draft.ok_or(NotPlain)?;
            if draft.lines.iter().any(|line| line.origin != Origin::Assigned) {
                return Err(NotPlain);
            }
            draft.lines.clear();
            let own = std::mem::take(&mut draft.statement.entries);
            if entries.is_empty() {
                entries = own;
            } else {
                entries.extend(own);
            }
            self.walk.add_part(draft).ok_or(NotPlain)?;
        }
        for entry in &mut entries {
            self.count = self.count.checked_add(1).ok_or(NotPlain)?;
            entry.seq = self.count;
            self.effect_fen += i128::from(entry.effect_fen());
            self.references.add(&entry.bank_ref);
        }
        if self.count as usize > self.limits.max_entries { Err(NotPlain) } else { Ok(Some(entries)) }
    }

    fn end(self) -> Result<(Document, R), NotPlain> {
        if !self.references.all_differ() {
            return Err(NotPlain);
        }
        let (source, rest) = self.pieces.end();
        let tail = simdutf8::basic::from_utf8(&rest).map_err(|_| NotPlain)?;
        let message = self.walk.go_on(tail, &self.names).map_err(|_| NotPlain)?;
        let mut drafts = message.drafts.into_iter();
        let (Some(draft), None) = (drafts.next(), drafts.next()) else { return Err(NotPlain) };
        let mut statement = draft.statement;
        if !statement.entries.is_empty() {
            return Err(NotPlain);
        }
        statement.balanced = settle::balanced_by(&statement, self.effect_fen);
        let format: Format = message.format;
        Ok((
            Document {
                member: None,
                format,
                version: message.version,
                statements: vec![statement],
                unread: Vec::new(),
            },
            source,
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::escrow::statement;

    fn entry(reference: &str) -> String {
        format!(
            "<Ntry><Amt Ccy=\"CNY\">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-03-01</Dt></BookgDt>\
             <AcctSvcrRef>{reference}</AcctSvcrRef></Ntry>\n"
        )
    }

    fn file(entries: &str, closing: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><Stmt>\
             <Id>S1</Id><Acct><Id><Othr><Id>331</Id></Othr></Id><Ccy>CNY</Ccy></Acct><Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp>\
             <Amt Ccy=\"CNY\">5.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp>\
             <Amt Ccy=\"CNY\">{closing}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\n{entries}</Stmt></BkToCstmrStmt></Document>\n"
        )
    }

    fn flowed(text: &str, size: usize) -> Result<Document, NotPlain> {
        let limits = Limits::default();
        let (head, pieces) = open(Cursor::new(text.as_bytes()), size, &limits)?;
        let mut flow = Flow::new(&head, pieces, &limits)?;
        let mut entries = Vec::new();
        while let Some(next) = flow.read_on()? {
            entries.extend(next);
        }
        let (mut document, _) = flow.end()?;
        document.statements[0].entries = entries;
        Ok(document)
    }

    #[test]
    fn a_plain_statement_says_the_same_in_pieces_as_in_one() {
        let entries: String = (0..40).map(|number| entry(&format!("R{number}"))).collect();
        for closing in ["45.00", "44.00"] {
            let text = file(&entries, closing);
            let whole = statement::parse("a.xml", text.as_bytes(), None, &[], &Limits::default()).unwrap();
            for size in [800, 1_000, 4_096, 1 << 20] {
                assert_eq!(flowed(&text, size).as_ref(), Ok(&whole), "{size}");
            }
        }
    }

    #[test]
    fn what_is_not_plain_is_read_as_a_whole() {
        let plain: String = (0..9).map(|number| entry(&format!("R{number}"))).collect();
        let twice = plain.clone() + &entry("R3");
        let without = plain.clone() + &entry("R9").replace("<AcctSvcrRef>R9</AcctSvcrRef>", "");
        let faulty = plain.clone() + &entry("R9").replace("2026-03-01", "2026-13-01");
        let cut_off = file(&plain, "14.00").replace("</Stmt>", "");
        for text in [
            file(&twice, "15.00"),
            file(&without, "15.00"),
            file(&faulty, "15.00"),
            file("", "5.00"),
            file(&plain, "14.00").replace("<?xml version=\"1.0\"?>", "<?xml version=\"1.0\" encoding=\"GBK\"?>"),
            cut_off,
        ] {
            assert_eq!(flowed(&text, 1_000), Err(NotPlain), "{text}");
        }
        assert!(flowed(&file(&plain, "14.00"), 1_000).is_ok());
    }
}
