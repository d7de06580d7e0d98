//! Days as people write them in sheets.

use chrono::{Datelike, Days, NaiveDate};

use super::{
    cells::{Cell, narrow},
    rule::Rule,
};

/// Day numbers that a sheet can mean as a date: 1954-10-03 to 2119-01-11.
const SERIALS: std::ops::RangeInclusive<u64> = 20_000..=80_000;

/// A day; anything that is not one, also 长期, is [`Rule::DateImpossible`].
pub(super) fn date(written: &str) -> Cell<NaiveDate> {
    let text = narrow(written.trim());
    let text = text.trim();
    if text.is_empty() {
        return Cell::empty();
    }
    let Some((day, rule)) = understood(text) else { return Cell::refused(Rule::DateImpossible) };
    let value = day.to_string();
    let rule = match rule {
        Some(rule) => rule,
        None if value == written => return Cell::good(day),
        None if value == written.trim() => Rule::SurroundingSpace,
        None => Rule::FullWidth,
    };
    Cell::mended(day, rule, value)
}

/// The first and the last day of a licence in one cell, e.g. 2023-01-01至2026-01-01.
pub(super) fn term(written: &str) -> Cell<(NaiveDate, NaiveDate)> {
    let text = narrow(written.trim());
    if text.trim().is_empty() {
        return Cell::empty();
    }
    let text = text.trim().trim_start_matches('自').trim_end_matches('止');
    let Some((from, to)) = ["至", "到", "~", "—", "–"].iter().find_map(|mark| text.split_once(mark)) else {
        return Cell::refused(Rule::DateImpossible);
    };
    match (understood(from.trim()), understood(to.trim_matches(['~', '—', ' ']))) {
        (Some((from, first)), Some((to, second))) => match first.or(second) {
            Some(rule) => Cell::mended((from, to), rule, format!("{from}至{to}")),
            None => Cell::good((from, to)),
        },
        _ => Cell::refused(Rule::DateImpossible),
    }
}

/// The day of a text of half-width characters, and what is unusual about how it is written.
fn understood(text: &str) -> Option<(NaiveDate, Option<Rule>)> {
    let (text, timed) = match text.split_once([' ', 'T']) {
        Some((day, time)) if time.contains(':') && time.chars().all(|c| c.is_ascii_digit() || ":. Z+".contains(c)) => {
            (day, true)
        }
        _ => (text, false),
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (day, rule) = if digits && text.len() == 8 {
        (ymd(&text[..4], &text[4..6], &text[6..])?, Some(Rule::DateCompact))
    } else if digits {
        let serial = text.parse().ok().filter(|serial| SERIALS.contains(serial))?;
        (NaiveDate::from_ymd_opt(1899, 12, 30)? + Days::new(serial), Some(Rule::DateExcelSerial))
    } else if let Some((year, rest)) = text.split_once('年') {
        let (month, rest) = rest.split_once('月')?;
        let day = rest.trim().strip_suffix(['日', '号'])?;
        (ymd(year.trim(), month.trim(), day.trim())?, Some(Rule::DateAsChineseText))
    } else {
        let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
        let [year, month, day] = parts[..] else { return None };
        let plain = text.len() == 10 && text.bytes().filter(|b| *b == b'-').count() == 2;
        (ymd(year.trim(), month.trim(), day.trim())?, (!plain).then_some(Rule::DateDotted))
    };
    Some((day, rule.or(timed.then_some(Rule::DateWithTime))))
}

fn ymd(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let number =
        |text: &str| -> Option<u32> { text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten() };
    if year.len() != 4 || month.len() > 2 || day.len() > 2 {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(number(year)?).ok()?, number(month)?, number(day)?)
        .filter(|day| (1949..=2199).contains(&day.year()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_day_in_every_writing() {
        use Rule::*;
        for (written, expected, rule) in [
            ("2022-06-01", "2022-06-01", None),
            ("2022年6月1日", "2022-06-01", Some(DateAsChineseText)),
            ("2022 年 06 月 01 日", "2022-06-01", Some(DateAsChineseText)),
            ("2028.08.20", "2028-08-20", Some(DateDotted)),
            ("2028/8/2", "2028-08-02", Some(DateDotted)),
            ("2028-8-20", "2028-08-20", Some(DateDotted)),
            ("２０２８-08-20", "2028-08-20", Some(FullWidth)),
            (" 2028-08-20", "2028-08-20", Some(SurroundingSpace)),
            ("20280820", "2028-08-20", Some(DateCompact)),
            ("2028-08-20 00:00:00", "2028-08-20", Some(DateWithTime)),
            ("44799", "2022-08-26", Some(DateExcelSerial)),
            ("20000", "1954-10-03", Some(DateExcelSerial)),
            ("80000", "2119-01-11", Some(DateExcelSerial)),
            ("2024-02-29", "2024-02-29", None),
        ] {
            let cell = date(written);
            assert_eq!(cell.value.map(|day| day.to_string()).as_deref(), Some(expected), "{written}");
            assert_eq!(cell.issue.as_ref().map(|(rule, _)| *rule), rule, "{written}");
        }
        for written in [
            "2023-02-30",
            "2023-02-29",
            "2024年13月1日",
            "长期有效至今",
            "19999",
            "80001",
            "1",
            "2022-06",
            "2022年6月",
            "无",
            "20220230",
        ] {
            assert_eq!(date(written).issue, Some((DateImpossible, None)), "{written}");
        }
        assert_eq!(date("  "), Cell::empty());
    }

    #[test]
    fn a_term_in_one_cell() {
        let days = |from: &str, to: &str| Some((from.parse().unwrap(), to.parse().unwrap()));
        assert_eq!(term("2023-01-01至2026-01-01").value, days("2023-01-01", "2026-01-01"));
        assert_eq!(term("2023-01-01至2026-01-01").issue, None);
        assert_eq!(term("2023年1月1日～2026.1.1").value, days("2023-01-01", "2026-01-01"));
        assert_eq!(term("2023-01-01").issue, Some((Rule::DateImpossible, None)));
    }

    proptest! {
        #[test]
        fn reading_a_day_never_panics(text in "\\PC{0,14}") {
            let _ = (date(&text), term(&text));
        }

        #[test]
        fn every_writing_of_a_day_is_the_same_day(offset in 0u64..60_000) {
            let day = NaiveDate::from_ymd_opt(1955, 1, 1).unwrap() + Days::new(offset);
            for pattern in ["%Y-%m-%d", "%Y/%-m/%-d", "%Y.%m.%d", "%Y年%-m月%-d日", "%Y%m%d", "%Y-%m-%d 00:00:00"] {
                prop_assert_eq!(date(&day.format(pattern).to_string()).value, Some(day));
            }
        }
    }
}
