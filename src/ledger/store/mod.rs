//! Every SQL statement of the ledger.

pub mod by_ingest;
pub mod contracts;
pub mod examine;
pub mod lessons;
pub mod owed;
pub mod payers;
pub mod payments;
pub mod pupils;
pub mod refunds;
