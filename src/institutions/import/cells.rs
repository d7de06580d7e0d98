//! Single cells: what is meant by what is written, and what had to be mended.

use super::rule::Rule;
pub(super) use crate::kernel::private::{is_blank, narrow};
use crate::kernel::{CitizenId, CreditCode, credit_code, credit_code::CreditCodeError, private::BETWEEN_PHONES};

/// A cell that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell<T> {
    /// `None` when the cell is empty or cannot be taken.
    pub value: Option<T>,
    /// What was found, with the text that was taken instead.
    pub issue: Option<(Rule, Option<String>)>,
}

impl<T> Cell<T> {
    pub(super) fn empty() -> Self {
        Cell { value: None, issue: None }
    }

    pub(super) fn good(value: T) -> Self {
        Cell { value: Some(value), issue: None }
    }

    pub(super) fn refused(rule: Rule) -> Self {
        Cell { value: None, issue: Some((rule, None)) }
    }

    /// Taken, although something is odd about it.
    pub(super) fn doubted(value: T, rule: Rule) -> Self {
        Cell { value: Some(value), issue: Some((rule, None)) }
    }

    pub(super) fn mended(value: T, rule: Rule, text: String) -> Self {
        Cell { value: Some(value), issue: Some((rule, Some(text))) }
    }
}

/// Free text: trimmed; a line break inside is taken out, or made a blank between Latin words.
pub(super) fn text(written: &str) -> Cell<String> {
    let trimmed = written.trim_matches(is_blank);
    if trimmed.is_empty() {
        return Cell::empty();
    }
    let mut value = String::with_capacity(trimmed.len());
    let mut broken = false;
    for piece in trimmed.split(char::is_control).map(str::trim).filter(|piece| !piece.is_empty()) {
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if latin(value.chars().next_back()) && latin(piece.chars().next()) {
            value.push(' ');
        }
        broken |= !value.is_empty();
        value.push_str(piece);
    }
    match (broken, value == written) {
        (true, _) => Cell::mended(value.clone(), Rule::InnerSpace, value),
        (false, true) => Cell::good(value),
        (false, false) => Cell::mended(value.clone(), Rule::SurroundingSpace, value),
    }
}

/// The text without the apostrophe or `="…"` by which a spreadsheet keeps digits as text.
pub(super) fn unmarked(written: &str) -> &str {
    let text = written.trim_matches(is_blank);
    match text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner,
        None => text.strip_prefix(['\'', '’', '`']).unwrap_or(text),
    }
}

/// Which mend led from `written` to `value`, the most telling one; `None` when there was nothing to mend.
fn mend(written: &str, value: &str) -> Option<Rule> {
    if written == value {
        return None;
    }
    let trimmed = written.trim_matches(is_blank);
    Some(if unmarked(written) != trimmed {
        Rule::TextMark
    } else if trimmed.chars().any(|c| ('\u{ff01}'..='\u{ff5e}').contains(&c)) {
        Rule::FullWidth
    } else if trimmed == value {
        Rule::SurroundingSpace
    } else if trimmed.to_uppercase() == value {
        Rule::LowerCase
    } else {
        Rule::InnerSpace
    })
}

fn as_mended<T>(value: T, written: &str, text: &str) -> Cell<T> {
    match mend(written, text) {
        Some(rule) => Cell::mended(value, rule, text.to_owned()),
        None => Cell::good(value),
    }
}

/// A unified social credit code; a region that is no longer known is only doubted.
pub(super) fn code(written: &str) -> Cell<CreditCode> {
    let normal = credit_code::normalise(unmarked(written));
    if normal.is_empty() {
        return Cell::empty();
    }
    match CreditCode::new(&normal) {
        Err(CreditCodeError::Length) => Cell::refused(Rule::BadLength),
        Err(CreditCodeError::Alphabet) => Cell::refused(Rule::ForbiddenLetter),
        Err(CreditCodeError::CheckCharacter) => Cell::refused(Rule::BadCheckCharacter),
        Ok(code) => as_mended(code, written, &normal),
    }
}

/// An account number: letters and digits, blanks and hyphens between groups taken out.
pub(super) fn account(written: &str) -> Cell<String> {
    let narrow = narrow(unmarked(written));
    let number: String = narrow.chars().filter(|c| !is_blank(*c) && *c != '-').collect();
    if number.is_empty() {
        return Cell::empty();
    }
    if is_rounded(&narrow) {
        return Cell::refused(Rule::AccountLostDigits);
    }
    if !(6..=34).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Cell::doubted(text(written).value.unwrap_or_default(), Rule::BadAccount);
    }
    as_mended(number.clone(), written, &number)
}

/// Whether a text is a number in scientific notation or with a decimal point, as spreadsheets round long digits.
fn is_rounded(text: &str) -> bool {
    let (mantissa, exponent) = match text.trim().split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.trim_start_matches(['+', '-']))),
        None => (text.trim(), None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match (mantissa.split_once('.'), exponent) {
        (Some((whole, part)), None) => digits(whole) && digits(part),
        (Some((whole, part)), Some(exponent)) => digits(whole) && digits(part) && digits(exponent),
        (None, Some(exponent)) => mantissa.len() == 1 && digits(mantissa) && digits(exponent),
        (None, None) => false,
    }
}

/// A citizen identity number; one that is none is left out.
pub(super) fn citizen_id(written: &str) -> Cell<String> {
    let narrow = narrow(unmarked(written));
    let number: String = narrow.chars().filter(|c| !is_blank(*c)).collect();
    if number.is_empty() {
        return Cell::empty();
    }
    match number.parse::<CitizenId>() {
        Ok(id) => as_mended(id.expose().to_owned(), written, id.expose()),
        Err(_) => Cell::refused(Rule::BadCitizenId),
    }
}

/// One telephone number or several; what cannot be dialled is kept and doubted.
pub(super) fn phone(written: &str) -> Cell<String> {
    let narrow = narrow(unmarked(written));
    let kept = narrow.trim_matches(is_blank);
    if kept.is_empty() {
        return Cell::empty();
    }
    if kept.split(BETWEEN_PHONES).all(|one| can_be_dialled(one.trim_matches(is_blank))) {
        return as_mended(kept.to_owned(), written, kept);
    }
    let close: String = kept.chars().filter(|c| !is_blank(*c)).collect();
    if close.split(BETWEEN_PHONES).all(can_be_dialled) {
        return as_mended(close.clone(), written, &close);
    }
    if kept.split(is_blank).all(can_be_dialled) {
        return Cell::good(kept.to_owned());
    }
    Cell::doubted(written.trim_matches(is_blank).to_owned(), Rule::BadPhone)
}

/// A mobile number, a number with area code, or a 400/800 number, each with or without hyphens.
fn can_be_dialled(number: &str) -> bool {
    let number = number.strip_prefix("+86").or_else(|| number.strip_prefix("0086")).unwrap_or(number);
    let (number, extension) = match number.split_once(['转', '#']) {
        Some((number, extension)) => (number, extension),
        None => (number, ""),
    };
    let digits: String = number.chars().filter(|c| !matches!(c, '-' | '(' | ')')).collect();
    if !digits.bytes().chain(extension.bytes()).all(|b| b.is_ascii_digit()) || extension.len() > 6 {
        return false;
    }
    match digits.as_bytes() {
        [b'1', b'3'..=b'9', rest @ ..] => rest.len() == 9,
        [b'0', b'1' | b'2', rest @ ..] => rest.len() == 9,
        [b'0', b'3'..=b'9', rest @ ..] => matches!(rest.len(), 9 | 10),
        [b'4' | b'8', b'0', b'0', rest @ ..] => rest.len() == 7,
        _ => false,
    }
}

/// A floor area in square metres, as square centimetres; at most four decimals and ten million square metres.
pub(super) fn area(written: &str) -> Cell<i64> {
    let narrow = narrow(written);
    let text: String = narrow.chars().filter(|c| !is_blank(*c)).collect();
    if text.is_empty() {
        return Cell::empty();
    }
    let mut number = text.as_str();
    for prefix in ["约", "大约", "近"] {
        number = number.strip_prefix(prefix).unwrap_or(number);
    }
    for unit in ["平方米", "平米", "m2", "M2", "平方", "平", "余"] {
        number = number.strip_suffix(unit).unwrap_or(number);
    }
    let united = number != text;
    let plain = number.replace(',', "");
    let Some(cm2) = square_centimetres(&plain) else { return Cell::refused(Rule::BadNumber) };
    if united {
        Cell::mended(cm2, Rule::NumberWithUnit, plain)
    } else if plain != number {
        Cell::mended(cm2, Rule::ThousandsSeparator, plain)
    } else {
        as_mended(cm2, written, &plain)
    }
}

fn square_centimetres(number: &str) -> Option<i64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() > 8 || part.len() > 4 {
        return None;
    }
    let cm2 = whole.parse::<i64>().ok()? * 10_000 + format!("{part:0<4}").parse::<i64>().ok()?;
    (1..=100_000_000_000).contains(&cm2).then_some(cm2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told<T>(cell: Cell<T>) -> (Option<T>, Option<Rule>) {
        (cell.value, cell.issue.map(|(rule, _)| rule))
    }

    #[test]
    fn codes_and_their_mends() {
        use Rule::*;
        let good = "52331002MJ0000018U";
        for (written, rule, taken) in [
            (good, None, true),
            (" 52331002MJ0000018U", Some(SurroundingSpace), true),
            ("52 331002 MJ0000018U", Some(InnerSpace), true),
            ("52331002-MJ0000018U", Some(InnerSpace), true),
            ("52331002mj0000018u", Some(LowerCase), true),
            ("５２３３１００２ＭＪ００００ ０１８Ｕ", Some(FullWidth), true),
            ("'52331002MJ0000018U", Some(TextMark), true),
            ("=\"52331002MJ0000018U\"", Some(TextMark), true),
            ("52331002MJ000001U", Some(BadLength), false),
            ("52331002MJ00000188U", Some(BadLength), false),
            ("52331002MI0000018U", Some(ForbiddenLetter), false),
            ("52331002MJ0000081U", Some(BadCheckCharacter), false),
        ] {
            let (value, found) = told(code(written));
            assert_eq!(
                (value.map(|code| code.to_string()), found),
                (taken.then(|| good.to_owned()), rule),
                "{written}"
            );
        }
    }

    #[test]
    fn texts_keep_what_is_inside() {
        use Rule::*;
        for (written, value, rule) in [
            ("启明学校", Some("启明学校"), None),
            ("　启明学校\u{a0}", Some("启明学校"), Some(SurroundingSpace)),
            ("启明\n学校", Some("启明学校"), Some(InnerSpace)),
            ("Blue\r\nSky 学校", Some("Blue Sky 学校"), Some(InnerSpace)),
            ("Blue Sky", Some("Blue Sky"), None),
            (" \u{3000}\t", None, None),
        ] {
            assert_eq!(told(text(written)), (value.map(str::to_owned), rule), "{written:?}");
        }
    }

    #[test]
    fn accounts_that_a_spreadsheet_has_rounded() {
        use Rule::*;
        for (written, rule) in [
            ("9999792908100339075", None),
            ("9999 7929 0810 0339 075", Some(InnerSpace)),
            ("９９９９７９２９０８", Some(FullWidth)),
            ("9.9999E+18", Some(AccountLostDigits)),
            ("9.999531924320145e+18", Some(AccountLostDigits)),
            ("1E+18", Some(AccountLostDigits)),
            ("12345.0", Some(AccountLostDigits)),
            ("33010E12345", None),
            ("12345", Some(BadAccount)),
            ("123456", None),
            ("待开户", Some(BadAccount)),
        ] {
            assert_eq!(told(account(written)).1, rule, "{written}");
        }
    }

    #[test]
    fn telephones() {
        use Rule::*;
        for (written, value, rule) in [
            ("15400009755", "15400009755", None),
            ("１５４００００９７５５", "15400009755", Some(FullWidth)),
            ("154 0000 9755", "15400009755", Some(InnerSpace)),
            ("0576-88881234", "0576-88881234", None),
            ("010-12345678", "010-12345678", None),
            ("400-123-4567", "400-123-4567", None),
            ("15400009755/0576-88881234", "15400009755/0576-88881234", None),
            ("15400009755 15400009756", "15400009755 15400009756", None),
            ("1540000975", "1540000975", Some(BadPhone)),
            ("154000097555", "154000097555", Some(BadPhone)),
            ("1390000", "1390000", Some(BadPhone)),
            ("0576-8888", "0576-8888", Some(BadPhone)),
            ("无", "无", Some(BadPhone)),
        ] {
            assert_eq!(told(phone(written)), (Some(value.to_owned()), rule), "{written}");
        }
    }

    #[test]
    fn identity_numbers() {
        use Rule::*;
        for (written, value, rule) in [
            ("11010519491231002X", Some("11010519491231002X"), None),
            ("11010519491231002x", Some("11010519491231002X"), Some(LowerCase)),
            ("'11010519491231002X", Some("11010519491231002X"), Some(TextMark)),
            ("110105194912310021", None, Some(BadCitizenId)),
            ("1.10105E+17", None, Some(BadCitizenId)),
            (" ", None, None),
        ] {
            assert_eq!(told(citizen_id(written)), (value.map(str::to_owned), rule), "{written}");
        }
    }

    #[test]
    fn areas_are_exact() {
        use Rule::*;
        for (written, value, rule) in [
            ("1002", Some(10_020_000), None),
            ("100.25", Some(1_002_500), None),
            ("0.0001", Some(1), None),
            ("约1002㎡", Some(10_020_000), Some(NumberWithUnit)),
            ("1002平方米", Some(10_020_000), Some(NumberWithUnit)),
            ("1,002.5", Some(10_025_000), Some(ThousandsSeparator)),
            ("１００", Some(1_000_000), Some(FullWidth)),
            ("10000000", Some(100_000_000_000), None),
            ("10000001", None, Some(BadNumber)),
            ("0", None, Some(BadNumber)),
            ("-5", None, Some(BadNumber)),
            ("1.00001", None, Some(BadNumber)),
            ("两百", None, Some(BadNumber)),
            ("", None, None),
        ] {
            assert_eq!(told(area(written)), (value, rule), "{written}");
        }
    }

    proptest! {
        #[test]
        fn reading_a_cell_never_panics(written in "\\PC{0,24}") {
            let _ = (text(&written), code(&written), account(&written), phone(&written), area(&written));
        }
    }
}
