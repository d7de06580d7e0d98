//! What families bought and paid ahead: contracts, payments, lessons, and what is owed day by day.
//!
//! [`model`] has the words and the price, [`rules`] judges without clock, database or HTTP, [`commands`] change, and
//! [`booking`] keeps the sums that the escrow watch reads.

pub mod api;
pub mod booking;
pub mod commands;
mod documents;
mod error;
mod import;
pub mod model;
pub mod policy;
pub mod rules;
pub mod store;

pub use commands::confirm_overdue;
pub use error::LedgerError;
pub use store::{
    by_ingest::{PaidRefund, refunds_paid},
    contracts::{kept_about, phone_place, pupil_place},
    lessons::dispute_place,
    payments::payee_place,
};
