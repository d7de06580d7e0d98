//! The audit trail: every change of state, who made it, what it was before and after.
//!
//! Rows are written in the transaction of the change itself, and no runtime role may change or remove one.

mod look;
mod model;
pub mod pages;
pub mod store;
mod words;

pub use look::{Look, UNMASKED, look};
pub use model::Event;
