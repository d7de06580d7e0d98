//! What families bought and paid ahead: contracts, payments, lessons, refunds and releases, and what is owed day by day.
//!
//! [`model`] has the words and the price, [`rules`] judges without clock, database or HTTP, [`commands`] change, and
//! [`booking`] keeps the sums that the escrow watch reads. Money leaves escrow for lessons that were confirmed
//! ([`releases`]) and for [`refunds`] alone.

pub mod api;
pub mod booking;
pub mod commands;
mod documents;
mod error;
mod examine;
mod glance;
mod import;
pub mod model;
pub mod pages;
pub mod policy;
mod private;
mod pupils;
pub mod refunds;
pub mod releases;
pub mod rules;
pub mod store;

pub use commands::confirm_overdue;
pub use error::LedgerError;
pub use examine::examine;
pub use glance::{Glance, glance};
pub use private::{private_contract, private_payment};
pub use pupils::index_pupils;
pub use rules::refund::route::{Party, Payers, Route};
pub use store::{
    by_ingest::{PaidRefund, payers, refund_route, refunds_paid, refunds_unpaid},
    contracts::{kept_about, phone_place, pupil_place},
    lessons::dispute_place,
    payments::{PAST_ESCROW, payee_place},
};
