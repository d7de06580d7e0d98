//! A simulated county: parents pay and learn, banks report late or broken, and some owners empty their accounts.
//!
//! [`world`] makes up what happens, day by day, from a seed alone; [`bank`] books it and writes the statement files of a real
//! bank's shape; [`setup`] makes the county and [`drive`] feeds both to the service's own commands, as people and banks would, and asks the
//! [`doctor`](crate::doctor) every week whether the books hold together; [`store`] compares them with the banks'; [`report`] says how
//! early each kind of warning came and how often for nothing.
//!
//! Nothing here judges: what warns is the detector of the service.

pub mod bank;
mod change;
pub mod drive;
mod officials;
pub mod report;
pub mod setup;
pub mod store;
pub mod world;

use chrono::NaiveDate;

use crate::{
    db::DbError,
    demo::DemoError,
    doctor::deep::DeepError,
    escrow::{EscrowError, ingest::IngestError},
    institutions::RegisterError,
    kernel::Fault,
    ledger::{LedgerError, refunds::RefundError, releases::ReleaseError},
};

/// What to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// The first day.
    pub from: NaiveDate,
    pub days: u32,
    /// Schools; the first are dishonest, one of each kind of [`world::Owner`], as far as a third of the county allows.
    pub schools: usize,
}

/// What stopped a simulation. The two about money are faults of the service.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error("institution {institution}, {day}: {what}: {found}, not {wanted}")]
    Invariant { what: &'static str, day: NaiveDate, institution: i64, found: i64, wanted: i64 },
    #[error("{day}: {fault}")]
    Fault { day: NaiveDate, fault: Fault },
    #[error("the file {0} is cut off and was taken in all the same")]
    Broken(String),
    #[error("the county could not be made: {0}")]
    Made(&'static str),
    #[error("the county could not be set up: {0}")]
    SetUp(#[from] DemoError),
    #[error("an account was not filed: {0}")]
    Filing(#[from] EscrowError),
    #[error(transparent)]
    Register(#[from] RegisterError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Refund(#[from] RefundError),
    #[error(transparent)]
    Release(#[from] ReleaseError),
    #[error("a statement was not taken in: {0}")]
    Ingest(#[from] IngestError),
    #[error("the books could not be looked at: {0}")]
    Look(#[from] DeepError),
    #[error(transparent)]
    Db(#[from] DbError),
}
