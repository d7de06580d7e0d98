//! The pure escrow detector: entries of one account in, changes of its warnings out.
//!
//! One state machine ([`AccountState`]) serves live ingest, the command line and back-tests, so they cannot disagree.
//! Nothing here reads a clock, a database or the network. Judged are W1 to W6, W9, W10, W13 and W14 of
//! domain-rules §5.4: all that one account's entries show, with what is owed and what is filed about it.

mod account;
mod at_day_end;
mod at_entry;
mod below_min;
mod counterparty;
mod coverage;
mod cum_rolling;
mod daily;
pub mod days;
mod facts;
mod figures;
mod large_single;
mod lenders;
mod loan;
mod model;
mod obligations;
mod open;
mod replay;
mod rows;
mod runoff;
mod siblings;
mod structuring;
mod surge;
#[cfg(test)]
mod tests;
mod withdraw_unmatched;

pub use account::{AccountState, DetectorError, Grounds, Opening};
pub use facts::{AccountFacts, FiledAccount, FiledName, Person, Relation};
pub use figures::{Outlook, Required};
pub use lenders::{is_lender as shows_lender, why as lender_word_means};
pub use model::{Change, Entry, Kind, Level, Step, Undetermined, Warning, WarningKind};
pub use obligations::{Obligation, ObligationEvent, Obligations, OwedDay};
pub use replay::{AccountReport, ReplayError, Simulation, replay, simulate};
pub(in crate::escrow) use rows::Table;
pub use rows::{AccountRows, EntryRow, RowError, read_entries, read_obligations};
pub use siblings::{OnItsWay, Sibling, SiblingDay, Siblings, names};
