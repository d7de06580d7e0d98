//! Prepaid-fund escrow: bank statements, the escrow policy, the detector, warnings.
//!
//! Warnings are private: officials of the county and the levels above see them, and the institution its own. Nothing of
//! them is ever published.

pub mod api;
pub mod brief;
pub mod commands;
pub mod detector;
mod error;
pub mod events;
pub mod ingest;
pub mod model;
pub mod pages;
pub mod policy;
pub mod statement;
pub mod store;
mod upload;

pub use error::EscrowError;
