//! The audit trail: every change of state and every look at unmasked personal data, who, when, before and after.
//!
//! Events are written in the transaction of the change itself, and no runtime role may change or remove one. They are
//! chained by [`db::trail`](crate::db::trail); here are what they say, the pages, the verifier and the keeper.

pub mod api;
pub mod checkpoint;
pub mod keep;
mod look;
mod model;
pub mod org;
pub mod pages;
mod query;
mod shown;
pub mod store;
pub mod verify;
mod words;

pub use look::{DOCUMENT_READ, Look, UNMASKED, look, look_as};
pub use model::Event;
