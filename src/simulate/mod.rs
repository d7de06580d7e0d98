//! A simulated county: parents pay and learn, banks report late or broken, and some owners empty their accounts.
//!
//! [`world`] makes up what happens, day by day, from a seed alone; [`bank`] books it and writes the statement files of a real
//! bank's shape; [`drive`] feeds both to the service's own commands, as people and banks would, and asks after every step
//! whether money was lost or made; [`report`] says how early each kind of warning came and how often for nothing.
//!
//! Nothing here judges: what warns is the detector of the service.

pub mod bank;
pub mod world;

use chrono::NaiveDate;

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
