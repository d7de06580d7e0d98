//! What the end of a day raises and closes.

use super::{
    account::{AccountState, Grounds, STATEMENTS, signed},
    below_min::{self, Minimum, Reason},
    coverage::Cover,
    days,
    model::{Change, Level, Step, WarningKind},
    runoff, surge,
};

/// W2 closes after this many consecutive ends of day below the lowest tier of every window.
const DAYS_BELOW_TO_CLOSE: u32 = 7;
/// W5 closes after this many consecutive ends of day with what is owed covered.
const DAYS_COVERED_TO_CLOSE: u32 = 2;
/// W6 closes after this many consecutive ends of day at which the money lasts.
const DAYS_LASTING_TO_CLOSE: u32 = 3;

/// W4 to W6 rest on what is owed.
pub(super) const RESTS_ON_OBLIGATIONS: [WarningKind; 3] =
    [WarningKind::Coverage, WarningKind::RunoffDate, WarningKind::WithdrawUnmatched];
/// What they lack where that is unknown.
pub(super) const OBLIGATIONS: &str = "obligations";

fn step_at_end_of(day: i64, level: Level) -> Step {
    Step { at: days::end_of_day(day), level, bank_ref: None }
}

impl AccountState {
    /// Judges a day that is over.
    pub(super) fn close_day(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        self.daily.close();
        self.pass_break(grounds, day);
        if !grounds.account.siblings.carries(day) {
            self.close_beside(day, changes);
            self.close_surge(grounds, day, changes);
            self.close_rolling(grounds, day, changes);
            return;
        }
        for kind in RESTS_ON_OBLIGATIONS {
            match grounds.owed_at(days::last_micro(day)) {
                None => self.lack_now(kind, Some(OBLIGATIONS)),
                Some(_) if kind != WarningKind::RunoffDate => self.lack_now(kind, None),
                Some(_) => {}
            }
        }
        self.close_below_min(grounds, day, changes);
        self.close_coverage(grounds, day, changes);
        self.close_runoff(grounds, day, changes);
        self.close_surge(grounds, day, changes);
        self.close_unmatched(grounds, day, changes);
        self.close_rolling(grounds, day, changes);
    }

    /// The windows of W10 and W2 come to lie behind a break of the history.
    fn pass_break(&mut self, grounds: &Grounds, day: i64) {
        let Some(first) = self.broke_before else { return };
        let passed = day.saturating_sub(first).saturating_add(1);
        if passed >= 1 {
            self.has(WarningKind::Structuring, STATEMENTS);
        }
        let longest = grounds.policy(day).cum_rolling.windows.iter().map(|window| window.days).max();
        if passed >= i64::from(longest.unwrap_or_default()) {
            self.has(WarningKind::CumRolling, STATEMENTS);
            self.broke_before = None;
        }
    }

    /// A day on which another account is in use: what a balance must come to is judged there, from this day on.
    fn close_beside(&mut self, day: i64, changes: &mut Vec<Change>) {
        for kind in [WarningKind::BelowMin, WarningKind::Coverage, WarningKind::RunoffDate] {
            self.open.resolve(kind, days::end_of_day(day), changes);
        }
        (self.bank_days_below_min, self.days_covered, self.days_lasting) = (0, 0, 0);
        RESTS_ON_OBLIGATIONS.iter().for_each(|kind| self.lack_now(*kind, None));
        self.has(WarningKind::BelowMin, OBLIGATIONS);
    }

    /// The balance at the end of a day, with what the institution's other accounts hold.
    fn held_fen(&self, grounds: &Grounds, day: i64) -> i64 {
        self.balance_fen.saturating_add(grounds.account.siblings.held_fen(day))
    }

    fn close_rolling(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        // While movements of a window may be missing, nothing says that the share is below the lowest tier.
        if self.open.level(WarningKind::CumRolling).is_none() || self.broke_before.is_some() {
            return;
        }
        self.rolling.advance(days::last_micro(day));
        let all_below = self.rolling.judge(&grounds.policy(day).cum_rolling, self.balance_fen).all_below;
        self.days_below_share = if all_below { self.days_below_share + 1 } else { 0 };
        if self.days_below_share >= DAYS_BELOW_TO_CLOSE {
            self.open.resolve(WarningKind::CumRolling, days::end_of_day(day), changes);
        }
    }

    fn close_below_min(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        let policy = grounds.policy(day);
        let unearned = grounds
            .owed_at(days::last_micro(day))
            .map(|obligations| obligations.at(days::last_micro(day)).unearned_fen);
        let minimum = Minimum::of(&policy.minimum_balance, unearned);
        let held = self.held_fen(grounds, day);
        let is_below = minimum.is_above(held);
        let lacks = unearned.is_none() && policy.minimum_balance.unearned_bp > 0 && !is_below;
        if lacks {
            // Above the fixed sum alone, which may be less than the minimum: neither below it nor well.
            self.lack(WarningKind::BelowMin, OBLIGATIONS);
        } else {
            self.has(WarningKind::BelowMin, OBLIGATIONS);
        }
        let tier = minimum.tier(&policy.below_min, held).map(Reason::Tier);
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
            if !is_below && !lacks {
                self.open.resolve(WarningKind::BelowMin, days::end_of_day(day), changes);
            }
            return;
        };
        let step = step_at_end_of(day, reason.level());
        let (balance, bank_days) = (held, self.bank_days_below_min);
        let inputs = || below_min::evidence(&policy.minimum_balance, &minimum, &reason, balance, bank_days);
        self.open.note(WarningKind::BelowMin, &step, || signed(inputs(), &step, policy), changes);
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
                    self.lack(WarningKind::BelowMin, &format!("holidays_{year}"));
                }
            }
        }
    }

    fn close_coverage(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        const KIND: WarningKind = WarningKind::Coverage;
        let Some(obligations) = grounds.owed_at(days::last_micro(day)) else { return };
        let policy = grounds.policy(day);
        let cover = Cover::of(&policy.coverage, grounds.account.mode, obligations, day);
        let balance = self.held_fen(grounds, day);
        let Some(tier) = cover.tier(&policy.coverage, balance) else {
            self.days_covered = self.days_covered.saturating_add(1);
            if self.days_covered >= DAYS_COVERED_TO_CLOSE {
                self.open.resolve(KIND, days::end_of_day(day), changes);
            }
            return;
        };
        self.days_covered = 0;
        let step = step_at_end_of(day, tier.level);
        self.open.note(KIND, &step, || signed(cover.evidence(tier, balance), &step, policy), changes);
    }

    fn close_runoff(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        const KIND: WarningKind = WarningKind::RunoffDate;
        let Some(obligations) = grounds.owed_at(days::last_micro(day)) else { return };
        let owed = obligations.at(days::last_micro(day));
        let outflow = if owed.unearned_fen > 0 { self.daily.outflow() } else { None };
        let (outflow, until) = match (outflow, owed.until) {
            // Nothing is owed, or nothing leaves on balance: it lasts.
            _ if owed.unearned_fen <= 0 => return self.pass_runoff(day, changes),
            (Some(outflow), _) if outflow.sum_fen <= 0 => return self.pass_runoff(day, changes),
            (Some(outflow), Some(until)) => (outflow, until),
            (outflow, _) => {
                let what = if outflow.is_none() { "14_days_of_entries" } else { "last_obligation_on" };
                self.lack_now(KIND, Some(what));
                self.days_lasting = 0;
                return;
            }
        };
        let policy = grounds.policy(day);
        let Some(forecast) = runoff::judge(&policy.runoff, self.held_fen(grounds, day), outflow, day, until) else {
            return self.pass_runoff(day, changes);
        };
        self.lack_now(KIND, None);
        self.days_lasting = 0;
        let step = step_at_end_of(day, forecast.level());
        let evidence = || signed(forecast.evidence(&policy.runoff, owed.unearned_fen), &step, policy);
        self.open.note(KIND, &step, evidence, changes);
    }

    /// At the end of a day the money lasts.
    fn pass_runoff(&mut self, day: i64, changes: &mut Vec<Change>) {
        self.lack_now(WarningKind::RunoffDate, None);
        self.days_lasting = self.days_lasting.saturating_add(1);
        if self.days_lasting >= DAYS_LASTING_TO_CLOSE {
            self.open.resolve(WarningKind::RunoffDate, days::end_of_day(day), changes);
        }
    }

    fn close_surge(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        const KIND: WarningKind = WarningKind::EnrolmentSurge;
        let policy = grounds.policy(day);
        let income = self.daily.income();
        let much = surge::is_much(&policy.surge, &income);
        let is_surge = |before: &i128| surge::is_surge(&policy.surge, income.week_fen, *before);
        let reached = income.before_fen.filter(is_surge);
        let lacks = match (reached, income.before_fen) {
            (None, None) if much => Some("63_days_of_entries"),
            // More may have come in: in the week, or in those that it would be measured by.
            (None, _) if income.week_lacks => Some(STATEMENTS),
            (Some(_), _) if income.before_lacks => Some(STATEMENTS),
            _ => None,
        };
        self.lack_now(KIND, lacks);
        let Some(before) = reached.filter(|_| lacks.is_none()) else {
            self.is_surging = false;
            return;
        };
        let falls_short =
            [WarningKind::Coverage, WarningKind::RunoffDate].iter().any(|kind| self.open.level(*kind).is_some());
        let level = surge::level(falls_short);
        let is_graver = self.open.level(KIND).is_some_and(|open| open < level);
        if !self.is_surging || is_graver {
            let step = step_at_end_of(day, level);
            let inputs = || surge::evidence(&policy.surge, income.week_fen, before, falls_short);
            self.open.note(KIND, &step, || signed(inputs(), &step, policy), changes);
        }
        self.is_surging = true;
    }

    fn close_unmatched(&mut self, grounds: &Grounds, day: i64, changes: &mut Vec<Change>) {
        const KIND: WarningKind = WarningKind::WithdrawUnmatched;
        if self.open.level(KIND).is_none() {
            return;
        }
        let Some(obligations) = grounds.owed_at(days::last_micro(day)) else {
            if self.released.is_put_back() {
                self.open.resolve(KIND, days::end_of_day(day), changes);
            }
            return;
        };
        self.released.advance(obligations, day, |day| grounds.policy(day).withdraw_unmatched.period);
        let limits = &grounds.policy(day).withdraw_unmatched;
        if self.released.is_right(limits, obligations, days::last_micro(day), grounds.in_step()) {
            self.open.resolve(KIND, days::end_of_day(day), changes);
        }
    }
}
