//! Bank statements: files of any supported format in, one model out.
//!
//! Pure: bytes in, entries out; no clock, no database. What a file may cost is bounded by [`Limits`]. A file is read
//! as a whole or refused as a whole, with the place, the rule and the mend ([`StatementError`]).
//!
//! Decisions: an amount is positive and below [`AMOUNT_FEN_LIMIT`], else the file is refused; an entry of amount zero
//! moves nothing and is left out, counted in `skipped.info` and noted. How references are made and lines given twice
//! are found is told in `settle`.

mod archive;
mod camt;
mod detect;
mod error;
mod flowing;
mod layout;
mod model;
mod mt940;
mod mt940_line;
mod read;
mod settle;
mod table;
mod text;
mod values;

pub use camt::flow::{Flow, open};
pub use detect::looks_like_xml;
pub use error::{Place, StatementError};
pub use flowing::{Flowing, NotPlain};
pub use layout::{ColumnRole, LAYOUT_COLUMNS_MAX, Layout, LayoutColumn, LayoutError};
pub use model::{
    AMOUNT_FEN_LIMIT, Direction, Document, Entry, Format, JUMPS_MAX, Jump, Limits, Note, RefSource, Skipped, Statement,
};
pub use read::{File, Member, Peek, members, parse, parse_file, peek};
pub use settle::is_synthetic;
pub use table::TableFlow;
