//! Who is who, and who may do what: accounts, sign-in, sessions, tokens, machine keys, and the permission table.
//!
//! A *person* signs in; a *post* (a row of `users`) is what the person is in one bureau or for one institution. Sessions
//! belong to posts, credentials to people.
//!
//! Signing in works with the sign-in role's connections, because no scope is known before it has succeeded.

pub mod commands;
pub mod machine;
mod model;
pub mod oidc;
pub mod password;
pub mod permissions;
pub mod sessions;
pub mod sign_in;
pub mod store;
pub mod switching;
pub mod throttle;
pub mod tokens;

pub use crate::kernel::Department;
pub use model::{Actor, Caller, Role};
pub use permissions::{Action, may, roles};
pub use store::add_person;
