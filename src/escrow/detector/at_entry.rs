//! What one entry raises.

use super::{
    account::{AccountState, Grounds, signed, step_of},
    counterparty::{self, Towards},
    cum_rolling::Movement,
    days, large_single, loan,
    model::{Change, Entry, Kind, WarningKind},
    withdraw_unmatched,
};
use crate::escrow::policy::Policy;

impl AccountState {
    /// Takes an entry into the sums and judges it by the policy of its day; `before` is the balance before it.
    pub(super) fn take(
        &mut self,
        grounds: &Grounds,
        policy: &Policy,
        entry: &Entry,
        before: i64,
        changes: &mut Vec<Change>,
    ) {
        let at = entry.booked_at.timestamp_micros();
        self.rolling.advance(at);
        let is_transfer = grounds.is_transfer(entry);
        self.rolling.add(movement(at, entry, is_transfer));
        if is_transfer {
            // It stays in escrow; what does not arrive is told from it by the one who looks the entries up.
            return;
        }
        self.daily.add(entry);
        if entry.credit {
            self.judge_loan(policy, entry, changes);
            return;
        }
        if !entry.kind.is_exempt() {
            self.judge_single(policy, entry, before, changes);
        }
        self.judge_rolling(policy, entry, changes);
        self.judge_unmatched(grounds, policy, entry, changes);
        if !entry.kind.is_exempt() {
            self.judge_recipient(grounds, policy, entry, before, changes);
        }
    }

    fn judge_single(&mut self, policy: &Policy, entry: &Entry, before: i64, changes: &mut Vec<Change>) {
        let Some(reached) = large_single::judge(&policy.large_single, entry.amount_fen, before) else { return };
        let step = step_of(entry, reached.level(entry));
        let evidence = || signed(large_single::evidence(policy, &reached, entry, before), &step, policy);
        self.open.note(WarningKind::LargeSingle, &step, evidence, changes);
    }

    fn judge_rolling(&mut self, policy: &Policy, entry: &Entry, changes: &mut Vec<Change>) {
        let verdict = self.rolling.judge(&policy.cum_rolling, self.balance_fen);
        let without_base = verdict.without_base;
        if let Some(share) = verdict.gravest {
            let step = step_of(entry, share.level);
            if self.open.level(WarningKind::CumRolling).is_none() {
                self.days_below_share = 0;
            }
            let evidence = || signed(share.evidence(), &step, policy);
            self.open.note(WarningKind::CumRolling, &step, evidence, changes);
        }
        if without_base {
            self.lack(WarningKind::CumRolling, "base_fen");
        }
    }

    fn judge_unmatched(&mut self, grounds: &Grounds, policy: &Policy, entry: &Entry, changes: &mut Vec<Change>) {
        let at = entry.booked_at.timestamp_micros();
        let limits = &policy.withdraw_unmatched;
        let found = match grounds.known_at(at) {
            Some(_) => self.released.judge(limits, grounds.owed_at(at), entry, grounds.in_step()),
            None => withdraw_unmatched::single(limits, entry),
        };
        let Some(finding) = found else { return };
        let step = step_of(entry, finding.level);
        let evidence = || signed(withdraw_unmatched::evidence(limits, &self.released, &finding, entry), &step, policy);
        self.open.note(WarningKind::WithdrawUnmatched, &step, evidence, changes);
    }

    /// Whom the money went to, and whether it went in parts that each stay under the line.
    fn judge_recipient(
        &mut self,
        grounds: &Grounds,
        policy: &Policy,
        entry: &Entry,
        before: i64,
        changes: &mut Vec<Change>,
    ) {
        let (payee, is_new) = if matches!(entry.kind, Kind::BankFee | Kind::Interest) {
            (None, false)
        } else {
            self.judge_payee(grounds, policy, entry, before, changes)
        };
        let Some(line) = policy.large_fen() else { return };
        let limits = &policy.structuring;
        let Some(finding) = self.burst.judge(limits, line, entry, payee, is_new) else { return };
        let step = step_of(entry, finding.level);
        let evidence = || signed(finding.evidence(limits, entry), &step, policy);
        self.open.note(WarningKind::Structuring, &step, evidence, changes);
    }

    /// The recipient's hash, and whether it was never paid before these 24 hours.
    fn judge_payee(
        &mut self,
        grounds: &Grounds,
        policy: &Policy,
        entry: &Entry,
        before: i64,
        changes: &mut Vec<Change>,
    ) -> (Option<u64>, bool) {
        const KIND: WarningKind = WarningKind::UnusualCounterparty;
        let at = entry.booked_at.timestamp_micros();
        let payee = match self.payees.see(grounds.account, entry, days::day_of(at), at) {
            Towards::Own(id) => return (Some(id), false),
            Towards::Other(payee) => payee,
            Towards::Unknown => {
                self.lack(KIND, "counterparty");
                return (None, false);
            }
            Towards::Unfiled(id) => {
                self.lack(KIND, "payee_account");
                return (Some(id), false);
            }
        };
        if entry.counterparty_name.is_none() {
            self.lack(KIND, "counterparty_name");
        }
        let limits = &policy.counterparty;
        if let Some(finding) = counterparty::judge(limits, grounds.account, payee, entry, before) {
            let step = step_of(entry, finding.level());
            let evidence = || signed(finding.evidence(limits, entry, before), &step, policy);
            self.open.note(KIND, &step, evidence, changes);
        }
        (Some(payee.id), payee.is_new)
    }

    fn judge_loan(&mut self, policy: &Policy, entry: &Entry, changes: &mut Vec<Change>) {
        let limits = &policy.training_loan;
        let Some(found) = loan::find(limits, entry) else { return };
        self.families = found.families_with(self.families);
        let families = self.families;
        let step = step_of(entry, loan::level(limits, families));
        let evidence = || signed(loan::evidence(limits, &found, entry, families), &step, policy);
        self.open.note(WarningKind::TrainingLoan, &step, evidence, changes);
    }
}

/// What an entry does to the sums of W2.
fn movement(at: i64, entry: &Entry, is_transfer: bool) -> Movement {
    let amount = entry.amount_fen;
    let none = Movement { at, ..Movement::default() };
    if entry.credit {
        Movement { credits: amount, ..none }
    } else if is_transfer || entry.kind.is_exempt() {
        Movement { exempt: amount, ..none }
    } else {
        Movement { debits: amount, matched: if entry.order_ref.is_some() { amount } else { 0 }, ..none }
    }
}
