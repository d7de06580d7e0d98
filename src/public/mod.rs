//! What anyone may see without signing in: search, an institution's record, verification by code.
//!
//! All of it is read from one table of published facts, `public_institutions`, which [`publish`] rewrites inside the
//! transaction that changes a fact. Never published: warnings, complaints, students, anybody's identity number or phone.

pub mod api;
mod facts;
pub mod model;
pub mod pages;
mod query;
mod store;
mod verify;
mod words;

pub use query::Asked;
pub use store::{
    census::Census,
    examine::examine,
    publish::{publish, publish_all},
    reader::Reader,
};
