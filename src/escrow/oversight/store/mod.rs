//! All SQL of the oversight.

pub mod facts;
pub mod ledger;
pub mod telling;
pub mod warnings;
pub mod webhooks;
