//! mingjian (明鉴): supervision of off-campus training institutions by county education bureaus.
//!
//! Modules in reading order; `ARCHITECTURE.md` says how they hold together.

/// The command line.
pub mod cli;
/// Course filings and the rules they are judged by.
pub mod courses;
/// Prepaid-fund escrow: statements, policy, detector, warnings.
pub mod escrow;
/// What an operator may set.
pub mod config;
/// The service's one secret and the keys derived from it.
pub mod secrets;
/// The way to the database.
pub mod db;
/// The audit trail.
pub mod audit;
/// Accounts, sign-in, sessions, and who may do what.
pub mod identity;
/// Training institutions: the register, its import, its search keys.
pub mod institutions;
/// What anyone may see without signing in.
pub mod public;
/// Values without I/O: money, codes, days, findings.
pub mod kernel;
/// HTTP: routing, sessions, errors, pages.
pub mod web;
/// Background work.
pub mod jobs;
/// Demonstration counties.
pub mod demo;
