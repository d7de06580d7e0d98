//! A large file that is read piece by piece, whatever its format.

use chrono::NaiveDate;

use super::model::{Document, Entry, Statement};

/// The file is to be read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPlain;

/// One statement on its way, of which no more is held than a few pieces.
///
/// Only a plain one goes this way: one statement in order of booking whose every line has a reference of its own, without any
/// fault. Of anything else [`NotPlain`] is all that is said, and the caller reads the file as a whole: what a file says, and
/// what is said about a faulty one, never depends on the pieces.
pub trait Flowing {
    /// What the file is read from.
    type Source;

    /// What is known of the statement before its entries.
    fn begins(&self) -> &Statement;

    /// The day of the first entry, where that is known before the entries are read.
    fn first_on(&self) -> Option<NaiveDate> {
        None
    }

    /// The next entries in order of the file, numbered; `None` behind the last.
    fn read_on(&mut self) -> Result<Option<Vec<Entry>>, NotPlain>;

    /// What the file says once it is at its end: without its entries, which were given already, and what it was read from.
    fn end(self) -> Result<(Document, Self::Source), NotPlain>;
}
