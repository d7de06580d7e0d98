//! Stories told over HTTP, against the real service with its own PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod accounts;
mod app;
mod audit;
mod audit_chain;
mod audit_keeping;
mod courses;
mod departments;
mod escrow;
mod gate;
mod isolation;
mod mail;
mod register;
mod samples;
mod sessions;
mod statements;
