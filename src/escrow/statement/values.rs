//! The small values inside statements: amounts without floating point, currencies, days, times, tidy texts.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

use super::model::AMOUNT_FEN_LIMIT;

/// Why a text is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AmountFault {
    /// Not digits with at most one decimal sign.
    Shape,
    /// Digits beyond the minor unit that are not zero.
    TooFine,
    /// [`AMOUNT_FEN_LIMIT`] or more.
    TooLarge,
}

impl AmountFault {
    /// What is wrong with `text`, in Chinese and English.
    pub(super) fn problem(self, text: &str) -> (String, String) {
        let shown = shorten(text);
        match self {
            AmountFault::Shape => {
                (format!("金额「{shown}」不是数字"), format!("the amount \"{shown}\" is not a number"))
            }
            AmountFault::TooFine => (
                format!("金额「{shown}」精确到最小货币单位以下"),
                format!("the amount \"{shown}\" has digits beyond the minor unit"),
            ),
            AmountFault::TooLarge => (format!("金额「{shown}」过大"), format!("the amount \"{shown}\" is too large")),
        }
    }
}

/// How to mend an amount.
pub(super) const AMOUNT_MEND: (&str, &str) =
    ("请向银行索取更正后的文件", "ask the bank for a corrected file; amounts look like 1234.50");

/// At most 40 characters of `text`, for messages.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        Some((cut, _)) => Cow::Owned(format!("{}…", &text[..cut])),
        None => Cow::Borrowed(text),
    }
}

/// Reads an unsigned decimal number with `mark` as decimal sign into minor units of `digits` decimals. Zeros beyond
/// them are allowed, as is a number that ends in the mark (`500,`).
pub(super) fn minor_units(text: &str, mark: u8, digits: u32) -> Result<i64, AmountFault> {
    let mut value: i64 = 0;
    let mut decimals: Option<u32> = None;
    let mut seen = false;
    for byte in text.bytes() {
        match (byte, decimals) {
            (b'0'..=b'9', None) => {
                seen = true;
                value = push_digit(value, byte)?;
            }
            (b'0'..=b'9', Some(count)) if count < digits => {
                seen = true;
                value = push_digit(value, byte)?;
                decimals = Some(count + 1);
            }
            (b'0', Some(_)) => seen = true,
            (b'1'..=b'9', Some(_)) => return Err(AmountFault::TooFine),
            (byte, None) if byte == mark => decimals = Some(0),
            _ => return Err(AmountFault::Shape),
        }
    }
    if !seen {
        return Err(AmountFault::Shape);
    }
    for _ in decimals.unwrap_or(0)..digits {
        value = push_digit(value, b'0')?;
    }
    Ok(value)
}

fn push_digit(value: i64, digit: u8) -> Result<i64, AmountFault> {
    let next = value * 10 + i64::from(digit - b'0');
    if next >= AMOUNT_FEN_LIMIT { Err(AmountFault::TooLarge) } else { Ok(next) }
}

/// Decimals of a currency's minor unit (ISO 4217).
pub(super) fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// The three letters of an ISO 4217 code, held without allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Currency([u8; 3]);

impl Currency {
    /// Three capital letters; anything else is no currency.
    pub(super) fn parse(text: &str) -> Option<Currency> {
        let letters: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Currency(letters))
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// An ISO 4217 code from what Chinese exports write; `None` for blanks and unknown words.
pub(super) fn currency_code(text: &str) -> Option<String> {
    let text = text.trim();
    let code = match text {
        "人民币" | "人民币元" | "RMB" | "CNY" | "156" | "01" | "¥" | "￥" | "元" => "CNY",
        "美元" => "USD",
        "港币" | "港元" => "HKD",
        "欧元" => "EUR",
        "日元" | "日圆" => "JPY",
        "英镑" => "GBP",
        "澳元" | "澳大利亚元" => "AUD",
        "加元" | "加拿大元" => "CAD",
        "新加坡元" => "SGD",
        "瑞士法郎" => "CHF",
        _ if text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic()) => {
            return Some(text.to_ascii_uppercase());
        }
        _ => return None,
    };
    Some(code.to_owned())
}

/// Runs of blanks and control characters become one blank, the ends are trimmed; `None` when nothing is left.
pub(super) fn tidy(text: &str) -> Option<String> {
    let text = text.trim_matches(blank);
    if text.is_empty() {
        return None;
    }
    let bytes = text.as_bytes();
    let plain = !bytes.iter().any(u8::is_ascii_control)
        && !bytes.windows(2).any(|pair| pair == b"  ")
        && !text.contains(['\u{3000}', '\u{a0}']);
    if plain {
        return Some(text.to_owned());
    }
    let mut tidied = String::with_capacity(text.len());
    for word in text.split(blank).filter(|word| !word.is_empty()) {
        if !tidied.is_empty() {
            tidied.push(' ');
        }
        tidied.push_str(word);
    }
    Some(tidied)
}

/// What makes no text: exports fill cells up with it.
pub(super) fn blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Beijing time.
pub(super) fn beijing() -> FixedOffset {
    // Eight hours are always a valid offset; the fallback is never taken.
    FixedOffset::east_opt(8 * 3600).unwrap_or_else(|| chrono::Offset::fix(&chrono::Utc))
}

/// A local time of day in Beijing as an instant.
pub(super) fn at_beijing(local: NaiveDateTime) -> Option<DateTime<FixedOffset>> {
    beijing().from_local_datetime(&local).single()
}

/// A day that a bank may have booked on: it exists and lies in the years 1970 to 2099.
pub(super) fn plausible(year: i32, month: u32, day: u32) -> Option<NaiveDate> {
    if (1970..2100).contains(&year) { NaiveDate::from_ymd_opt(year, month, day) } else { None }
}

/// Decimal digits only, as a number.
pub(super) fn number(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// An ISO date (`2026-03-01`, an offset or `Z` after it is ignored).
pub(super) fn iso_date(text: &str) -> Option<NaiveDate> {
    let date = text.get(..10)?;
    if date.as_bytes().get(4) != Some(&b'-') || date.as_bytes().get(7) != Some(&b'-') {
        return None;
    }
    plausible(i32::try_from(number(&date[..4])?).ok()?, number(&date[5..7])?, number(&date[8..])?)
}

/// An ISO instant in Beijing time; a text without an offset is Beijing time already.
pub(super) fn iso_instant(text: &str) -> Option<DateTime<FixedOffset>> {
    // Most texts are a date alone, which both readers below would only find out at the end.
    if text.len() <= "YYYY-MM-DD".len() {
        return None;
    }
    let instant = match DateTime::parse_from_rfc3339(text) {
        Ok(instant) => instant.with_timezone(&beijing()),
        Err(_) => at_beijing(NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?)?,
    };
    plausible(instant.year(), instant.month(), instant.day()).map(|_| instant)
}

/// `YYMMDD` of SWIFT: years from 80 are of the last century.
pub(super) fn swift_date(text: &str) -> Option<NaiveDate> {
    if text.len() != 6 {
        return None;
    }
    let year = i32::try_from(number(text.get(..2)?)?).ok()?;
    plausible(if year < 80 { 2000 + year } else { 1900 + year }, number(text.get(2..4)?)?, number(text.get(4..)?)?)
}

/// A day as exports write it, with the time of day where one follows: `2026-03-02`, `2026/3/2 14:06:51`,
/// `2026年3月2日`, `20260302`, `20260302124200`.
pub(super) fn loose_date(text: &str) -> Option<(NaiveDate, Option<NaiveTime>)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (year, month, day, rest) = match digits {
        8 | 12 | 14 => (number(&text[..4])?, number(&text[4..6])?, number(&text[6..8])?, &text[8..]),
        4 => {
            let (year, rest) = text.split_at(4);
            let (month, rest) = part(rest, &["-", "/", ".", "年"])?;
            let (day, rest) = part(rest, &["-", "/", ".", "月"])?;
            (number(year)?, month, day, rest.strip_prefix('日').unwrap_or(rest))
        }
        _ => return None,
    };
    let date = plausible(i32::try_from(year).ok()?, month, day)?;
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == 'T');
    if rest.is_empty() { Some((date, None)) } else { Some((date, Some(loose_time(rest)?))) }
}

/// A separator and one or two digits, and what follows them.
fn part<'a>(text: &'a str, separators: &[&str]) -> Option<(u32, &'a str)> {
    let text = separators.iter().find_map(|separator| text.strip_prefix(separator))?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 2 {
        return None;
    }
    Some((number(&text[..digits])?, &text[digits..]))
}

/// A time of day: `14:06:51`, `14:06`, `140651`, `1406`, `14时06分51秒`; fractions of a second are dropped.
pub(super) fn loose_time(text: &str) -> Option<NaiveTime> {
    let text = text.trim();
    let text = text.split_once('.').map_or(text, |(whole, _)| whole);
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.len() {
            4 => NaiveTime::from_hms_opt(number(&text[..2])?, number(&text[2..])?, 0),
            5 => loose_time(&format!("0{text}")),
            6 => NaiveTime::from_hms_opt(number(&text[..2])?, number(&text[2..4])?, number(&text[4..])?),
            _ => None,
        };
    }
    let mut parts = text.split([':', '：', '时', '分', '秒']).map(str::trim).filter(|part| !part.is_empty());
    let hour = number(parts.next()?)?;
    let minute = number(parts.next()?)?;
    let second = parts.next().map_or(Some(0), number)?;
    if parts.next().is_some() { None } else { NaiveTime::from_hms_opt(hour, minute, second) }
}

/// The number of a statement in its series. Longer ones are dates or references, which do not run on by one.
pub(super) fn series_number(text: &str) -> Option<u32> {
    let text = text.trim();
    let counts = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    counts.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_exact_and_bounded() {
        for (text, mark, digits, expected) in [
            ("1234.50", b'.', 2, Ok(123_450)),
            ("8.850", b'.', 2, Ok(885)),
            ("8.855", b'.', 2, Err(AmountFault::TooFine)),
            ("500,", b',', 2, Ok(50_000)),
            ("620,3", b',', 2, Ok(62_030)),
            ("000000000025,00", b',', 2, Ok(2_500)),
            ("2700", b'.', 0, Ok(2_700)),
            ("2700.0", b'.', 0, Ok(2_700)),
            ("1.234", b'.', 3, Ok(1_234)),
            ("9999999999999.99", b'.', 2, Ok(999_999_999_999_999)),
            ("10000000000000.00", b'.', 2, Err(AmountFault::TooLarge)),
            ("12..34", b'.', 2, Err(AmountFault::Shape)),
            ("-1", b'.', 2, Err(AmountFault::Shape)),
            ("1e3", b'.', 2, Err(AmountFault::Shape)),
            (".", b'.', 2, Err(AmountFault::Shape)),
            ("", b'.', 2, Err(AmountFault::Shape)),
        ] {
            assert_eq!(minor_units(text, mark, digits), expected, "{text}");
        }
    }

    #[test]
    fn days_and_times_are_read_as_banks_write_them() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 2);
        for text in ["2026-03-02", "2026/3/2", "2026.03.02", "20260302", "2026年3月2日", " 2026-3-2 "] {
            assert_eq!(loose_date(text).map(|(day, _)| day), day, "{text}");
        }
        for text in [
            "2026-03-02 12:42:05",
            "20260302124205",
            "2026/03/02  12:42:05",
            "2026-03-02T12:42:05.7",
            "20260302 124205",
        ] {
            assert_eq!(loose_date(text), day.map(|day| (day, NaiveTime::from_hms_opt(12, 42, 5))), "{text}");
        }
        for text in
            ["2026-02-30", "20261301", "26-03-02", "2026-03", "合计", "2026-03-02 25:00", "9999-01-01", "2026032"]
        {
            assert_eq!(loose_date(text), None, "{text}");
        }
        assert_eq!(swift_date("160230"), None);
        assert_eq!(swift_date("800101").map(|d| d.year()), Some(1980));
        assert_eq!(swift_date("790101").map(|d| d.year()), Some(2079));
    }

    #[test]
    fn an_instant_is_told_in_beijing_time() {
        let told = |text| iso_instant(text).map(|instant| instant.to_rfc3339());
        assert_eq!(told("2026-03-01T20:00:00Z").as_deref(), Some("2026-03-02T04:00:00+08:00"));
        assert_eq!(told("2026-03-01T20:00:00").as_deref(), Some("2026-03-01T20:00:00+08:00"));
        assert_eq!(told("2026-03-01T25:00:00"), None);
    }

    proptest! {
        #[test]
        fn small_values_never_panic(text in "\\PC{0,24}") {
            let _ = (loose_date(&text), loose_time(&text), iso_date(&text), iso_instant(&text), swift_date(&text));
            let _ = (tidy(&text), minor_units(&text, b'.', 2), currency_code(&text));
        }

        #[test]
        fn a_tidied_text_stays_as_it_is(text in ".{0,40}") {
            if let Some(once) = tidy(&text) {
                prop_assert_eq!(tidy(&once), Some(once.clone()));
            }
        }
    }
}
