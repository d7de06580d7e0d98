//! The first rows of a table as they stand in the file, for a person who says what the columns mean.

use super::{COLUMNS_MAX, head::Head, proposed};
use crate::escrow::statement::{layout::ColumnRole, values::blank};

/// Rows that are looked at; wallets put some thirty lines before their header.
pub(in super::super) const PEEK_ROWS: usize = 60;
/// Characters of a cell that are shown.
const CELL_CHARS: usize = 60;

/// The first rows of one sheet or text, without blank ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Peeked {
    pub sheet: Option<String>,
    pub rows: Vec<(u64, Vec<String>)>,
}

impl Peeked {
    pub(super) fn new(sheet: Option<String>) -> Peeked {
        Peeked { sheet, rows: Vec::new() }
    }

    /// Takes a row; whether more are wanted.
    pub(super) fn row<S: AsRef<str>>(&mut self, number: u64, cells: &[S]) -> bool {
        let filled = cells.iter().rposition(|cell| !cell.as_ref().chars().all(blank));
        if let Some(last) = filled {
            let shown = cells.iter().take((last + 1).min(COLUMNS_MAX)).map(|cell| cut(cell.as_ref()));
            self.rows.push((number, shown.collect()));
        }
        self.rows.len() < PEEK_ROWS
    }
}

/// The account that first rows name: in the facts above the header `header`, else in a column of the first row below it.
pub(in super::super) fn account_in(rows: &[(u64, Vec<String>)], header: u64) -> Option<String> {
    let mut head = Head::default();
    rows.iter().take_while(|(number, _)| *number < header).for_each(|(_, cells)| head.read(cells));
    let in_column = || {
        let (_, names) = rows.iter().find(|(number, _)| *number == header)?;
        let column = proposed(names).iter().position(|role| *role == Some(ColumnRole::OwnAccount))?;
        let (_, first) = rows.iter().find(|(number, _)| *number > header)?;
        first.get(column).filter(|cell| !cell.is_empty()).cloned()
    };
    head.account.or_else(in_column)
}

fn cut(cell: &str) -> String {
    cell.trim_matches(blank).chars().map(|c| if c.is_control() { ' ' } else { c }).take(CELL_CHARS).collect()
}
