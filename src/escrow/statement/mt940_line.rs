//! The statement line `:61:` and the information `:86:` that belongs to it.

use std::borrow::Cow;

use chrono::{Datelike, NaiveDate};

use super::{
    error::{Place, StatementError},
    model::{Direction, Entry, RefSource},
    settle::{Draft, Origin},
    values::{AMOUNT_MEND, AmountFault, minor_units, number, plausible, shorten, swift_date, tidy},
};

/// What a `:61:` field says.
pub(super) struct Movement {
    pub entry: Entry,
    pub origin: Origin,
    /// `EC`, `ED`: expected, not booked.
    pub expected: bool,
    /// Rule, Chinese, English.
    pub notes: Vec<(&'static str, String, String)>,
}

/// What is wrong with a `:61:` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineFault {
    Shape,
    Date,
    Amount(AmountFault),
}

impl LineFault {
    pub(super) fn at(self, place: Place, line: &str) -> StatementError {
        let shown = shorten(line);
        match self {
            LineFault::Shape => StatementError::new(
                place,
                "LINE",
                (format!(":61: 字段「{shown}」格式错误"), format!("the :61: line \"{shown}\" has not the form of one")),
                (
                    "请向银行索取更正后的文件",
                    "ask the bank for a corrected file; a line looks like 2603010301D100,00NTRFNONREF",
                ),
            ),
            LineFault::Date => StatementError::new(
                place,
                "BOOKING_DATE",
                (
                    format!(":61: 字段「{shown}」中没有有效的记账日期"),
                    format!("the :61: line \"{shown}\" has no possible date"),
                ),
                ("请向银行索取更正后的文件", "ask the bank for a corrected file"),
            ),
            LineFault::Amount(fault) => StatementError::new(place, "AMOUNT", fault.problem(line), AMOUNT_MEND),
        }
    }
}

/// Reads a `:61:` field; amounts have `digits` decimals. Its first line is the movement, the rest supplementary details.
pub(super) fn movement(lines: &[String], digits: u32) -> Result<Movement, LineFault> {
    let line = lines.first().map(String::as_str).unwrap_or_default().trim_end();
    let (value, rest) = line.split_at_checked(6).ok_or(LineFault::Shape)?;
    number(value).ok_or(LineFault::Shape)?;
    let (entry_day, rest) = match rest.split_at_checked(4) {
        Some((day, after)) if number(day).is_some() => (Some(day), after),
        _ => (None, rest),
    };
    let (direction, reversal, expected, rest) = mark(rest).ok_or(LineFault::Shape)?;
    // One letter between the mark and the amount is the funds code, the third letter of the currency.
    let rest = rest.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(rest);
    let length = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b',').count();
    let (amount, rest) = rest.split_at(length);
    let amount_fen = minor_units(amount, b',', digits).map_err(LineFault::Amount)?;
    let mut notes = Vec::new();
    let (booked_on, value_on) = days(value, entry_day, &mut notes).ok_or(LineFault::Date)?;
    let (bank_ref, origin) = reference(rest);
    Ok(Movement {
        entry: Entry {
            bank_ref,
            ref_source: RefSource::Bank,
            seq: 0,
            booked_on,
            booked_at: None,
            value_on,
            direction,
            amount_fen,
            reversal,
            counterparty_name: None,
            counterparty_account: None,
            remittance: tidy(&lines.get(1..).unwrap_or_default().join(" ")),
            balance_after_fen: None,
            kind: None,
        },
        origin,
        expected,
        notes,
    })
}

/// `RC` takes a credit back and so is a debit; `RD` the other way round.
fn mark(text: &str) -> Option<(Direction, bool, bool, &str)> {
    for (mark, direction, reversal, expected) in [
        ("RC", Direction::Debit, true, false),
        ("RD", Direction::Credit, true, false),
        ("EC", Direction::Credit, false, true),
        ("ED", Direction::Debit, false, true),
        ("C", Direction::Credit, false, false),
        ("D", Direction::Debit, false, false),
    ] {
        if let Some(rest) = text.strip_prefix(mark) {
            return Some((direction, reversal, expected, rest));
        }
    }
    None
}

/// The booking day and the value day. The entry date has no year: it is the one nearest to the value date. What does
/// not exist is noted, and the booking day falls back on the value day.
fn days(
    value: &str,
    entry_day: Option<&str>,
    notes: &mut Vec<(&'static str, String, String)>,
) -> Option<(NaiveDate, Option<NaiveDate>)> {
    let value_on = swift_date(value);
    let booked_on = entry_day.and_then(|day| {
        let (month, day) = (number(&day[..2])?, number(&day[2..])?);
        let year = match value_on {
            Some(value) => value.year(),
            None => swift_date(&format!("{}0101", &value[..2]))?.year(),
        };
        let anchor = value_on.or_else(|| plausible(year, 7, 1))?;
        [year - 1, year, year + 1]
            .into_iter()
            .filter_map(|year| plausible(year, month, day))
            .filter(|date| value_on.is_some() || date.year() == year)
            .min_by_key(|date| (*date - anchor).num_days().abs())
    });
    if value_on.is_none() {
        notes.push((
            "VALUE_DATE",
            format!("起息日 {value} 不存在，按空值处理。"),
            format!("The value date {value} does not exist; it is given as null."),
        ));
    }
    if let (Some(day), None, Some(_)) = (entry_day, booked_on, value_on) {
        notes.push((
            "ENTRY_DATE",
            format!("记账日 {day} 不存在，以起息日代替。"),
            format!("The entry date {day} does not exist; the value date stands in for it."),
        ));
    }
    Some((booked_on.or(value_on)?, value_on))
}

/// The bank's reference after `//`, then the customer's, which follows the four letters of the kind.
fn reference(text: &str) -> (String, Origin) {
    let (before, bank) = text.split_once("//").map_or((text, ""), |(before, bank)| (before, bank));
    if let Some(reference) = tidy(bank).filter(|reference| reference != "NONREF") {
        return (reference, Origin::Assigned);
    }
    let kind: usize = before.char_indices().nth(4).map_or(before.len(), |(at, _)| at);
    let customer = tidy(&before[kind..]).filter(|reference| {
        // Marks that say where the reference stands (in :86:), and single letters, are no references.
        !matches!(reference.as_str(), "NONREF" | "NOTPROVIDED" | "EREF" | "EREF+" | "KREF" | "KREF+" | "MREF" | "MREF+")
            && reference.chars().nth(1).is_some()
    });
    match customer {
        Some(reference) => (reference, Origin::Quoted),
        None => (String::new(), Origin::Absent),
    }
}

/// Adds the information of an `:86:` field to the line that it follows.
pub(super) fn describe(draft: &mut Draft, lines: &[String]) {
    let Some(entry) = draft.statement.entries.last_mut() else { return };
    let supplementary = entry.remittance.take();
    let text = join(lines);
    let described = match subfields(&text) {
        Some(parts) => {
            entry.counterparty_name = tidy(&parts.collect(&["32", "33"], ""));
            entry.counterparty_account =
                tidy(&parts.collect(&["31"], "")).or_else(|| tidy(&parts.collect(&["38"], "")));
            let purpose = parts
                .collect(&["20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "60", "61", "62", "63"], "");
            tidy(&format!("{} {purpose}", parts.collect(&["00"], "")))
        }
        None => {
            entry.counterparty_name = coded(&text, "/NAME/").or_else(|| coded(&text, "/NAAM: "));
            entry.counterparty_account = coded(&text, "/IBAN/");
            tidy(&text)
        }
    };
    entry.remittance = match (described, supplementary) {
        (Some(text), Some(more)) => Some(format!("{text} {more}")),
        (text, more) => text.or(more),
    };
}

/// Lines of 65 characters are cut in the middle of a word, so they join without a blank, as do subfields.
fn join(lines: &[String]) -> String {
    let mut text = String::new();
    let structured = lines.first().is_some_and(|line| subfields(line).is_some());
    for (index, line) in lines.iter().enumerate() {
        if index > 0 && !structured && lines[index - 1].chars().count() < 65 {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

/// The text after a code word of the slash form, up to the next slash.
fn coded(text: &str, code: &str) -> Option<String> {
    let (_, rest) = text.split_once(code)?;
    tidy(rest.split('/').next().unwrap_or_default())
}

/// Subfields `?20…?29` after a three-digit transaction code.
struct Subfields<'a>(Vec<(&'a str, &'a str)>);

fn subfields(text: &str) -> Option<Subfields<'_>> {
    let rest = text.get(3..).filter(|_| number(&text[..3]).is_some())?;
    if !rest.starts_with('?') {
        return None;
    }
    let parts = rest[1..].split('?').filter_map(|part| part.split_at_checked(2)).collect();
    Some(Subfields(parts))
}

impl Subfields<'_> {
    fn collect(&self, codes: &[&str], separator: &str) -> Cow<'static, str> {
        let texts: Vec<&str> = self.0.iter().filter(|(code, _)| codes.contains(code)).map(|(_, text)| *text).collect();
        Cow::Owned(texts.join(separator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Movement, LineFault> {
        movement(&[line.to_owned()], 2)
    }

    #[test]
    fn marks_tell_the_effect_and_the_reversal() {
        use Direction::*;
        for (line, direction, reversal, expected, amount) in [
            ("260301C1,00NTRFNONREF", Credit, false, false, 100),
            ("260301D1,NTRFNONREF", Debit, false, false, 100),
            ("2603010301CR1,5NTRFNONREF", Credit, false, false, 150),
            ("260301RC1,00NTRFNONREF", Debit, true, false, 100),
            ("260301RD1,00NTRFNONREF", Credit, true, false, 100),
            ("2603010301RDR1027,25N068NONREF", Credit, true, false, 102_725),
            ("260301RCY1,00NTRFNONREF", Debit, true, false, 100),
            ("260301EC1,00NTRFNONREF", Credit, false, true, 100),
        ] {
            let Movement { entry, expected: only_expected, .. } =
                read(line).unwrap_or_else(|e| panic!("{line}: {e:?}"));
            assert_eq!(
                (entry.direction, entry.reversal, only_expected, entry.amount_fen),
                (direction, reversal, expected, amount),
                "{line}"
            );
        }
    }

    #[test]
    fn lines_that_cannot_be_read_are_refused() {
        for (line, fault) in [
            ("", LineFault::Shape),
            ("26030", LineFault::Shape),
            ("260301X1,00NTRF", LineFault::Shape),
            ("260301D-1,00NTRF", LineFault::Amount(AmountFault::Shape)),
            ("260301DNTRF", LineFault::Amount(AmountFault::Shape)),
            ("260301D1,005NTRF", LineFault::Amount(AmountFault::TooFine)),
            ("260301D10000000000000,00NTRF", LineFault::Amount(AmountFault::TooLarge)),
            ("260230D1,00NTRF", LineFault::Date),
        ] {
            assert_eq!(read(line).err(), Some(fault), "{line}");
        }
    }

    #[test]
    fn days_fall_in_the_year_nearest_to_the_value_date() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        for (line, booked, value, note) in [
            ("2601010102D1,NTRF", day(2026, 1, 2), Some(day(2026, 1, 1)), None),
            ("2512310101D1,NTRF", day(2026, 1, 1), Some(day(2025, 12, 31)), None),
            ("2601011231D1,NTRF", day(2025, 12, 31), Some(day(2026, 1, 1)), None),
            ("1602300301D1,NTRF", day(2016, 3, 1), None, Some("VALUE_DATE")),
            ("2603010230D1,NTRF", day(2026, 3, 1), Some(day(2026, 3, 1)), Some("ENTRY_DATE")),
        ] {
            let movement = read(line).unwrap_or_else(|e| panic!("{line}: {e:?}"));
            assert_eq!((movement.entry.booked_on, movement.entry.value_on), (booked, value), "{line}");
            assert_eq!(movement.notes.first().map(|note| note.0), note, "{line}");
        }
    }

    #[test]
    fn references_go_by_whose_they_are() {
        for (text, reference_, origin) in [
            ("NTRFNONREF//B4E07", "B4E07", Origin::Assigned),
            ("NTRFCUST-1//NONREF", "CUST-1", Origin::Quoted),
            ("NTRFCUST-1", "CUST-1", Origin::Quoted),
            ("NOV NONREF", "", Origin::Absent),
            ("N102EREF            ", "", Origin::Absent),
            ("NTRFN", "", Origin::Absent),
            ("NTRF", "", Origin::Absent),
            ("", "", Origin::Absent),
        ] {
            assert_eq!(reference(text), (reference_.to_owned(), origin), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_line_never_panics(text in "\\PC{0,40}", digits in "[0-9]{6,10}(C|D|RC|RD)[A-Z]?[0-9,]{0,20}\\PC{0,8}") {
            let _ = (read(&text), read(&digits));
            let _ = join(&[text.clone(), digits.clone()]);
            let _ = subfields(&text);
        }
    }
}
