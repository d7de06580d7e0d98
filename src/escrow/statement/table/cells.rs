//! The values in the cells of an export: signed amounts, directions, blanks.

use super::super::{
    model::Direction,
    values::{AmountFault, loose_date, minor_units, tidy},
};

/// A cell with something in it: blanks, dashes and a lone slash mean nothing.
pub(super) fn filled(cell: &str) -> Option<String> {
    tidy(cell).filter(|text| !text.chars().all(|c| matches!(c, '-' | '—' | '－' | '/' | '\\' | '"')))
}

/// A signed amount in minor units; `None` for an empty cell.
///
/// Understands thousands separators, a currency sign or 元, full-width digits, a sign on either end and brackets for a
/// negative amount.
pub(super) fn amount(cell: &str, in_minor: bool, digits: u32) -> Result<Option<i64>, AmountFault> {
    let mut text = String::with_capacity(cell.len());
    for c in cell.chars().filter(|c| !c.is_whitespace() && !c.is_control()) {
        match c {
            '０'..='９' | '．' | '，' | '－' | '＋' | '（' | '）' => {
                text.extend(char::from_u32(u32::from(c) - 0xFEE0));
            }
            '\u{2212}' | '—' => text.push('-'),
            '¥' | '￥' | '元' | '"' | '\'' => {}
            other => text.push(other),
        }
    }
    let text = text.strip_prefix("CNY").or_else(|| text.strip_prefix("RMB")).unwrap_or(&text);
    if text.chars().all(|c| matches!(c, '-' | '/')) {
        return Ok(None);
    }
    let (negative, text) = match (text.strip_prefix('-'), text.strip_suffix('-')) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest),
        _ => match text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        },
    };
    let plain = without_separators(text).ok_or(AmountFault::Shape)?;
    let minor = minor_units(&plain, b'.', if in_minor { 0 } else { digits })?;
    Ok(Some(if negative { -minor } else { minor }))
}

/// Takes thousands separators out; they must stand before groups of three digits.
fn without_separators(text: &str) -> Option<String> {
    if !text.contains(',') {
        return Some(text.to_owned());
    }
    let whole = text.split('.').next().unwrap_or_default();
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    (grouped && !text[whole.len()..].contains(',')).then(|| text.replace(',', ""))
}

/// What a direction cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Moves(Direction),
    /// A wallet's line that moves no balance (不计收支).
    Neutral,
}

/// Reads 收入, 贷, C, 支出, 借, D and their like; `None` for other words.
pub(super) fn side(cell: &str) -> Option<Side> {
    let word = tidy(cell).unwrap_or_default().to_ascii_uppercase();
    Some(match word.as_str() {
        "收入" | "收" | "收款" | "贷" | "贷方" | "贷记" | "转入" | "存入" | "入账" | "进账" | "入" | "来账" | "C"
        | "CR" | "CREDIT" | "+" => Side::Moves(Direction::Credit),
        "支出" | "支" | "付" | "付款" | "借" | "借方" | "借记" | "转出" | "取出" | "支取" | "出账" | "出" | "往账"
        | "D" | "DR" | "DEBIT" | "-" => Side::Moves(Direction::Debit),
        "/" | "不计收支" | "中性交易" | "其他" | "其它" => Side::Neutral,
        _ => return None,
    })
}

/// Whether a flag cell says yes.
pub(super) fn flagged(cell: &str) -> bool {
    matches!(
        tidy(cell).unwrap_or_default().as_str(),
        "是" | "Y" | "y" | "1" | "true" | "冲正" | "红字" | "红" | "抹账" | "已冲正"
    )
}

/// Whether a row looks like a booking, whatever its columns are called: a day, and money beside it.
pub(super) fn is_booking<S: AsRef<str>>(cells: &[S]) -> bool {
    let filled: Vec<&str> = cells.iter().map(|cell| cell.as_ref().trim()).filter(|cell| !cell.is_empty()).collect();
    let is_day = |cell: &&&str| loose_date(cell).is_some();
    let (days, others): (Vec<&&str>, Vec<&&str>) = filled.iter().partition(is_day);
    filled.len() >= 3 && !days.is_empty() && others.into_iter().any(|cell| is_money(cell))
}

/// Money rather than a number of a line, of an account or of a telephone.
fn is_money(cell: &str) -> bool {
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    let shape = if cell.contains('.') { 3..=15 } else { 4..=9 };
    shape.contains(&digits) && matches!(amount(cell, false, 2), Ok(Some(fen)) if fen != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_as_exports_write_them() {
        for (cell, expected) in [
            ("1,234.56", Ok(Some(123_456))),
            ("\"-2,600.00\"", Ok(Some(-260_000))),
            ("¥28.16", Ok(Some(2_816))),
            ("￥0.35 ", Ok(Some(35))),
            ("+50.00", Ok(Some(5_000))),
            ("50.00-", Ok(Some(-5_000))),
            ("(1,000.00)", Ok(Some(-100_000))),
            ("１２３．４５", Ok(Some(12_345))),
            ("9.9元", Ok(Some(990))),
            ("-", Ok(None)),
            ("", Ok(None)),
            (" \t", Ok(None)),
            ("1,23.45", Err(AmountFault::Shape)),
            ("1.234,56", Err(AmountFault::Shape)),
            ("xx,yyyy.zz", Err(AmountFault::Shape)),
            ("--5", Err(AmountFault::Shape)),
            ("0.005", Err(AmountFault::TooFine)),
            ("99,999,999,999,999.00", Err(AmountFault::TooLarge)),
        ] {
            assert_eq!(amount(cell, false, 2), expected, "{cell}");
        }
        assert_eq!(amount("240000", true, 2), Ok(Some(240_000)));
        assert_eq!(amount("2400.5", true, 2), Err(AmountFault::TooFine));
    }

    #[test]
    fn blanks_and_dashes_are_empty() {
        for cell in ["", "  ", "-------------------", "/", "\t"] {
            assert_eq!(filled(cell), None, "{cell}");
        }
        assert_eq!(filled(" a\t b ").as_deref(), Some("a b"));
        assert_eq!(side("不计收支 "), Some(Side::Neutral));
        assert_eq!(side("借"), Some(Side::Moves(Direction::Debit)));
        assert_eq!(side("？"), None);
    }

    proptest! {
        #[test]
        fn cells_never_panic(cell in "\\PC{0,24}") {
            let _ = (amount(&cell, false, 2), side(&cell), filled(&cell));
        }
    }

    #[test]
    fn a_booking_is_told_from_what_else_stands_in_a_workbook() {
        for (row, expected) in [
            ("2026-03-02,课时费,100.00", true),
            ("20260302,工资,-5000", true),
            ("2026/3/2 14:06,张三,\"1,200.50\"", true),
            ("打印日期,2026-03-18", false),
            ("1,张三,2026-03-01", false),
            ("13800000000,张三,2026-03-01", false),
            ("2026-03-01,至,2026-03-31", false),
            ("2026-03-02,课时费,0.00", false),
            ("日期,摘要,金额", false),
        ] {
            let cells: Vec<String> = match row.split_once('"') {
                Some((head, last)) => head
                    .split(',')
                    .filter(|cell| !cell.is_empty())
                    .chain([last.trim_matches('"')])
                    .map(str::to_owned)
                    .collect(),
                None => row.split(',').map(str::to_owned).collect(),
            };
            assert_eq!(is_booking(&cells), expected, "{row}");
        }
    }
}
