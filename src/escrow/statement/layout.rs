//! What the columns of one bank's export mean, where a person has said so: the names alone do not always tell.
//!
//! A layout is known by its header row, whichever file it comes in, and says for each column what it means or that it
//! does not count. Nothing of a file's content is kept in it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    table::{plain, proposed},
    values::tidy,
};

/// The meaning of a column.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ColumnRole {
    /// The booking day, with a time of day or without.
    Date,
    Time,
    ValueDate,
    /// What came in.
    Credit,
    /// What went out.
    Debit,
    /// Either, told apart by its sign or by the direction beside it.
    Amount,
    Direction,
    Balance,
    CounterpartyName,
    CounterpartyAccount,
    /// The bank's own number of the line.
    Serial,
    Currency,
    OwnAccount,
    Remittance,
    Status,
    Reversal,
    CardTail,
}

/// One column of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayoutColumn {
    /// As the header writes it.
    pub name: String,
    /// `None`: the column does not count.
    #[serde(default)]
    pub role: Option<ColumnRole>,
}

/// The columns of one header row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Whose export it is, for people.
    #[serde(default)]
    pub bank: String,
    pub columns: Vec<LayoutColumn>,
    /// It was told of another bank than that of the file, or nobody knows whose the file is: the names that are known to
    /// everybody go before it.
    #[serde(skip)]
    pub foreign: bool,
}

/// Columns of one layout.
pub const LAYOUT_COLUMNS_MAX: usize = 256;
/// Characters of one header.
const NAME_MAX: usize = 200;

/// Why columns cannot be read as a layout says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message_en}")]
pub struct LayoutError {
    pub rule: &'static str,
    /// The columns concerned, from 0; none for the layout as a whole.
    pub columns: Vec<usize>,
    pub message_zh: String,
    pub message_en: String,
}

impl LayoutError {
    fn new(rule: &'static str, columns: Vec<usize>, zh: impl Into<String>, en: impl Into<String>) -> LayoutError {
        LayoutError { rule, columns, message_zh: zh.into(), message_en: en.into() }
    }
}

impl Layout {
    /// The layout of a header row with these meanings, column by column; empty cells at its end do not count.
    pub fn of<S: AsRef<str>>(bank: &str, header: &[S], roles: &[Option<ColumnRole>]) -> Layout {
        let role = |index: usize| roles.get(index).copied().flatten();
        let names = header
            .iter()
            .enumerate()
            .map(|(index, cell)| LayoutColumn { name: tidy(cell.as_ref()).unwrap_or_default(), role: role(index) });
        let mut columns: Vec<LayoutColumn> = names.collect();
        while columns.last().is_some_and(|last| last.name.is_empty()) {
            columns.pop();
        }
        Layout { bank: bank.trim().to_owned(), columns, foreign: false }
    }

    /// What the names alone propose.
    pub fn proposed<S: AsRef<str>>(bank: &str, header: &[S]) -> Layout {
        Layout::of(bank, header, &proposed(header))
    }

    /// Whether a row is the header of this layout.
    pub fn is_header<S: AsRef<str>>(&self, cells: &[S]) -> bool {
        let end = cells.iter().rposition(|cell| tidy(cell.as_ref()).is_some()).map_or(0, |last| last + 1);
        end == self.columns.len()
            && end > 0
            && cells.iter().zip(&self.columns).all(|(cell, column)| plain(cell.as_ref()) == plain(&column.name))
    }

    /// The same for the same header row, however its blanks and brackets are written.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for column in &self.columns {
            hash.update(plain(&column.name));
            hash.update([0x1f]);
        }
        hash.finalize().into()
    }

    /// Everything that keeps the columns from being read so; empty means that they can be.
    pub fn faults(&self) -> Vec<LayoutError> {
        let mut faults = Vec::new();
        let with = |role: ColumnRole| -> Vec<usize> {
            self.columns.iter().enumerate().filter(|(_, c)| c.role == Some(role)).map(|(index, _)| index).collect()
        };
        let size = self.columns.len();
        if size == 0 || size > LAYOUT_COLUMNS_MAX {
            let (zh, en) = ("表头须有 1 至 256 列", "a header has 1 to 256 columns");
            faults.push(LayoutError::new("columns", Vec::new(), zh, en));
        }
        let long = self.columns.iter().position(|column| column.name.chars().count() > NAME_MAX);
        if let Some(index) = long {
            faults.push(LayoutError::new(
                "columns",
                vec![index],
                "这一列的表头过长，请核对表头行是否选对",
                "the header of this column is too long; is it the header row?",
            ));
        }
        use strum::IntoEnumIterator;
        for role in ColumnRole::iter().filter(|role| *role != ColumnRole::Remittance) {
            let columns = with(role);
            if columns.len() > 1 {
                faults.push(LayoutError::new(
                    "role_twice",
                    columns,
                    "同一含义只能选给一列（摘要除外），请把另一列改为“不用”",
                    "only one column may mean this (remarks excepted); set the other to \"not used\"",
                ));
            }
        }
        let (credit, debit) = (with(ColumnRole::Credit), with(ColumnRole::Debit));
        let (amount, direction) = (with(ColumnRole::Amount), with(ColumnRole::Direction));
        if with(ColumnRole::Date).is_empty() {
            faults.push(LayoutError::new(
                "no_date",
                Vec::new(),
                "没有指定记账日期列，请选出日期列",
                "no column is the booking date; choose it",
            ));
        }
        match (credit.is_empty() && debit.is_empty(), amount.is_empty()) {
            (true, true) => faults.push(LayoutError::new(
                "no_amount",
                Vec::new(),
                "没有指定金额列，请选出金额列，或收入、支出两列",
                "no column is the amount; choose it, or the two columns of money in and money out",
            )),
            (false, false) => faults.push(LayoutError::new(
                "amount_twice",
                [credit, debit, amount].concat(),
                "收入、支出两列与金额列只能选其一，请把不用的改为“不用”",
                "choose either money in and money out, or the amount; set what does not count to \"not used\"",
            )),
            (false, true) if credit.is_empty() || debit.is_empty() => faults.push(LayoutError::new(
                "one_side",
                [credit, debit].concat(),
                "收入、支出须各有一列；只有一列金额的，请选“金额”",
                "money in and money out need a column each; a single column is the amount",
            )),
            (false, true) if !direction.is_empty() => faults.push(LayoutError::new(
                "direction_beside_sides",
                direction,
                "已有收入、支出两列，收支方向列请改为“不用”",
                "money in and money out are told apart already; set the direction to \"not used\"",
            )),
            _ => {}
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Layout {
        let columns = text.split(',').map(|column| {
            let (name, role) = column.split_once('=').unwrap_or((column, ""));
            LayoutColumn { name: name.to_owned(), role: (!role.is_empty()).then(|| role.parse().unwrap()) }
        });
        Layout { bank: "台州银行".to_owned(), columns: columns.collect(), foreign: false }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_columns() {
        for (case, text, expected) in [
            ("both sides", "甲=date,乙=credit,丙=debit", vec![]),
            ("one signed amount", "甲=date,乙=amount,丙", vec![]),
            ("an amount with its direction", "甲=date,乙=amount,丙=direction,丁=remittance,戊=remittance", vec![]),
            ("no date", "甲,乙=amount", vec![("no_date", vec![])]),
            ("no amount", "甲=date,乙=balance", vec![("no_amount", vec![])]),
            ("one side", "甲=date,乙=credit", vec![("one_side", vec![1])]),
            ("amount twice", "甲=date,乙=credit,丙=debit,丁=amount", vec![("amount_twice", vec![1, 2, 3])]),
            ("two dates", "甲=date,乙=date,丙=amount", vec![("role_twice", vec![0, 1])]),
            (
                "a direction too many",
                "甲=date,乙=credit,丙=debit,丁=direction",
                vec![("direction_beside_sides", vec![3])],
            ),
        ] {
            let found: Vec<_> = layout(text).faults().into_iter().map(|fault| (fault.rule, fault.columns)).collect();
            assert_eq!(found, expected, "{case}");
        }
    }

    #[test]
    fn a_header_is_known_again_however_it_is_spaced() {
        let known = Layout::of("", &["发生日", "金额（元）", " 摘 要 ", "", ""], &[]);
        assert_eq!(known.columns.len(), 3);
        for (cells, same) in [
            (vec!["发生日", "金额(元)", "摘要"], true),
            (vec!["\u{feff}发生日 ", "金额", "摘要", "", " "], true),
            (vec!["发生日", "金额"], false),
            (vec!["发生日", "金额", "摘要", "备注"], false),
            (vec!["金额", "发生日", "摘要"], false),
        ] {
            assert_eq!(known.is_header(&cells), same, "{cells:?}");
            assert_eq!(Layout::of("", &cells, &[]).fingerprint() == known.fingerprint(), same, "{cells:?}");
        }
    }

    #[test]
    fn a_layout_is_written_as_it_is_read() {
        let one = layout("发生日=date,发生额=amount,用途=remittance,经办");
        let text = serde_json::to_string(&one).unwrap();
        assert!(text.contains("{\"name\":\"发生额\",\"role\":\"amount\"}"), "{text}");
        assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), one);
        assert!(serde_json::from_str::<Layout>("{\"columns\":[{\"name\":\"甲\",\"role\":\"money\"}]}").is_err());
    }
}
