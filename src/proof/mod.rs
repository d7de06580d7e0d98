//! The three-way proof (三方核对): bank statement ↔ contract ledger ↔ attendance, to the fen, by institution and day.
//!
//! [`rules`] compares, and is pure; what does not match is a queue of work for officials; the outcome of a day is signed and
//! kept. Proven nightly and on demand. Not here: warnings (W4 and W12 are the detector's and oversight's).

pub mod commands;
mod examine;
mod matches;
mod model;
pub mod pages;
mod rules;
mod seal;
mod store;

pub use commands::{ProofError, nightly};
pub use examine::examine;
pub use matches::{Match, Matches, matches};
