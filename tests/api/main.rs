//! Stories told over HTTP, against the real service with its own PostgreSQL.

mod app;
mod courses;
mod isolation;
mod escrow;
mod register;
mod sessions;
