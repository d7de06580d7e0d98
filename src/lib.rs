//! mingjian (明鉴): supervision of off-campus training institutions by county education bureaus.
//!
//! Modules in reading order; `ARCHITECTURE.md` says how they hold together.

/// Who holds which post: invitations, roles, disabling, handing over, departments, bureaus of every level.
pub mod accounts;
/// Four eyes: one official proposes, another decides.
pub mod approvals;
/// The audit trail.
pub mod audit;
/// The command line.
pub mod cli;
/// Complaints of parents as evidence.
pub mod complaints;
/// What an operator may set.
pub mod config;
/// Course filings and the rules they are judged by.
pub mod courses;
/// The way to the database.
pub mod db;
/// Demonstration counties.
pub mod demo;
/// The workbench of an official.
pub mod desk;
/// The operator's own look: whether the service can work here, and whether what it keeps holds together.
pub mod doctor;
/// Prepaid-fund escrow: statements, policy, detector, warnings.
pub mod escrow;
/// Sign-in, sessions, tokens, and who may do what.
pub mod identity;
/// Training institutions: the register, its import, its search keys.
pub mod institutions;
/// Background work.
pub mod jobs;
/// Values without I/O: money, codes, days, findings.
pub mod kernel;
/// What families bought and paid ahead: contracts, payments, lessons, refunds and releases.
pub mod ledger;
/// The white list and the blacklist.
pub mod lists;
/// Rights in personal data: looks, requests, export, erasure, keys.
pub mod personal;
/// Parameters of supervision: effective-dated, inherited, and only ever tightened below.
pub mod policies;
/// The three-way proof: bank, ledger, attendance.
pub mod proof;
/// What anyone may see without signing in.
pub mod public;
/// The service's one secret and the keys derived from it.
pub mod secrets;
/// A simulated county.
pub mod simulate;
/// Personal data at rest: sealed, and found by keyed hash.
pub mod vault;
/// HTTP: routing, sessions, errors, pages.
pub mod web;
