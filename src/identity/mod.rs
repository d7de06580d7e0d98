//! Who is who, and who may do what: accounts, sign-in, sessions, tokens, machine keys, and the permission table.
//!
//! Signing in works with the sign-in role's connections, because no scope is known before it has succeeded.

pub mod commands;
pub mod machine;
mod model;
pub mod password;
pub mod permissions;
pub mod store;
pub mod tokens;

pub use model::{Actor, Caller, Role};
pub use permissions::{Action, may};
