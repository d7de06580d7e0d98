//! Where a bureau's own systems hear of warnings: an address that it sets, to which each piece of news is sent as a signed POST.
//!
//! The message stands in the outbox like a mail and is tried again like one ([`jobs`](crate::jobs)).

pub mod address;
pub mod api;
mod commands;
pub mod pages;

pub use address::{is_public, reachable};
pub use commands::{Receiver, receiver};
