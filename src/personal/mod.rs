//! People's rights in what is kept about them: who may see it in the clear and why, what they may have a copy of, what is
//! erased when they ask for it, and the keys under which it lies.
//!
//! Masks are made where data are shown, by each feature; sealing is the [`vault`](crate::vault)'s. Here is what goes across
//! features: one value at a time in the clear, requests from above, export, erasure, and the change of keys.

pub mod api;
pub mod commands;
mod error;
mod examine;
pub mod model;
mod own;
pub mod pages;
pub mod rotation;
mod store;
pub mod subject;
mod subject_pages;

pub use error::PersonalError;
pub use examine::examine;
