//! All SQL of the oversight.

pub mod coverage;
pub mod facts;
pub mod faults;
pub mod ledger;
pub mod sms;
pub mod telling;
pub mod warnings;
pub mod webhooks;
