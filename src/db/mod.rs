//! The way to the database: the private cluster, roles, migrations, pools and [`Scope`].
//!
//! A connection for signed-in work exists only as a [`ScopedConn`], which [`Scope::begin`] hands out; the sign-in role writes
//! with an [`AuthConn`].

pub mod auth;
pub mod cluster;
mod gather;
pub mod migrate;
pub mod open;
pub mod pools;
mod prepared;
pub mod privileges;
pub mod roles;
pub mod scope;
pub mod trail;

pub use auth::AuthConn;
pub use gather::{BrokenOff, Gather};
pub use open::{Database, OpenError};
pub use pools::Pools;
pub use prepared::{Statements, prepared};
pub use scope::{DbError, Scope, ScopedConn};
