//! The state of one account between entries, and how an entry or the end of a day changes it.
//!
//! The state is bounded: movements of the longest window, nine weeks of daily sums, the withdrawals of a day, a hash for
//! each recipient, a level per open warning, and a few numbers. It is stored between ingests; reading it back and going on
//! gives what one pass would have given. What an entry raises stands in [`at_entry`](super::at_entry), what the end of a
//! day raises and closes in [`at_day_end`](super::at_day_end).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    counterparty::Payees,
    cum_rolling::{Rolling, TooShort},
    daily::Daily,
    days,
    facts::AccountFacts,
    model::{Change, Entry, Level, Step, Undetermined, WarningKind},
    obligations::Obligations,
    open::Open,
    structuring::Burst,
    withdraw_unmatched::Released,
};
use crate::{
    escrow::{
        model::Mode,
        policy::{Policies, Policy},
    },
    kernel::Calendar,
};

/// What entries are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// Validated. Each day is judged by the one of that day.
    pub policies: &'a Policies,
    pub calendar: &'a Calendar,
    /// Of the account; `None` where it is unknown what is owed.
    pub obligations: Option<&'a Obligations>,
    /// What is filed about the account; all unknown where nothing is.
    pub account: &'a AccountFacts,
}

impl<'a> Grounds<'a> {
    /// The policy of a day, counted as [`days`] does.
    pub(super) fn policy(&self, day: i64) -> &'a Policy {
        match self.policies.constant() {
            Some(policy) => policy,
            None => self.policies.on(days::date(day).unwrap_or(NaiveDate::MAX)),
        }
    }

    /// What the account answers for at an instant: what is owed, where that is known and the account is in use.
    pub(super) fn owed_at(&self, micros: i64) -> Option<&'a Obligations> {
        self.known_at(micros).filter(|_| self.account.siblings.carries(days::day_of(micros)))
    }

    /// What is owed, where that is known at an instant.
    pub(super) fn known_at(&self, micros: i64) -> Option<&'a Obligations> {
        self.obligations.filter(|obligations| obligations.is_known_at(micros))
    }

    /// Whether an entry moves money between the institution's own dedicated accounts.
    pub(super) fn is_transfer(&self, entry: &Entry) -> bool {
        self.account.siblings.is_transfer(entry)
    }

    /// Whether money leaves in step with lessons, as it does in custody. A deposit is for refunds alone.
    pub(super) fn in_step(&self) -> bool {
        self.account.mode != Some(Mode::RiskDeposit)
    }
}

/// Where an account's history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opening {
    /// May be negative.
    pub balance_fen: i64,
    /// The first day whose end is judged; `None` for the day of the first entry.
    pub on: Option<NaiveDate>,
}

/// Why an entry cannot be taken in, or days not be closed. The state is as it was before the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DetectorError {
    /// Entries come in order of time, and none into a day that is closed; what is late needs a replay of the account.
    #[error("entry {bank_ref} of {booked_at} is earlier than what was already judged; replay the account")]
    Late { bank_ref: String, booked_at: DateTime<Utc> },
    #[error("entry {bank_ref} takes the balance beyond what 64 bits hold; correct its amount")]
    TooLarge { bank_ref: String },
    /// Policies before this one had shorter windows; the account needs a replay.
    #[error("the account's state does not reach {days} days back, as this policy needs; replay the account")]
    HistoryTooShort { days: u32 },
}

impl From<TooShort> for DetectorError {
    fn from(TooShort(days): TooShort) -> DetectorError {
        DetectorError::HistoryTooShort { days }
    }
}

/// What W2, W10 and W14 lack after a break of the history.
pub(super) const STATEMENTS: &str = "statements";

/// The form in which a state is stored, and what its sums are of. A state of another one is not read: the account is
/// replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
struct Form;

impl Form {
    const NUMBER: u32 = 4;
}

impl From<Form> for u32 {
    fn from(_: Form) -> u32 {
        Form::NUMBER
    }
}

impl TryFrom<u32> for Form {
    type Error = String;

    fn try_from(number: u32) -> Result<Form, String> {
        if number == Form::NUMBER { Ok(Form) } else { Err(format!("a state of form {number}")) }
    }
}

/// One account between two entries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountState {
    form: Form,
    pub(super) balance_fen: i64,
    /// The first day not yet closed, counted from 1970-01-01 in Beijing; `None` before anything is known.
    next_day: Option<i64>,
    /// The latest entry, in microseconds.
    pub(super) last_at: Option<i64>,
    /// The first day after the last break of the history; `None` where nothing broke off, or no window reaches so far back.
    pub(super) broke_before: Option<i64>,
    pub(super) rolling: Rolling,
    pub(super) open: Open,
    /// Ends of day in a row with all windows below their lowest tier, while W2 is open.
    pub(super) days_below_share: u32,
    /// Bank days in a row below the minimum balance.
    pub(super) bank_days_below_min: u32,
    pub(super) released: Released,
    pub(super) daily: Daily,
    pub(super) payees: Payees,
    pub(super) burst: Burst,
    /// Families behind the payments of lenders since W13 was closed last.
    pub(super) families: u32,
    /// Ends of day in a row with what is owed covered, while W5 is open.
    pub(super) days_covered: u32,
    /// Ends of day in a row at which the money lasts, while W6 is open.
    pub(super) days_lasting: u32,
    /// Whether the day before ended in a surge: one surge raises one warning.
    pub(super) is_surging: bool,
    undetermined: BTreeMap<WarningKind, BTreeSet<String>>,
}

impl AccountState {
    /// An account before its first entry.
    pub fn new(opening: Opening) -> AccountState {
        AccountState {
            form: Form,
            balance_fen: opening.balance_fen,
            next_day: opening.on.map(days::number),
            last_at: None,
            broke_before: None,
            rolling: Rolling::default(),
            open: Open::default(),
            days_below_share: 0,
            bank_days_below_min: 0,
            released: Released::default(),
            daily: Daily::default(),
            payees: Payees::default(),
            burst: Burst::default(),
            families: 0,
            days_covered: 0,
            days_lasting: 0,
            is_surging: false,
            undetermined: BTreeMap::new(),
        }
    }

    /// The balance after the latest entry.
    pub fn balance_fen(&self) -> i64 {
        self.balance_fen
    }

    /// The level of the open warning of a kind.
    pub fn open_level(&self, kind: WarningKind) -> Option<Level> {
        self.open.level(kind)
    }

    /// The first day that is not closed yet.
    pub fn first_open_day(&self) -> Option<NaiveDate> {
        self.next_day.and_then(days::date)
    }

    /// What could not be judged so far; of W6 and W14, which only need time, what cannot be judged yet.
    pub fn undetermined(&self) -> Vec<Undetermined> {
        let shape = |(kind, missing): (&WarningKind, &BTreeSet<String>)| Undetermined {
            kind: *kind,
            missing: missing.iter().cloned().collect(),
        };
        self.undetermined.iter().map(shape).collect()
    }

    /// The history breaks off and goes on at `opening`: what moved between is unknown. Balances and what is owed are judged
    /// from there on alone; warnings that are open stay so until what comes closes them, and who was paid before stays
    /// known. What is known to have left counts in W2 and W10 as before, and what came in in W14: an unknown movement
    /// takes nothing of it back. Until their windows lie behind the break they are said to lack statements.
    pub fn begin_anew(&mut self, opening: Opening) {
        let before = std::mem::replace(self, AccountState::new(opening));
        self.released = Released::anew(before.open.level(WarningKind::WithdrawUnmatched).is_some());
        self.open = before.open;
        self.undetermined = before.undetermined;
        self.last_at = before.last_at;
        self.payees = before.payees;
        self.families = before.families;
        self.rolling = before.rolling;
        self.burst = before.burst;
        self.is_surging = before.is_surging;
        self.daily = before.daily;
        if before.last_at.is_some() || before.next_day.is_some() {
            self.daily.break_off(before.next_day.zip(self.next_day));
            self.broke_before = self.next_day;
            self.lack(WarningKind::CumRolling, STATEMENTS);
            self.lack(WarningKind::Structuring, STATEMENTS);
        }
    }

    /// People closed the open warning of `kind`; the next event of the kind raises a new one.
    pub fn resolve(&mut self, kind: WarningKind) {
        if !self.open.forget(kind) {
            return;
        }
        match kind {
            WarningKind::WithdrawUnmatched => self.released.settle(),
            WarningKind::TrainingLoan => self.families = 0,
            _ => {}
        }
    }

    /// Takes in the next entry: closes the days before it, then judges it. Changes are appended in order of time.
    /// Entries of one instant count in the order given.
    pub fn push(&mut self, grounds: &Grounds, entry: &Entry, changes: &mut Vec<Change>) -> Result<(), DetectorError> {
        let at = entry.booked_at.timestamp_micros();
        let day = days::day_of(at);
        if self.last_at.is_some_and(|last| at < last) || self.next_day.is_some_and(|next| day < next) {
            return Err(DetectorError::Late { bank_ref: entry.bank_ref.to_owned(), booked_at: entry.booked_at });
        }
        let before = self.balance_fen;
        let after =
            if entry.credit { before.checked_add(entry.amount_fen) } else { before.checked_sub(entry.amount_fen) };
        let after = after.ok_or_else(|| DetectorError::TooLarge { bank_ref: entry.bank_ref.to_owned() })?;
        let judged_from = self.next_day.filter(|next| *next < day).map_or(at, days::last_micro);
        let policy = grounds.policy(day);
        self.rolling.fit(&policy.cum_rolling, judged_from)?;
        self.close_days(grounds, day, changes);
        if let Some(obligations) = grounds.owed_at(at) {
            if let Some(last) = self.last_at {
                self.released.write_off(obligations, last);
            }
            self.released.advance(obligations, day, |day| grounds.policy(day).withdraw_unmatched.period);
            if !grounds.is_transfer(entry) {
                self.released.add(entry, grounds.in_step());
            }
        } else if grounds.known_at(at).is_none() && !grounds.is_transfer(entry) {
            self.released.add_single(entry, policy.withdraw_unmatched.red_single_fen);
        }
        self.balance_fen = after;
        self.last_at = Some(at);
        self.take(grounds, policy, entry, before, changes);
        Ok(())
    }

    /// Closes every day that is over at `as_of`: a day is over from its 23:59:59 on. Entries of closed days are late.
    pub fn close_days_until(
        &mut self,
        grounds: &Grounds,
        as_of: DateTime<Utc>,
        changes: &mut Vec<Change>,
    ) -> Result<(), DetectorError> {
        if let Some(next) = self.next_day {
            self.rolling.fit(&grounds.policy(next).cum_rolling, days::last_micro(next))?;
            self.close_days(grounds, days::first_day_not_over(as_of.timestamp_micros()), changes);
        }
        Ok(())
    }

    /// Closes the days before `until`, which becomes the first day where there is none yet.
    fn close_days(&mut self, grounds: &Grounds, until: i64, changes: &mut Vec<Change>) {
        let first = *self.next_day.get_or_insert(until);
        for day in first..until {
            self.close_day(grounds, day, changes);
            self.next_day = Some(day + 1);
        }
    }

    /// Something was lacking to judge a kind, once and for good.
    pub(super) fn lack(&mut self, kind: WarningKind, what: &str) {
        let missing = self.undetermined.entry(kind).or_default();
        if !missing.contains(what) {
            missing.insert(what.to_owned());
        }
    }

    /// Something is no longer lacking to judge a kind.
    pub(super) fn has(&mut self, kind: WarningKind, what: &str) {
        if let Some(missing) = self.undetermined.get_mut(&kind) {
            missing.remove(what);
            if missing.is_empty() {
                self.undetermined.remove(&kind);
            }
        }
    }

    /// What is lacking now to judge a kind, and nothing else.
    pub(super) fn lack_now(&mut self, kind: WarningKind, what: Option<&str>) {
        match what {
            None => {
                self.undetermined.remove(&kind);
            }
            Some(what) => {
                let missing = self.undetermined.entry(kind).or_default();
                missing.retain(|one| one == what);
                if missing.is_empty() {
                    missing.insert(what.to_owned());
                }
            }
        }
    }
}

pub(super) fn step_of(entry: &Entry, level: Level) -> Step {
    let at = days::instant(entry.booked_at.timestamp_micros());
    Step { at, level, bank_ref: Some(entry.bank_ref.to_owned()) }
}

/// Evidence with its own instant, entry and policy version, which need not be those of the warning's raising.
pub(super) fn signed(mut evidence: Map<String, Value>, step: &Step, policy: &Policy) -> Map<String, Value> {
    evidence.insert("at".to_owned(), step.at.to_rfc3339().into());
    evidence.insert("bank_ref".to_owned(), step.bank_ref.clone().into());
    evidence.insert("policy_version".to_owned(), policy.version.clone().into());
    evidence
}
