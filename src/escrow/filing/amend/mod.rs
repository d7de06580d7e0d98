//! What changes about an account that is filed whole: its agreement, or the own account that releases go to.
//!
//! The institution files the change, and nothing is other than it was until the bureau confirms it. A change of payee is how
//! prepaid money would be taken, so it takes two officials, neither of whom filed it; the new payee is known to the detector from
//! the day after, and the old one until then (docs/adr/0023).

pub(in crate::escrow) mod api;
pub(super) mod commands;
mod desk;
mod model;
pub(super) mod pages;
pub(in crate::escrow) mod store;

pub use desk::PayeeDesk;
pub use model::State;
pub use store::{kept_about, payee_before_place, payee_place};
