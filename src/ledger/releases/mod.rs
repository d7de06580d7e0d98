//! Release orders (划拨指令): what the bank may pay out of escrow for lessons that were confirmed.
//!
//! An order is worked out for a period, approved by rule or by an official, sent, and settled by the bank's entry. The same
//! institution, period and number give the same order however often it is asked for.

pub mod api;
pub mod commands;
mod error;
pub mod model;
pub mod store;

pub use error::ReleaseError;
