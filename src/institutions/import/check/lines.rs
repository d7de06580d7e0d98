//! Rows that are not rows of data: totals, remarks, the header once more, numbers without anything else.

use super::{
    super::{header::Field, rule::Rule, table::TableRow},
    Columns, cells,
};

/// What a row is.
pub(super) enum Kind {
    Data,
    /// Nothing but a running number.
    Blank,
    /// To be left out, with the text that tells.
    Other(Rule, String),
}

const TOTALS: [&str; 6] = ["合计", "总计", "共计", "小计", "总数", "累计"];
const REMARKS: [&str; 16] = [
    "注:",
    "注1",
    "注释",
    "备注:",
    "说明:",
    "填表说明",
    "填报说明",
    "填表人",
    "填报人",
    "制表",
    "审核",
    "审批人",
    "填表单位",
    "填报单位",
    "联系人:",
    "单位(盖章)",
];

/// Tells what a row is; a row with a valid credit code is always data.
pub(super) fn kind(row: &TableRow, columns: &Columns, header: &[String]) -> Kind {
    if cells::code(columns.written(row, Field::CreditCode)).value.is_some() {
        return Kind::Data;
    }
    let filled: Vec<(usize, &str)> = row
        .cells
        .iter()
        .enumerate()
        .map(|(column, cell)| (column, cell.trim()))
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    let Some((_, first)) = filled.first() else { return Kind::Blank };
    let told: String = cells::narrow(first).chars().filter(|c| !c.is_whitespace()).collect();
    let few = filled.len() * 2 <= columns.at.len().max(6);
    let repeated =
        filled.iter().filter(|(column, cell)| header.get(*column).is_some_and(|label| label == cell)).count();
    if repeated >= 3 && repeated * 2 > filled.len() {
        return Kind::Other(Rule::RepeatedHeader, (*first).to_owned());
    }
    if few && TOTALS.iter().any(|word| told.strip_prefix(word).is_some_and(ends_a_word)) {
        return Kind::Other(Rule::TotalLine, (*first).to_owned());
    }
    if few && (REMARKS.iter().any(|word| told.starts_with(word)) || (filled.len() == 1 && is_heading(&told))) {
        return Kind::Other(Rule::NoteLine, (*first).to_owned());
    }
    let understood = |column: &usize| columns.at.values().any(|(known, _)| known == column);
    match filled[..] {
        [(column, number)] if !understood(&column) && number.bytes().all(|b| b.is_ascii_digit()) => Kind::Blank,
        _ => Kind::Data,
    }
}

/// Whether a word of totals stands alone: 合计教育 would be the name of an institution.
fn ends_a_word(rest: &str) -> bool {
    rest.chars().next().is_none_or(|c| !c.is_alphabetic() || c == '家')
}

/// 一、学科类 or （二）体育类 between the rows.
fn is_heading(text: &str) -> bool {
    let text = text.trim_start_matches('(');
    let rest = text.trim_start_matches(['一', '二', '三', '四', '五', '六', '七', '八', '九', '十']);
    rest.len() < text.len() && rest.starts_with(['、', ')', '.', ','])
}
