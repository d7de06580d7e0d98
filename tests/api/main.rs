//! Stories told over HTTP, against the real service with its own PostgreSQL.

mod app;
mod sessions;
