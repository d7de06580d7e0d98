//! The last step of every format: references, lines given twice, numbering, and whether the arithmetic holds.
//!
//! - A line without a reference gets a synthetic one, made of what it says and of its number among the equal lines of
//!   its day, so that it is the same however often the line is delivered.
//! - A line whose bank-assigned reference and content came before in the same statement is a line given twice: it is
//!   kept once, unless the statement's own balances count it.
//! - Lines that share a reference and differ are told apart as `R`, `R#2`, `R#3` in booking order, because a reference
//!   is unique within an account for good (a fee often carries the reference of its payment).
//! - Statements of one file that are equal in account, period, balances and length are the same statement delivered
//!   twice: its lines are numbered from the start again.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{BuildHasher, Hash, Hasher, RandomState},
};

use sha2::{Digest, Sha256};

use super::{
    error::Place,
    model::{Entry, JUMPS_MAX, Jump, Note, RefSource, Statement},
};
use crate::escrow::distinct::all_differ;

/// Where the reference of a line came from, which says how far it may be trusted to be the line's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Assigned by the account's bank to this line.
    Assigned,
    /// Quoted from the payment; nobody promises that it is used once.
    Quoted,
    /// None in the file.
    Absent,
}

/// What is known of a line besides its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// Line or row in the file.
    pub number: u32,
    pub origin: Origin,
}

/// A statement as a reader collected it. `lines` runs in step with the statement's entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub statement: Statement,
    pub lines: Vec<Line>,
    /// The sheet that the line numbers count in.
    pub sheet: Option<String>,
}

impl Draft {
    pub(super) fn push(&mut self, entry: Entry, number: u32, origin: Origin) {
        self.statement.entries.push(entry);
        self.lines.push(Line { number, origin });
    }

    /// Adds what a later part of the same statement gave.
    pub(super) fn append(&mut self, mut part: Draft) {
        let statement = &mut self.statement;
        if self.lines.is_empty() {
            // The first part may have made room for all.
            (statement.entries, self.lines) = (part.statement.entries, part.lines);
        } else {
            statement.entries.append(&mut part.statement.entries);
            self.lines.append(&mut part.lines);
        }
        statement.skipped.pending += part.statement.skipped.pending;
        statement.skipped.info += part.statement.skipped.info;
        for Note { path, rule, message_zh, message_en } in part.statement.notes {
            statement.note(path, &rule, message_zh, message_en);
        }
    }

    fn place(&self, number: u32) -> Place {
        match &self.sheet {
            Some(sheet) => Place::Cell { sheet: Some(sheet.clone()), row: u64::from(number), column: None },
            None => Place::Line(u64::from(number)),
        }
    }
}

/// Settles the drafts of one file.
pub(super) fn settle(mut drafts: Vec<Draft>) -> Vec<Statement> {
    for draft in &mut drafts {
        for (entry, line) in draft.statement.entries.iter_mut().zip(&draft.lines) {
            if line.origin == Origin::Absent {
                entry.bank_ref = synthetic_ref(entry);
                entry.ref_source = RefSource::Synthetic;
            }
        }
    }
    let verdicts = judge(&drafts);
    drafts.into_iter().zip(verdicts).map(|(draft, verdicts)| finish(draft, &verdicts)).collect()
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Its reference gets this number; 1 leaves a given reference as it is.
    Number(u32),
    /// The same as an earlier line of its statement; the number is for the case that the balances count it.
    Twice(u32),
}

/// The distinct contents that came under one reference, and how often each in its statement.
#[derive(Default)]
struct Uses<'a> {
    seen: Vec<Use<'a>>,
    /// Where in `seen` the contents of each hash are, once looking through all of them would take long: some exports
    /// write the same reference, e.g. 0, in every line.
    index: Option<Index>,
    next: u32,
}

/// Places by hash.
type Index = BTreeMap<u64, Vec<usize>>;

/// From so many contents on they are indexed.
const INDEXED_FROM: usize = 16;

struct Use<'a> {
    entry: &'a Entry,
    /// The statement that gave it last, and how often.
    statement: usize,
    times: usize,
    /// The numbers of the content's first, second, … time in a statement.
    first: u32,
    more: Vec<u32>,
}

/// Account and currency, within which a reference is used once.
type Ledger<'a> = (Option<&'a str>, Option<&'a str>);

/// One verdict per entry of each draft.
fn judge(drafts: &[Draft]) -> Vec<Vec<Verdict>> {
    let hasher = RandomState::new();
    // So it nearly always is, and a statement may have a million lines.
    if all_differ(drafts.iter().flat_map(|draft| &draft.statement.entries).map(|entry| entry.bank_ref.as_str())) {
        return drafts.iter().map(|draft| vec![Verdict::Number(1); draft.lines.len()]).collect();
    }
    let mut known_statements = HashMap::new();
    let mut uses: HashMap<Ledger<'_>, HashMap<&str, Uses<'_>>> = HashMap::new();
    let mut verdicts = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let statement = &draft.statement;
        let mut fresh = HashMap::new();
        let repeated = drafts.len() > 1 && statement.statement_ref.is_some() && {
            let earlier = *known_statements.entry(statement_hash(&hasher, statement)).or_insert(index);
            earlier != index && same_statement(&drafts[earlier].statement, statement)
        };
        let known = if repeated {
            &mut fresh
        } else {
            uses.entry((statement.account.as_deref(), statement.currency.as_deref())).or_default()
        };
        known.reserve(statement.entries.len());
        verdicts.push(
            statement
                .entries
                .iter()
                .zip(&draft.lines)
                .map(|(entry, line)| {
                    known.entry(&entry.bank_ref).or_default().judge(entry, line.origin, index, &hasher)
                })
                .collect(),
        );
    }
    verdicts
}

impl<'a> Uses<'a> {
    fn judge(&mut self, entry: &'a Entry, origin: Origin, statement: usize, hasher: &RandomState) -> Verdict {
        if origin == Origin::Assigned
            && let Some(earlier) = self.earlier(entry, hasher)
        {
            if self.seen[earlier].statement != statement {
                (self.seen[earlier].statement, self.seen[earlier].times) = (statement, 0);
            }
            return match self.seen[earlier].again(self.next + 1) {
                (0, number) => Verdict::Number(number),
                (_, number) => {
                    self.next = self.next.max(number);
                    Verdict::Twice(number)
                }
            };
        }
        self.next += 1;
        // Equal synthetic references are equal lines: only their count matters.
        if origin == Origin::Assigned {
            if let Some(index) = &mut self.index {
                index.entry(line_hash(hasher, entry)).or_default().push(self.seen.len());
            }
            if self.seen.is_empty() {
                // Nearly every reference comes once.
                self.seen.reserve_exact(1);
            }
            self.seen.push(Use { entry, statement, times: 1, first: self.next, more: Vec::new() });
        }
        Verdict::Number(self.next)
    }

    /// Where the use of the same content is, when there is one.
    fn earlier(&mut self, entry: &Entry, hasher: &RandomState) -> Option<usize> {
        if self.seen.len() < INDEXED_FROM {
            return self.seen.iter().position(|earlier| same_line(earlier.entry, entry));
        }
        let seen = &self.seen;
        let index = self.index.get_or_insert_with(|| {
            let mut index = Index::new();
            for (place, earlier) in seen.iter().enumerate() {
                index.entry(line_hash(hasher, earlier.entry)).or_default().push(place);
            }
            index
        });
        let places = index.get(&line_hash(hasher, entry))?;
        places.iter().copied().find(|place| seen.get(*place).is_some_and(|earlier| same_line(earlier.entry, entry)))
    }
}

impl Use<'_> {
    /// How often the statement gave the content before, and the number of this time; `next` when it is a new one.
    fn again(&mut self, next: u32) -> (usize, u32) {
        let before = self.times;
        self.times += 1;
        let number = match before.checked_sub(1) {
            None => self.first,
            Some(place) => match self.more.get(place) {
                Some(number) => *number,
                None => {
                    self.more.push(next);
                    next
                }
            },
        };
        (before, number)
    }
}

/// Equal for lines that [`same_line`] finds equal.
fn line_hash(hasher: &RandomState, entry: &Entry) -> u64 {
    let mut state = hasher.build_hasher();
    hash_line(entry, &mut state);
    state.finish()
}

fn hash_line(entry: &Entry, state: &mut impl Hasher) {
    (entry.booked_on, entry.booked_at, entry.value_on, entry.amount_fen, entry.balance_after_fen).hash(state);
    (entry.direction, entry.reversal, &entry.counterparty_name, &entry.counterparty_account, &entry.remittance)
        .hash(state);
}

/// Equal for statements that [`same_statement`] finds equal.
fn statement_hash(hasher: &RandomState, statement: &Statement) -> u64 {
    let mut state = hasher.build_hasher();
    (&statement.account, &statement.currency, &statement.statement_ref).hash(&mut state);
    (statement.opening_fen, statement.closing_fen, statement.opening_on, statement.closing_on).hash(&mut state);
    for entry in &statement.entries {
        entry.bank_ref.hash(&mut state);
        hash_line(entry, &mut state);
    }
    state.finish()
}

fn same_statement(a: &Statement, b: &Statement) -> bool {
    a.statement_ref.is_some()
        && (&a.account, &a.currency, &a.statement_ref, a.entries.len())
            == (&b.account, &b.currency, &b.statement_ref, b.entries.len())
        && (a.opening_fen, a.closing_fen, a.opening_on, a.closing_on)
            == (b.opening_fen, b.closing_fen, b.opening_on, b.closing_on)
        && a.entries.iter().zip(&b.entries).all(|(a, b)| a.bank_ref == b.bank_ref && same_line(a, b))
}

/// Whether two lines under one reference say the same.
fn same_line(a: &Entry, b: &Entry) -> bool {
    (a.booked_on, a.booked_at, a.value_on, a.direction, a.amount_fen, a.reversal, a.balance_after_fen)
        == (b.booked_on, b.booked_at, b.value_on, b.direction, b.amount_fen, b.reversal, b.balance_after_fen)
        && a.counterparty_name == b.counterparty_name
        && a.counterparty_account == b.counterparty_account
        && a.remittance == b.remittance
}

/// Applies the verdicts, numbers the entries and does the sum.
fn finish(mut draft: Draft, verdicts: &[Verdict]) -> Statement {
    let twice = |verdict: &Verdict| matches!(verdict, Verdict::Twice(_));
    let counted = verdicts.iter().any(twice) && balanced(&draft.statement) == Some(true);
    let mut entries = std::mem::take(&mut draft.statement.entries);
    // References that may look like those that are made here.
    let mut taken: HashSet<String> = entries
        .iter()
        .zip(&draft.lines)
        .filter(|(entry, line)| line.origin != Origin::Absent && may_look_made(&entry.bank_ref))
        .map(|(entry, _)| entry.bank_ref.clone())
        .collect();
    let mut at = 0;
    let mut before = draft.statement.opening_fen;
    entries.retain_mut(|entry| {
        let (verdict, line) = (verdicts[at], draft.lines[at]);
        at += 1;
        let number = match verdict {
            Verdict::Twice(_) if !counted => {
                let place = draft.place(line.number);
                note_twice(&mut draft.statement, &place, &entry.bank_ref);
                return false;
            }
            Verdict::Number(number) | Verdict::Twice(number) => number,
        };
        if line.origin == Origin::Absent {
            entry.bank_ref.push_str(&format!("-{number}"));
            while taken.contains(&entry.bank_ref) {
                entry.bank_ref.push_str("#2");
            }
        } else if number > 1 {
            let place = draft.place(line.number);
            note_shared(&mut draft.statement, &place, &entry.bank_ref);
            entry.bank_ref.push_str(&format!("#{number}"));
            while !taken.insert(entry.bank_ref.clone()) {
                entry.bank_ref.push_str("#2");
            }
        }
        let after = before.and_then(|before| before.checked_add(entry.effect_fen())).zip(entry.balance_after_fen);
        before = entry.balance_after_fen;
        if let Some((expected_fen, written_fen)) = after.filter(|(expected, written)| expected != written)
            && draft.statement.jumps.len() < JUMPS_MAX
        {
            let path = Some(draft.place(line.number).to_string());
            let (bank_ref, booked_on) = (entry.bank_ref.clone(), entry.booked_on);
            draft.statement.jumps.push(Jump { bank_ref, booked_on, path, expected_fen, written_fen });
        }
        true
    });
    for (seq, entry) in (1..).zip(&mut entries) {
        entry.seq = seq;
    }
    draft.statement.entries = entries;
    draft.statement.balanced = balanced(&draft.statement);
    draft.statement
}

/// Whether a reference was made here from what its line says: then it holds the day, and the same line under another
/// day is another reference.
pub fn is_synthetic(reference: &str) -> bool {
    reference.starts_with("syn-")
}

fn may_look_made(reference: &str) -> bool {
    reference.starts_with("syn-") || reference.contains('#')
}

fn note_twice(statement: &mut Statement, place: &Place, bank_ref: &str) {
    statement.note(
        place,
        "LINE_TWICE",
        format!("流水号 {bank_ref} 的同一笔记录重复出现，只保留一笔。"),
        format!("The line with reference {bank_ref} is given twice; it is kept once."),
    );
}

fn note_shared(statement: &mut Statement, place: &Place, bank_ref: &str) {
    statement.note(
        place,
        "REF_SHARED",
        format!("流水号 {bank_ref} 被内容不同的多笔记录共用，已加序号区分。"),
        format!("The reference {bank_ref} is shared by different lines; a number tells them apart."),
    );
}

/// Whether opening ± entries = closing, in 128 bits.
fn balanced(statement: &Statement) -> Option<bool> {
    balanced_by(statement, statement.entries.iter().map(|entry| i128::from(entry.effect_fen())).sum())
}

/// The same with the effect of entries that are somewhere else.
pub(super) fn balanced_by(statement: &Statement, effect: i128) -> Option<bool> {
    let (opening, closing) = (statement.opening_fen?, statement.closing_fen?);
    Some(i128::from(opening) + effect == i128::from(closing))
}

/// The reference of a line that has none, without its number: the day and 64 bits of SHA-256 over what the line says.
/// The balance after it is left out, since not every delivery of a line carries it.
fn synthetic_ref(entry: &Entry) -> String {
    let mut hash = Sha256::new();
    hash.update(entry.amount_fen.to_be_bytes());
    hash.update([entry.effect_fen().is_positive().into(), entry.reversal.into()]);
    hash.update(entry.booked_at.map_or(0, |at| at.timestamp()).to_be_bytes());
    for text in [&entry.counterparty_name, &entry.counterparty_account, &entry.remittance] {
        let text = text.as_deref().unwrap_or_default();
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.update(entry.value_on.map_or(0, day_number).to_be_bytes());
    let digest = hash.finalize();
    let mut reference = String::with_capacity(32);
    reference.push_str("syn-");
    push_decimal(&mut reference, day_number(entry.booked_on));
    reference.push('-');
    reference.push_str(&hex::encode(&digest[..8]));
    reference
}

/// `YYYYMMDD` as a number.
fn day_number(day: chrono::NaiveDate) -> u32 {
    use chrono::Datelike;
    day.year().unsigned_abs() * 10_000 + day.month() * 100 + day.day()
}

fn push_decimal(text: &mut String, number: u32) {
    use std::fmt::Write;
    // Writing to a string does not fail.
    let _ = write!(text, "{number}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escrow::statement::model::Direction;
    use chrono::NaiveDate;

    fn entry(bank_ref: &str, amount_fen: i64, remittance: &str) -> Entry {
        Entry {
            bank_ref: bank_ref.to_owned(),
            ref_source: RefSource::Bank,
            seq: 0,
            booked_on: NaiveDate::from_ymd_opt(2026, 3, 2).unwrap(),
            booked_at: None,
            value_on: None,
            direction: Direction::Credit,
            amount_fen,
            reversal: false,
            counterparty_name: None,
            counterparty_account: None,
            remittance: Some(remittance.to_owned()),
            balance_after_fen: None,
            kind: None,
        }
    }

    fn draft(lines: &[(&str, i64, &str, Origin)], balances: Option<(i64, i64)>) -> Draft {
        let mut draft = Draft::default();
        draft.statement.statement_ref = Some("S".to_owned());
        draft.statement.opening_fen = balances.map(|(opening, _)| opening);
        draft.statement.closing_fen = balances.map(|(_, closing)| closing);
        for (number, (bank_ref, amount, remittance, origin)) in (1..).zip(lines) {
            draft.push(entry(bank_ref, *amount, remittance), number, *origin);
        }
        draft
    }

    fn refs(statement: &Statement) -> Vec<&str> {
        statement.entries.iter().map(|entry| entry.bank_ref.as_str()).collect()
    }

    #[test]
    fn a_line_given_twice_is_kept_once_unless_the_balances_count_it() {
        use Origin::*;
        let lines = [("R", 100, "fee", Assigned), ("R", 100, "fee", Assigned)];
        for (case, lines, balances, expected, rule) in [
            ("no balances", &lines[..], None, vec!["R"], Some("LINE_TWICE")),
            ("balances count one", &lines, Some((0, 100)), vec!["R"], Some("LINE_TWICE")),
            ("balances count both", &lines, Some((0, 200)), vec!["R", "R#2"], Some("REF_SHARED")),
            ("other content", &[lines[0], ("R", 101, "fee", Assigned)], None, vec!["R", "R#2"], Some("REF_SHARED")),
            ("quoted", &[("R", 1, "", Quoted), ("R", 1, "", Quoted)], None, vec!["R", "R#2"], Some("REF_SHARED")),
            ("no two alike", &[lines[0], ("Q", 100, "fee", Assigned)], None, vec!["R", "Q"], None),
        ] {
            let statements = settle(vec![draft(lines, balances)]);
            assert_eq!(refs(&statements[0]), expected, "{case}");
            assert_eq!(statements[0].notes.first().map(|note| note.rule.as_str()), rule, "{case}");
            assert_eq!(
                statements[0].entries.iter().map(|e| e.seq).collect::<Vec<_>>(),
                (1..=expected.len() as u32).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_made_reference_is_never_one_that_the_file_gives() {
        use Origin::*;
        let statements = settle(vec![draft(
            &[
                ("R", 100, "", Assigned),
                ("R", 200, "", Assigned),
                ("R#2", 300, "", Assigned),
                ("R#2", 400, "", Assigned),
            ],
            None,
        )]);
        assert_eq!(refs(&statements[0]), ["R", "R#2#2", "R#2", "R#2#2#2"]);
        let synthetic = refs(&settle(vec![draft(&[("", 100, "fee", Absent)], None)])[0])[0].to_owned();
        let statements = settle(vec![draft(&[("", 100, "fee", Absent), (&synthetic, 100, "fee", Assigned)], None)]);
        assert_eq!(refs(&statements[0]), [format!("{synthetic}#2"), synthetic]);
    }

    #[test]
    fn a_line_twice_in_two_statements_is_twice_in_each() {
        let line = ("R", 100, "fee", Origin::Assigned);
        let page = |balances, number: &str| {
            let mut page = draft(&[line, line], balances);
            page.statement.statement_ref = Some(number.to_owned());
            page
        };
        let once = settle(vec![page(None, "1"), page(None, "2")]);
        assert_eq!((refs(&once[0]), refs(&once[1])), (vec!["R"], vec!["R"]));
        let counted = settle(vec![page(Some((0, 200)), "1"), page(Some((0, 200)), "2")]);
        assert_eq!((refs(&counted[0]), refs(&counted[1])), (vec!["R", "R#2"], vec!["R", "R#2"]));
    }

    /// A hundred thousand lines with one reference, and ten thousand statements alike but for their last line: were the
    /// work to grow with the square of them, nobody would wait for this test.
    #[test]
    fn many_lines_under_one_reference_and_many_like_statements_are_told_apart() {
        let texts: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
        let lines: Vec<_> = texts.iter().map(|text| ("0", 100, text.as_str(), Origin::Assigned)).collect();
        let statements = settle(vec![draft(&lines, None)]);
        assert_eq!(statements[0].entries.last().map(|entry| entry.bank_ref.as_str()), Some("0#100000"));
        let like = |text: &String| {
            let mut lines = vec![("A", 100, "fee", Origin::Assigned); 10];
            lines.push(("B", 100, text, Origin::Assigned));
            draft(&lines, None)
        };
        assert_eq!(settle(texts[..10_000].iter().map(like).collect()).len(), 10_000);
    }

    #[test]
    fn synthetic_references_say_the_same_of_the_same_line() {
        let lines =
            [("", 100, "fee", Origin::Absent), ("", 100, "fee", Origin::Absent), ("", 101, "fee", Origin::Absent)];
        let whole = settle(vec![draft(&lines, None)]);
        let part = settle(vec![draft(&lines[1..], None)]);
        assert_eq!(refs(&whole[0])[..1], refs(&part[0])[..1]);
        assert_eq!(refs(&whole[0])[2], refs(&part[0])[1]);
        assert!(refs(&whole[0])[0].starts_with("syn-20260302-") && refs(&whole[0])[0].ends_with("-1"));
        assert!(refs(&whole[0])[1].ends_with("-2"));
        // The whole statement again in the same file; then its like under another number.
        let again = settle(vec![draft(&lines, None), draft(&lines, None)]);
        assert_eq!(again[0], again[1]);
        let mut next_page = draft(&lines, None);
        next_page.statement.statement_ref = Some("S/2".to_owned());
        let pages = settle(vec![draft(&lines, None), next_page]);
        assert!(refs(&pages[1])[0].ends_with("-3"));
    }

    #[test]
    fn the_sum_says_whether_a_statement_is_balanced() {
        for (balances, expected) in [(None, None), (Some((5, 105)), Some(true)), (Some((5, 104)), Some(false))] {
            let statements = settle(vec![draft(&[("R", 100, "fee", Origin::Assigned)], balances)]);
            assert_eq!(statements[0].balanced, expected);
        }
    }
}
