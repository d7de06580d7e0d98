//! The white list and the blacklist: steps that one official proposes and another decides, with their append-only history.
//!
//! Where an institution stands is what its latest decision says.

pub mod api;
pub mod commands;
mod desk;
mod error;
mod model;
mod overview;
pub mod pages;
pub mod rules;
pub mod store;

pub use commands::propose;
pub use desk::ListDesk;
pub use error::ListError;
pub use model::{Ground, ListEntry, ListMove, ListStatus, Proposal, Refused};
pub use overview::{OpenStep, Overview, history, overview};
