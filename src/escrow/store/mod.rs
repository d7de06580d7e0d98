//! SQL of escrow for signed-in users. What the bank brings is written by the ingest's own store.

pub mod accounts;
pub mod drafts;
pub mod entries;
pub mod known;
pub mod layouts;
pub mod owed;
pub mod persons;
pub mod regions;
pub mod siblings;
pub mod warnings;
pub mod watch;
