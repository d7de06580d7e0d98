//! SQL of the ingest, on connections of the ingest role inside a [`Transaction`](super::transaction::Transaction).

pub(super) mod accounts;
pub(super) mod entries;
pub(super) mod faults;
pub(super) mod forecasts;
pub(super) mod histories;
pub(super) mod orders;
pub(super) mod pushes;
pub(super) mod siblings;
pub(super) mod tally;
pub(super) mod warnings;
