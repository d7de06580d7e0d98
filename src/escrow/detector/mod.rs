//! The pure escrow detector: entries of one account in, changes of its warnings out.
//!
//! One state machine ([`AccountState`]) serves live ingest, the command line and back-tests, so they cannot disagree.
//! Nothing here reads a clock, a database or the network. Judged so far: `FUND-LARGE-SINGLE` (W1), `FUND-CUM-ROLLING`
//! (W2) and `FUND-BELOW-MIN` (W3).

mod account;
mod below_min;
mod cum_rolling;
mod days;
mod facts;
mod large_single;
mod model;
mod obligations;
mod replay;
mod rows;
#[cfg(test)]
mod tests;

pub use account::{AccountState, DetectorError, Grounds, Opening};
pub use facts::{AccountFacts, FiledAccount, Person, Relation};
pub use model::{Change, Entry, Kind, Level, Step, Undetermined, Warning, WarningKind};
pub use obligations::{Obligation, ObligationEvent, Obligations, OwedDay};
pub use replay::{AccountReport, ReplayError, Simulation, replay, simulate};
pub use rows::{AccountRows, EntryRow, RowError, read_entries, read_obligations};
