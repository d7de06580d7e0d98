//! Which account an institution's fees are held in: filed whole, changed without a gap.
//!
//! A sheet of the register names an account by its number alone; agreement and payee are filed later, on the same account. An
//! institution that changes its account files the new one as the successor with a day: until then the old one is in use, from
//! then on the new one, and the old one is watched until it is empty and its last statement says so. [`rules`] are pure.

pub(super) mod amend;
mod change;
mod commands;
mod model;
pub(super) mod pages;
mod rules;
pub(super) mod store;

pub use change::pass_time;
pub use commands::{Filed, file, withdraw};
pub use model::Filing;
pub use rules::Differing;
