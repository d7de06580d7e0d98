//! The state of one account between entries, and how an entry or the end of a day changes it.
//!
//! The state is bounded: movements of the longest window, a level per open warning, and a few numbers. It is stored
//! between ingests; reading it back and going on gives what one pass would have given.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    below_min::{self, Minimum, Reason},
    cum_rolling::{Movement, Rolling, TooShort},
    days,
    facts::AccountFacts,
    large_single,
    model::{Change, Entry, Level, Step, Undetermined, Warning, WarningKind},
    obligations::Obligations,
};
use crate::{
    escrow::policy::{Policies, Policy},
    kernel::Calendar,
};

/// W2 closes after this many consecutive ends of day below the lowest tier of every window.
const DAYS_BELOW_TO_CLOSE: u32 = 7;

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
    fn policy(&self, day: i64) -> &'a Policy {
        match self.policies.constant() {
            Some(policy) => policy,
            None => self.policies.on(days::date(day).unwrap_or(NaiveDate::MAX)),
        }
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

/// One account between two entries.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountState {
    balance_fen: i64,
    /// The first day not yet closed, counted from 1970-01-01 in Beijing; `None` before anything is known.
    next_day: Option<i64>,
    /// The latest entry, in microseconds.
    last_at: Option<i64>,
    rolling: Rolling,
    /// Level of the open warning of each kind.
    open: BTreeMap<WarningKind, Level>,
    /// Ends of day in a row with all windows below their lowest tier, while W2 is open.
    days_below_share: u32,
    /// Bank days in a row below the minimum balance.
    bank_days_below_min: u32,
    undetermined: BTreeMap<WarningKind, BTreeSet<String>>,
}

impl AccountState {
    /// An account before its first entry.
    pub fn new(opening: Opening) -> AccountState {
        AccountState {
            balance_fen: opening.balance_fen,
            next_day: opening.on.map(days::number),
            last_at: None,
            rolling: Rolling::default(),
            open: BTreeMap::new(),
            days_below_share: 0,
            bank_days_below_min: 0,
            undetermined: BTreeMap::new(),
        }
    }

    /// The balance after the latest entry.
    pub fn balance_fen(&self) -> i64 {
        self.balance_fen
    }

    /// The level of the open warning of a kind.
    pub fn open_level(&self, kind: WarningKind) -> Option<Level> {
        self.open.get(&kind).copied()
    }

    /// The first day that is not closed yet.
    pub fn first_open_day(&self) -> Option<NaiveDate> {
        self.next_day.and_then(days::date)
    }

    /// What could not be judged so far.
    pub fn undetermined(&self) -> Vec<Undetermined> {
        let shape = |(kind, missing): (&WarningKind, &BTreeSet<String>)| Undetermined {
            kind: *kind,
            missing: missing.iter().cloned().collect(),
        };
        self.undetermined.iter().map(shape).collect()
    }

    /// The history breaks off and goes on at `opening`: what moved between is unknown. Nothing is judged by what was
    /// before; warnings that are open stay so until what comes closes them.
    pub fn begin_anew(&mut self, opening: Opening) {
        let open = std::mem::take(&mut self.open);
        let undetermined = std::mem::take(&mut self.undetermined);
        *self = AccountState { open, undetermined, last_at: self.last_at, ..AccountState::new(opening) };
    }

    /// People closed the open warning of `kind`; the next event of the kind raises a new one.
    pub fn resolve(&mut self, kind: WarningKind) {
        self.open.remove(&kind);
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
        self.rolling.fit(&grounds.policy(day).cum_rolling, judged_from)?;
        self.close_days(grounds, day, changes);
        self.rolling.advance(at);
        self.rolling.add(movement(at, entry));
        self.balance_fen = after;
        self.last_at = Some(at);
        if !entry.credit {
            if !entry.kind.is_exempt() {
                self.judge_single(grounds, entry, before, changes);
            }
            self.judge_rolling(grounds, entry, changes);
        }
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
            self.close_below_min(grounds, day, changes);
            self.close_rolling(grounds, day, changes);
            self.next_day = Some(day + 1);
        }
    }

    fn judge_single(&mut self, grounds: &Grounds, entry: &Entry, before: i64, changes: &mut Vec<Change>) {
        let policy = grounds.policy(days::day_of(entry.booked_at.timestamp_micros()));
        let Some(reached) = large_single::judge(&policy.large_single, entry.amount_fen, before) else { return };
        let step = step_of(entry, reached.level(entry));
        let evidence = || signed(large_single::evidence(policy, &reached, entry, before), &step, policy);
        note(&mut self.open, WarningKind::LargeSingle, &step, evidence, changes);
    }

    fn judge_rolling(&mut self, grounds: &Grounds, entry: &Entry, changes: &mut Vec<Change>) {
        let policy = grounds.policy(days::day_of(entry.booked_at.timestamp_micros()));
        let verdict = self.rolling.judge(&policy.cum_rolling, self.balance_fen);
        if verdict.without_base {
            lack(&mut self.undetermined, WarningKind::CumRolling, "base_fen");
        }
        let Some(share) = verdict.gravest else { return };
        let step = step_of(entry, share.level);
        if !self.open.contains_key(&WarningKind::CumRolling) {
            self.days_below_share = 0;
        }
        let evidence = || signed(share.evidence(), &step, policy);
        note(&mut self.open, WarningKind::CumRolling, &step, evidence, changes);
    }

    fn close_rolling(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        if !self.open.contains_key(&WarningKind::CumRolling) {
            return;
        }
        self.rolling.advance(days::last_micro(day));
        let all_below = self.rolling.judge(&grounds.policy(day).cum_rolling, self.balance_fen).all_below;
        self.days_below_share = if all_below { self.days_below_share + 1 } else { 0 };
        if self.days_below_share >= DAYS_BELOW_TO_CLOSE {
            self.open.remove(&WarningKind::CumRolling);
            changes.push(Change::Resolved { kind: WarningKind::CumRolling, at: days::end_of_day(day) });
        }
    }

    fn close_below_min(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        let policy = grounds.policy(day);
        let unearned = grounds.obligations.map(|obligations| obligations.at(days::last_micro(day)).unearned_fen);
        let minimum = Minimum::of(&policy.minimum_balance, unearned);
        let is_below = minimum.is_above(self.balance_fen);
        let tier = minimum.tier(&policy.below_min, self.balance_fen).map(Reason::Tier);
        if is_below {
            self.count_bank_day(grounds, day, tier.as_ref().map(Reason::level));
        } else {
            self.bank_days_below_min = 0;
        }
        let by_days = self.bank_days_below_min >= policy.below_min.red_after_bank_days;
        let reason = match tier {
            Some(tier) if tier.level() == Level::Red => Some(tier),
            _ if by_days => Some(Reason::BankDays),
            tier => tier,
        };
        let Some(reason) = reason else {
            if !is_below && self.open.remove(&WarningKind::BelowMin).is_some() {
                changes.push(Change::Resolved { kind: WarningKind::BelowMin, at: days::end_of_day(day) });
            }
            return;
        };
        let step = Step { at: days::end_of_day(day), level: reason.level(), bank_ref: None };
        let (balance, bank_days) = (self.balance_fen, self.bank_days_below_min);
        let inputs = || below_min::evidence(&policy.minimum_balance, &minimum, &reason, balance, bank_days);
        note(&mut self.open, WarningKind::BelowMin, &step, || signed(inputs(), &step, policy), changes);
    }

    /// Counts a day below the minimum if it is a bank day. Whether it is may be unknown; that matters unless the
    /// warning is red anyway.
    fn count_bank_day(&mut self, grounds: &Grounds, day: i64, level: Option<Level>) {
        let date = days::date(day);
        match date.and_then(|date| grounds.calendar.is_workday(date)) {
            Some(true) => self.bank_days_below_min = self.bank_days_below_min.saturating_add(1),
            Some(false) => {}
            None => {
                let red = Some(Level::Red);
                let by_days = self.bank_days_below_min >= grounds.policy(day).below_min.red_after_bank_days;
                if level < red && self.open_level(WarningKind::BelowMin) < red && !by_days {
                    let year = date.map(|date| date.format("%Y").to_string()).unwrap_or_default();
                    lack(&mut self.undetermined, WarningKind::BelowMin, &format!("holidays_{year}"));
                }
            }
        }
    }
}

/// What an entry does to the sums of W2.
fn movement(at: i64, entry: &Entry) -> Movement {
    let amount = entry.amount_fen;
    let none = Movement { at, ..Movement::default() };
    if entry.credit {
        Movement { credits: amount, ..none }
    } else if entry.kind.is_exempt() {
        Movement { exempt: amount, ..none }
    } else {
        Movement { debits: amount, matched: if entry.order_ref.is_some() { amount } else { 0 }, ..none }
    }
}

fn step_of(entry: &Entry, level: Level) -> Step {
    let at = days::instant(entry.booked_at.timestamp_micros());
    Step { at, level, bank_ref: Some(entry.bank_ref.to_owned()) }
}

/// Evidence with its own instant, entry and policy version, which need not be those of the warning's raising.
fn signed(mut evidence: Map<String, Value>, step: &Step, policy: &Policy) -> Map<String, Value> {
    evidence.insert("at".to_owned(), step.at.to_rfc3339().into());
    evidence.insert("bank_ref".to_owned(), step.bank_ref.clone().into());
    evidence.insert("policy_version".to_owned(), policy.version.clone().into());
    evidence
}

/// Raises a warning, makes the open one graver, or (W1, which has no closing condition of its own) joins it.
fn note(
    open: &mut BTreeMap<WarningKind, Level>,
    kind: WarningKind,
    step: &Step,
    evidence: impl Fn() -> Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    let step = step.clone();
    match open.get(&kind) {
        Some(level) if *level >= step.level => {
            if kind == WarningKind::LargeSingle {
                changes.push(Change::Joined { kind, step });
            }
        }
        Some(_) => {
            open.insert(kind, step.level);
            changes.push(Change::Escalated { kind, evidence: evidence(), step });
        }
        None => {
            open.insert(kind, step.level);
            changes.push(Change::Raised(Warning {
                kind,
                level: step.level,
                raised_at: step.at,
                bank_ref: step.bank_ref.clone(),
                evidence: evidence(),
                history: vec![step],
                resolved_at: None,
            }));
        }
    }
}

fn lack(undetermined: &mut BTreeMap<WarningKind, BTreeSet<String>>, kind: WarningKind, what: &str) {
    let missing = undetermined.entry(kind).or_default();
    if !missing.contains(what) {
        missing.insert(what.to_owned());
    }
}
