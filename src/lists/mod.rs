//! The white list and the blacklist: steps that one official proposes and another decides, with their append-only history.
//!
//! Where an institution stands is what its latest decision says.

pub mod api;
pub mod commands;
mod error;
mod model;
mod overview;
pub mod pages;
pub mod rules;
pub mod store;

pub use commands::propose;
pub use error::ListError;
pub use model::{Approval, Ground, ListEntry, ListMove, ListStatus, Proposal, Refused, Verdict};
pub use overview::{OpenStep, Overview, history, overview};
pub use store::{longest_waiting as waiting, open_proposals_of};
