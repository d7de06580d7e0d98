//! Who holds which post: invitations by mail, disabling, roles, handing over; and which department is in charge of what.
//!
//! A bureau's administrator manages the posts of that bureau, whatever its level, and nobody else's; an institution's
//! administrator those of the institution. All of it runs on the sign-in role inside a scope, so that the database, too,
//! keeps an administrator to their own place.

pub mod api;
pub mod commands;
pub mod department_pages;
pub mod departments;
mod error;
pub mod invitations;
pub mod invite_pages;
mod mail;
mod model;
pub mod pages;
pub mod region_pages;
pub mod rules;
mod store;

pub use error::PostError;
pub use model::{Assignment, InviteToken, Listing, PostRow, Status};
