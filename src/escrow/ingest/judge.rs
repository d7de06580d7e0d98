//! Runs the detector over an account's entries: onward from the stored state, or over its whole history.
//!
//! Both ways give the same balance and the same warnings. Where the account's statements do not hang together the history
//! is judged run by run, each on its own opening (see [`chain`](super::chain)). Which days are over is told by the statements' closing days
//! and by later entries, never by the clock, so the order of deliveries does not matter.

use std::collections::VecDeque;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{chain::Run, entries::NewEntry, reconcile::Closure};
use crate::{
    escrow::detector::{AccountState, Change, DetectorError, Entry, Grounds, Opening, Warning, WarningKind},
    kernel::clock,
};

/// The opening that the detector begins with. `first_run` is the earliest run of statements, `before_fen` the effect of
/// all entries before its first day, `has_before` whether there are any; without a run the bank's balance after the first
/// entry serves, else zero.
pub fn opening(
    first_run: Option<&Run>,
    before_fen: i64,
    has_before: bool,
    first: Option<(i64, Option<i64>)>,
) -> Option<Opening> {
    let Some(run) = first_run else {
        let balance_fen = match first {
            Some((effect, Some(after))) => after.checked_sub(effect)?,
            _ => 0,
        };
        return Some(Opening { balance_fen, on: None });
    };
    Some(Opening { balance_fen: run.opening_fen.checked_sub(before_fen)?, on: (!has_before).then_some(run.on) })
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
            order_ref: self.order_ref.as_deref(),
            counterparty_name: self.counterparty_name.as_deref(),
            counterparty_account: self.counterparty_account.as_deref(),
            remittance: self.remittance.as_deref(),
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

pub(super) fn close(
    state: &mut AccountState,
    grounds: &Grounds,
    through: Option<NaiveDate>,
    changes: &mut Vec<Change>,
) -> Result<(), DetectorError> {
    through.map_or(Ok(()), |day| state.close_days_until(grounds, end_of(day), changes))
}

/// The last instant of a local day.
fn end_of(day: NaiveDate) -> DateTime<Utc> {
    clock::midnight(day.succ_opt().unwrap_or(NaiveDate::MAX)) - TimeDelta::microseconds(1)
}

/// A pass over the whole history.
pub struct Replay<'a> {
    state: AccountState,
    grounds: &'a Grounds<'a>,
    /// The last day that the run under way is known to.
    until: Option<NaiveDate>,
    /// The runs that follow.
    later: VecDeque<Run>,
    /// What people closed, in order.
    closures: VecDeque<Closure>,
    changes: Vec<Change>,
    found: Vec<Warning>,
}

impl<'a> Replay<'a> {
    /// Before the first entry; `closures` are what people closed, `runs` the runs of statements in order of time.
    pub fn new(opening: Opening, grounds: &'a Grounds<'a>, mut closures: Vec<Closure>, runs: &[Run]) -> Replay<'a> {
        closures.sort_by_key(|closure| closure.through);
        let mut later: VecDeque<Run> = runs.iter().copied().collect();
        let until = later.pop_front().map(|first| first.until);
        let (state, closures) = (AccountState::new(opening), closures.into());
        Replay { state, grounds, until, later, closures, changes: Vec::new(), found: Vec::new() }
    }

    /// Takes the next entry in.
    pub fn take(&mut self, entry: &Entry) -> Result<(), DetectorError> {
        let on = clock::day(entry.booked_at);
        while let Some(next) = self.later.pop_front_if(|run| run.on <= on) {
            self.cross_to(next)?;
        }
        self.close_by_people(entry.booked_at)?;
        self.state.push(self.grounds, entry, &mut self.changes)?;
        self.until = self.until.max(Some(on));
        self.fold();
        Ok(())
    }

    /// Ends the run under way and begins the next; the days between belong to neither.
    fn cross_to(&mut self, next: Run) -> Result<(), DetectorError> {
        if let Some(until) = self.until {
            self.close_by_people(end_of(until))?;
            close(&mut self.state, self.grounds, Some(until), &mut self.changes)?;
            self.fold();
        }
        while let Some(closure) = self.closures.pop_front_if(|closure| closure.through < clock::midnight(next.on)) {
            self.state.resolve(closure.kind);
        }
        self.state.begin_anew(Opening { balance_fen: next.opening_fen, on: Some(next.on) });
        self.until = Some(next.until);
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
        while let Some(next) = self.later.pop_front() {
            self.cross_to(next)?;
        }
        if let Some(over) = closed_through {
            self.close_by_people(end_of(over))?;
        }
        close(&mut self.state, self.grounds, closed_through, &mut self.changes)?;
        self.fold();
        self.close_by_people(DateTime::<Utc>::MAX_UTC)?;
        Ok((self.state, self.found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        escrow::{detector::AccountFacts, ingest::entries::tests::booked, policy::Policy},
        kernel::Calendar,
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Kind and evidence base of what a replay finds, and the balance in the end.
    fn replayed(runs: &[Run], entries: &[NewEntry]) -> (Vec<(WarningKind, DateTime<Utc>)>, i64) {
        let (policies, calendar) = (Policy::default().into(), Calendar::default());
        let grounds =
            Grounds { policies: &policies, calendar: &calendar, obligations: None, account: AccountFacts::unknown() };
        let begin = opening(runs.first(), 0, false, None).unwrap();
        let mut replay = Replay::new(begin, &grounds, Vec::new(), runs);
        entries.iter().for_each(|entry| replay.take(&entry.for_detector()).unwrap());
        let (state, found) = replay.finish(runs.last().map(|run| run.until)).unwrap();
        (found.iter().map(|warning| (warning.kind, warning.raised_at.to_utc())).collect(), state.balance_fen())
    }

    #[test]
    fn each_run_is_judged_on_its_own_opening_and_nothing_between_them() {
        let run = |on: &str, opening_fen, until: &str| Run { on: day(on), opening_fen, until: day(until) };
        let old = run("2026-01-05", 40_000_000, "2026-01-05");
        let new = run("2026-03-16", 20_000_000, "2026-03-17");
        let entries = [booked(day("2026-01-05"), 100), booked(day("2026-03-17"), -8_000_000)];
        let (found, balance) = replayed(&[old, new], &entries);
        assert_eq!(balance, 12_000_000);
        // Two fifths of what the new run opened with, though a fifth of what was there before the gap.
        assert!(found.iter().any(|(kind, _)| *kind == WarningKind::LargeSingle), "{found:?}");
        assert_eq!((found, balance), replayed(&[new], &entries[1..]));
        // The old run alone decides about its own days.
        let grab = [booked(day("2026-01-05"), -39_999_000), booked(day("2026-03-17"), 100)];
        let (found, _) = replayed(&[old, new], &grab);
        let (alone, _) = replayed(&[old], &grab[..1]);
        assert_eq!(found, alone, "the days without statements raise nothing");
    }
}
