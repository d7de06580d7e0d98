//! Stories told over HTTP, against the real service with its own PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod accounts;
mod app;
mod approvals;
mod courses;
mod departments;
mod escrow;
mod gate;
mod isolation;
mod mail;
mod passkeys;
mod policies;
mod register;
mod samples;
mod second_factor;
mod sessions;
mod sign_in;
mod statements;
