//! Stories told over HTTP, against the real service with its own PostgreSQL.

mod app;
mod courses;
mod escrow;
mod isolation;
mod register;
mod samples;
mod sessions;
