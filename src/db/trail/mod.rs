//! The sealed trail below the audit feature: what an event holds, how it is chained, how it gets into the database.
//!
//! Every bureau has one chain. An event's `hash` is keyed with a secret that the database does not hold and covers the
//! event, its number and the hash before it, so that whoever has the database alone can neither edit, remove nor reorder
//! events unnoticed, nor chain them anew. Appending locks the bureau's head; since that would make everybody wait for a
//! long transaction, a [`ScopedConn`](super::ScopedConn) and an [`AuthConn`](super::AuthConn) keep their events to themselves
//! and append them as the last thing before the commit. Locks are taken in order of the bureaus' codes, after all other
//! locks: there is no deadlock.
//!
//! Not here: what the events are about, pages, verifying (`audit`).

mod append;
mod draft;
mod seal;

pub(super) use append::{append, by_tenant};
pub use append::{append_by, append_pooled};
pub use draft::{Draft, Who};
pub use seal::{FORM, GENESIS, Hash, Key, KeyError};
