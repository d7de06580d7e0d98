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

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{
    error::Place,
    model::{Entry, RefSource, Statement},
};

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// Line or row in the file.
    pub number: u32,
    pub origin: Origin,
}

/// A statement as a reader collected it. `lines` runs in step with the statement's entries.
#[derive(Debug, Default)]
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
    next: u32,
}

struct Use<'a> {
    entry: &'a Entry,
    statement: usize,
    number: u32,
}

/// Account and currency, within which a reference is used once.
type Ledger<'a> = (Option<&'a str>, Option<&'a str>);

/// One verdict per entry of each draft.
fn judge(drafts: &[Draft]) -> Vec<Vec<Verdict>> {
    let mut uses: HashMap<Ledger<'_>, HashMap<&str, Uses<'_>>> = HashMap::new();
    let mut verdicts = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let statement = &draft.statement;
        let mut fresh = HashMap::new();
        let repeated = drafts[..index].iter().any(|earlier| same_statement(&earlier.statement, statement));
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
                .map(|(entry, line)| known.entry(&entry.bank_ref).or_default().judge(entry, line.origin, index))
                .collect(),
        );
    }
    verdicts
}

impl<'a> Uses<'a> {
    fn judge(&mut self, entry: &'a Entry, origin: Origin, statement: usize) -> Verdict {
        if origin == Origin::Assigned
            && let Some(earlier) = self.seen.iter().find(|earlier| same_line(earlier.entry, entry))
        {
            let number = earlier.number;
            return if earlier.statement == statement {
                self.next += 1;
                Verdict::Twice(self.next)
            } else {
                Verdict::Number(number)
            };
        }
        self.next += 1;
        // Equal synthetic references are equal lines: only their count matters.
        if origin == Origin::Assigned {
            if self.seen.is_empty() {
                // Nearly every reference comes once, and a statement may have a million.
                self.seen.reserve_exact(1);
            }
            self.seen.push(Use { entry, statement, number: self.next });
        }
        Verdict::Number(self.next)
    }
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
    let mut at = 0;
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
        } else if number > 1 {
            let place = draft.place(line.number);
            note_shared(&mut draft.statement, &place, &entry.bank_ref);
            entry.bank_ref.push_str(&format!("#{number}"));
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
    let (opening, closing) = (statement.opening_fen?, statement.closing_fen?);
    let effect: i128 = statement.entries.iter().map(|entry| i128::from(entry.effect_fen())).sum();
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
