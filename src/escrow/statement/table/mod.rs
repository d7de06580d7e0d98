//! Exports of banks and wallets as tables, whatever file they come in.
//!
//! A table may have a block of facts before its header, totals after its rows, its header again on every page, and
//! rows newest or oldest first. Rows are read as they come; order, signs and balances are settled at the end.

mod cells;
mod columns;
mod delimited;
mod flow;
mod head;
mod peek;
mod proposal;
mod records;
mod rows;
mod sections;
mod sheets;
mod xls;
mod xlsx;

pub use flow::TableFlow;

pub(super) use columns::plain;
pub(super) use delimited::{peek as peek_text, read as read_text};
pub(super) use peek::{Peeked, account_in};
pub(super) use proposal::{likeness, proposed};
pub(super) use xls::{peek as peek_xls, read as read_xls};
pub(super) use xlsx::{peek as peek_xlsx, read as read_xlsx};

use super::{
    error::{Place, StatementError},
    layout::Layout,
    model::Limits,
    settle::Draft,
};
use columns::Columns;
use head::Head;
use rows::Parsed;
use sections::Section;
pub(super) use sheets::Sheets;

/// Columns that are looked at; exports have some thirty.
const COLUMNS_MAX: usize = 256;

/// Reads the rows of one sheet or text, one after the other.
struct TableReader<'l> {
    limits: &'l Limits,
    /// What people have said of headers.
    layouts: &'l [Layout],
    sheet: Option<String>,
    /// The facts before the header.
    head: Head,
    columns: Option<Columns>,
    sections: Vec<Section>,
    entries: usize,
    /// The first row under no header that looks like a booking.
    loose: Option<u64>,
}

impl<'l> TableReader<'l> {
    fn new(limits: &'l Limits, layouts: &'l [Layout], sheet: Option<String>) -> TableReader<'l> {
        TableReader {
            limits,
            layouts,
            sheet,
            head: Head::default(),
            columns: None,
            sections: Vec::new(),
            entries: 0,
            loose: None,
        }
    }

    fn place(&self, row: u64, column: Option<String>) -> Place {
        Place::Cell { sheet: self.sheet.clone(), row, column }
    }

    /// Takes in one row; `number` counts as a spreadsheet or an editor does.
    fn row<S: AsRef<str>>(&mut self, number: u64, cells: &[S]) -> Result<(), StatementError> {
        let cells = &cells[..cells.len().min(COLUMNS_MAX)];
        if let Some(cell) = cells.iter().find(|cell| cell.as_ref().len() > self.limits.max_field_bytes) {
            let column = cells.iter().position(|other| std::ptr::eq(other, cell)).map(|index| (index + 1).to_string());
            let what = ("单元格的字节数", "bytes of one cell");
            return Err(StatementError::over_limit(self.place(number, column), what, self.limits.max_field_bytes));
        }
        if cells.iter().all(|cell| cell.as_ref().trim().is_empty()) {
            return Ok(());
        }
        let Some(columns) = &self.columns else {
            return self.before_header(number, cells);
        };
        if columns.repeats(cells) {
            return Ok(());
        }
        let parsed = rows::parse(columns, cells, self.limits).map_err(|fault| {
            fault.at(Place::Cell { sheet: self.sheet.clone(), row: number, column: fault.column() })
        })?;
        match parsed {
            Parsed::Entry(row) => {
                self.entries += 1;
                if self.entries > self.limits.max_entries {
                    let what = ("记账条目数", "number of entries");
                    return Err(StatementError::over_limit(self.place(number, None), what, self.limits.max_entries));
                }
                self.section().push(*row, number);
            }
            Parsed::Totals(totals) => self.section().totals = Some((number, totals)),
            Parsed::Balance { opening, fen } => self.section().head.set_balance(opening, fen),
            Parsed::Skip(skip) => self.section().skip(skip, number),
            Parsed::Other => self.after_rows(cells),
        }
        Ok(())
    }

    fn before_header<S: AsRef<str>>(&mut self, number: u64, cells: &[S]) -> Result<(), StatementError> {
        match Columns::of(cells, self.layouts) {
            Some(columns) => {
                if let Some(name) = columns.twice() {
                    return Err(ambiguous(self.place(number, Some(name.to_owned())), name));
                }
                self.columns = Some(columns.clone());
                let head = std::mem::take(&mut self.head);
                self.sections.push(Section::new(head, columns, self.sheet.clone()));
            }
            None => {
                if self.loose.is_none() && cells::is_booking(cells) {
                    self.loose = Some(number);
                }
                self.head.read(cells);
            }
        }
        Ok(())
    }

    /// A row that is no booking: another account's head block ends the section, anything else is small print.
    fn after_rows<S: AsRef<str>>(&mut self, cells: &[S]) {
        let mut head = Head::default();
        head.read(cells);
        if head.account.is_some()
            && self.section().head.account.is_some()
            && head.account != self.section().head.account
        {
            self.columns = None;
            self.head = head;
        }
    }

    fn section(&mut self) -> &mut Section {
        if self.sections.is_empty() {
            self.sections.push(Section::default());
        }
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    /// Whether a header was found.
    fn is_table(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The statements: one per account and currency of each section.
    fn finish(self) -> Result<Vec<Draft>, StatementError> {
        let mut drafts = Vec::new();
        let max = self.limits.max_statements;
        for section in self.sections {
            let found = section.finish(max - drafts.len());
            drafts.extend(found.ok_or_else(|| StatementError::too_many_statements(Place::File, max))?);
        }
        Ok(drafts)
    }
}

/// The refusal of a file, or of a sheet, in which no header row was found.
fn no_header(place: Place) -> StatementError {
    StatementError::new(
        place,
        "NO_HEADER",
        (
            "没有找到表头行（需要日期列，以及金额列或收入、支出两列）",
            "no header row was found: it needs a date and an amount, or a credit and a debit column",
        ),
        (
            "请在上传页面说明各列的含义，或从网上银行重新导出明细并保留表头，或改用 camt.053、MT940",
            "tell on the upload page what its columns mean, export the details again with their header, or use camt.053 or MT940",
        ),
    )
}

/// The refusal of a header in which money may be read from either of two columns.
fn ambiguous(place: Place, name: &str) -> StatementError {
    StatementError::new(
        place,
        "COLUMNS_AMBIGUOUS",
        (
            format!("表头中有两列“{name}”，不知道以哪一列为准"),
            format!("two columns are called \"{name}\"; which one counts is unknown"),
        ),
        ("请在上传页面指定各列的含义", "tell on the upload page what each column means"),
    )
}
