//! Refunds (退费): asked for on a family's behalf, approved, and settled by the bank's entry.
//!
//! The sum is worked out by [`rules::refund`](super::rules::refund) when it is shown, again when it is asked for, and again
//! when it is approved; what changed in between is said, never passed over. That one is overdue is computed, not stored.

pub mod api;
pub mod commands;
pub mod error;
mod limits;
pub mod model;
pub mod store;

pub use error::RefundError;
