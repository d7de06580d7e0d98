//! A large file that is read piece by piece, whatever its format.

use std::io::Read;

use chrono::NaiveDate;

use super::model::{Document, Entry, Limits, Statement};

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

/// What comes, cut where its reader says.
pub struct Pieces<R> {
    source: R,
    /// Read and not yet given out.
    rest: Vec<u8>,
    /// Bytes of a piece.
    size: usize,
    /// Bytes so far, of which there are bounds.
    total: u64,
    ended: bool,
}

impl<R: Read> Pieces<R> {
    /// Of a source of which nothing was read yet, `size` bytes a piece.
    pub(super) fn new(source: R, size: usize) -> Pieces<R> {
        Pieces { source, rest: Vec::with_capacity(size), size, total: 0, ended: false }
    }

    /// Whether the source has no more.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads on until a piece, or `most` bytes where that is less, wait to be cut.
    pub(super) fn fill(&mut self, most: usize, limits: &Limits) -> Result<&[u8], NotPlain> {
        let before = self.rest.len();
        let wanted = self.size.min(most).saturating_sub(before);
        let source = self.source.by_ref();
        let read = source.take(wanted as u64).read_to_end(&mut self.rest).map_err(|_| NotPlain)?;
        self.ended |= read < wanted;
        self.total += (self.rest.len() - before) as u64;
        if self.total > limits.max_bytes_unpacked { Err(NotPlain) } else { Ok(&self.rest) }
    }

    /// Takes the first bytes of what waits.
    pub(super) fn cut(&mut self, end: usize) -> Vec<u8> {
        let rest = self.rest.split_off(end);
        std::mem::replace(&mut self.rest, rest)
    }

    /// What was read from, and what of it was not cut.
    pub(super) fn end(self) -> (R, Vec<u8>) {
        (self.source, self.rest)
    }
}
