//! Evidence (举证材料): documents attached to what somebody did about a warning.
//!
//! The type is told by the content, never by the name; file and name are kept sealed, with the SHA-256 of what was sent. A
//! document is read by whoever may read its action, and an official's look leaves its trace.

pub mod api;
mod commands;
pub mod model;
pub mod pages;
mod rules;
pub mod store;

pub use commands::{Checked, attach, checked, sealed};
pub use model::Attachment;
