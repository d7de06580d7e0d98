//! Stories told over HTTP, against the real service with its own PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod accounts;
mod app;
mod courses;
mod departments;
mod escrow;
mod gate;
mod isolation;
mod machines;
mod mail;
mod oidc;
mod register;
mod samples;
mod sessions;
mod statements;
mod tokens;
