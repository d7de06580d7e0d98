//! Runs the detector over an account's entries: onward from the stored state, or over its whole history.
//!
//! Both ways give the same balance and the same warnings. Which days are over is told by the statements' closing days
//! and by later entries, never by the clock, so the order of deliveries does not matter.

use std::collections::VecDeque;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{
    entries::{NewEntry, midnight},
    reconcile::Closure,
};
use crate::escrow::detector::{AccountState, Change, DetectorError, Entry, Grounds, Opening, Warning, WarningKind};

/// Where an account's balance is anchored: so many fen before the first entry of a local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub fen: i64,
    pub on: NaiveDate,
}

impl Anchor {
    /// The earlier of two, whichever was delivered first; of one day the lesser, so that the order does not matter.
    pub fn earlier(self, other: Anchor) -> Anchor {
        if (other.on, other.fen) < (self.on, self.fen) { other } else { self }
    }
}

/// The opening that the detector begins with. `before_anchor_fen` is the effect of all entries before the anchor's day,
/// `has_before` whether there are any; without an anchor the bank's balance after the first entry serves, else zero.
pub fn opening(
    anchor: Option<Anchor>,
    before_anchor_fen: i64,
    has_before: bool,
    first: Option<(i64, Option<i64>)>,
) -> Option<Opening> {
    let Some(anchor) = anchor else {
        let balance_fen = match first {
            Some((effect, Some(after))) => after.checked_sub(effect)?,
            _ => 0,
        };
        return Some(Opening { balance_fen, on: None });
    };
    Some(Opening { balance_fen: anchor.fen.checked_sub(before_anchor_fen)?, on: (!has_before).then_some(anchor.on) })
}

impl NewEntry {
    /// As the detector takes it.
    pub fn for_detector(&self) -> Entry<'_> {
        Entry {
            booked_at: self.booked_at,
            credit: self.credit,
            amount_fen: self.amount_fen,
            bank_ref: &self.bank_ref,
            kind: self.kind,
            order_ref: None,
        }
    }
}

/// Takes the next entries in on a stored state and closes the days that are over; `closed` are the kinds of which people
/// closed the last warning. The state is of no use after an error.
pub fn go_on(
    state: &mut AccountState,
    grounds: &Grounds,
    closed: &[WarningKind],
    entries: &[NewEntry],
    closed_through: Option<NaiveDate>,
) -> Result<Vec<Change>, DetectorError> {
    closed.iter().for_each(|kind| state.resolve(*kind));
    let mut changes = Vec::new();
    for entry in entries {
        state.push(grounds, &entry.for_detector(), &mut changes)?;
    }
    close(state, grounds, closed_through, &mut changes)?;
    Ok(changes)
}

fn close(
    state: &mut AccountState,
    grounds: &Grounds,
    through: Option<NaiveDate>,
    changes: &mut Vec<Change>,
) -> Result<(), DetectorError> {
    match through.and_then(|day| day.succ_opt()) {
        Some(next) => state.close_days_until(grounds, midnight(next) - TimeDelta::microseconds(1), changes),
        None => Ok(()),
    }
}

/// A run over the whole history.
pub struct Replay<'a> {
    state: AccountState,
    grounds: &'a Grounds<'a>,
    /// What people closed, in order.
    closures: VecDeque<Closure>,
    changes: Vec<Change>,
    found: Vec<Warning>,
}

impl<'a> Replay<'a> {
    /// Before the first entry; `closures` are what people closed.
    pub fn new(opening: Opening, grounds: &'a Grounds<'a>, mut closures: Vec<Closure>) -> Replay<'a> {
        closures.sort_by_key(|closure| closure.through);
        let state = AccountState::new(opening);
        Replay { state, grounds, closures: closures.into(), changes: Vec::new(), found: Vec::new() }
    }

    /// Takes the next entry in.
    pub fn take(&mut self, entry: &Entry) -> Result<(), DetectorError> {
        self.close_by_people(entry.booked_at)?;
        self.state.push(self.grounds, entry, &mut self.changes)?;
        self.fold();
        Ok(())
    }

    /// Applies what people closed on facts before `until`.
    fn close_by_people(&mut self, until: DateTime<Utc>) -> Result<(), DetectorError> {
        while let Some(closure) = self.closures.pop_front_if(|closure| closure.through < until) {
            self.state.close_days_until(self.grounds, closure.through, &mut self.changes)?;
            self.fold();
            self.state.resolve(closure.kind);
        }
        Ok(())
    }

    fn fold(&mut self) {
        for change in self.changes.drain(..) {
            change.fold_into(&mut self.found);
        }
    }

    /// Closes the days that are over; the state to go on from, and all warnings of the history.
    pub fn finish(mut self, closed_through: Option<NaiveDate>) -> Result<(AccountState, Vec<Warning>), DetectorError> {
        if let Some(over) = closed_through.and_then(|day| day.succ_opt()) {
            self.close_by_people(midnight(over) - TimeDelta::microseconds(1))?;
        }
        close(&mut self.state, self.grounds, closed_through, &mut self.changes)?;
        self.fold();
        self.close_by_people(DateTime::<Utc>::MAX_UTC)?;
        Ok((self.state, self.found))
    }
}
