//! The sheets of one workbook: what they give together, and which of them nobody could read.

use super::{
    super::{
        error::{Place, StatementError},
        model::Limits,
        settle::Draft,
    },
    TableReader, no_header,
};

/// The statements of a workbook, and its sheets that look like one under a header that nobody knows.
pub(in super::super) type Read = (Vec<Draft>, Vec<StatementError>);

/// Sheets as they are read, one after the other.
pub(in super::super) struct Sheets {
    left: Limits,
    drafts: Vec<Draft>,
    unread: Vec<StatementError>,
}

impl Sheets {
    pub(super) fn new(limits: &Limits) -> Sheets {
        Sheets { left: limits.clone(), drafts: Vec::new(), unread: Vec::new() }
    }

    /// What the sheets that follow may cost.
    pub(super) fn left(&self) -> Limits {
        self.left.clone()
    }

    /// Takes what a sheet came to.
    pub(super) fn take(&mut self, reader: TableReader<'_>) -> Result<(), StatementError> {
        if reader.is_table() {
            let found = reader.finish()?;
            self.left.spend(found.iter().map(|draft| &draft.statement));
            self.drafts.extend(found);
        } else if let Some(row) = reader.loose {
            self.unread.push(no_header(reader.place(row, None)));
        }
        Ok(())
    }

    /// The statements; a sheet that could not be read is noted in the first of them.
    pub(super) fn finish(mut self) -> Result<Read, StatementError> {
        let Some(first) = self.drafts.first_mut() else {
            return Err(self.unread.into_iter().next().unwrap_or_else(|| no_header(Place::File)));
        };
        for error in &self.unread {
            let (zh, en) = (
                "这张工作表像是明细，但没有认出表头，没有读取。请在上传页面说明各列的含义，或把这张工作表从文件中删去。",
                "This sheet looks like details, but its header is not known; it was not read. Tell on the upload page what its \
                 columns mean, or remove the sheet from the file.",
            );
            first.statement.note(&error.place, "SHEET_UNREAD", zh.to_owned(), en.to_owned());
        }
        Ok((self.drafts, self.unread))
    }
}
