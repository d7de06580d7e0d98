//! Course filings (课程备案): what an institution promises to teach, when, by whom and for how much.
//!
//! [`model`] is the filing as it is sent, stored and shown; [`rules`] judges it without clock, database or HTTP.

pub mod api;
pub mod commands;
pub mod form;
pub mod model;
pub mod pages;
pub mod rules;
pub mod store;

pub use model::{Filing, InvalidFiling, Known};
pub use rules::{Verdict, check};
pub use store::longest_waiting as waiting;
