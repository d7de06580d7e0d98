//! Complaints of parents as evidence: what speaks for fees outside escrow (W12) or for a training loan (W13), recorded by the
//! bureau that received it and counted by the rules until it is refuted.
//!
//! The institution reads none of it. Not here: filing a complaint on the public pages, its number and its clocks.

pub mod api;
mod commands;
mod error;
pub mod model;
pub mod pages;
mod store;

pub use error::ComplaintError;
pub use store::{kept_about, note_place, phone_place};
