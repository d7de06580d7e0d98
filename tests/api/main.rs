//! Stories told over HTTP, against the real service with its own PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod accounts;
mod app;
mod approvals;
mod audit;
mod audit_chain;
mod audit_keeping;
mod complaints;
mod courses;
mod departments;
mod doctor;
mod escrow;
mod evidence;
mod filing;
mod folder;
mod gate;
mod isolation;
mod large_statements;
mod layouts;
mod ledger;
mod ledger_law;
mod ledger_pages;
mod ledger_refunds;
mod machines;
mod mail;
mod merge;
mod oidc;
mod oversight;
mod parents;
mod passkeys;
mod personal;
mod personal_leaks;
mod policies;
mod proof;
mod pushes;
mod register;
mod samples;
mod second_factor;
mod sessions;
mod sign_in;
mod sms;
mod statements;
mod tokens;
mod watch;
mod what_if;
