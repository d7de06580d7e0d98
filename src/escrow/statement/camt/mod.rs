//! camt.052, camt.053 and camt.054 of every version: one pass over the XML, no tree.
//!
//! Elements are known by their local names, so any version and any prefix is read the same. A document type
//! declaration is refused, and no entity is expanded but the five of XML itself and character references. Parts that
//! a statement does not need (addresses, agents, codes, charges) are passed over unread.
//!
//! The entries of one very large statement are read in several parts at once, see [`parts`].

mod entry;
pub(super) mod flow;
mod parts;
mod tag;
mod walk;

use self::walk::Walk;
use super::{
    error::StatementError,
    model::{Format, Limits},
    settle::Draft,
};

/// What a camt file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub format: Format,
    pub version: Option<String>,
    pub drafts: Vec<Draft>,
}

/// Reads a camt message.
///
/// Fails on XML that is not well formed or ends early, a document type declaration, an unknown entity, a message of
/// another kind, one without a statement, and an entry whose amount, direction or booking date cannot be read.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Message, StatementError> {
    read_in_parts(text, limits, parts::worth(text.len()))
}

/// The same, in so many parts where that can be.
fn read_in_parts(text: &str, limits: &Limits, parts: usize) -> Result<Message, StatementError> {
    if let Some(message) = parts::read(text, limits, parts) {
        return Ok(message);
    }
    let mut walk = Walk::new(text, limits);
    walk.run()?;
    walk.message()
}
