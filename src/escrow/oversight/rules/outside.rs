//! W12 `FUND-OUTSIDE-ESCROW` (账外收费): fees that went elsewhere. W13 `TRAINING-LOAN` (培训贷): fees that a lender paid.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::midnight;
use crate::escrow::{
    detector::{self, Level, WarningKind},
    oversight::{
        limits::OutsideLimits,
        model::{Alarm, evidence, gravest},
    },
};

/// What speaks for fees outside escrow, of one institution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outside {
    /// Payments to another account than the escrow account that have not been found in it since.
    pub payments: Vec<Elsewhere>,
    /// Pupils who were taught and have paid nothing into escrow, each with the end of the first lesson.
    pub unpaid: Vec<(Vec<u8>, DateTime<Utc>)>,
    /// `None` where the account's statements do not reach back to the contracts.
    pub dues: Option<Dues>,
}

/// A payment to another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    pub id: i64,
    pub pupil: Vec<u8>,
    pub amount_fen: i64,
    /// To the account of a natural person.
    pub personal: bool,
    pub paid_at: DateTime<Utc>,
}

/// The contracts that are signed and due, and what came into the account since the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dues {
    pub due_fen: i64,
    pub inflow_fen: i64,
    /// The day from which the latest of them had to be in.
    pub last_due_on: NaiveDate,
}

impl Dues {
    /// What may be missing: the greater of a share and a sum.
    fn tolerance_fen(&self, limits: &OutsideLimits) -> i64 {
        let share = i128::from(self.due_fen) * i128::from(limits.tolerance_bp) / 10_000;
        i64::try_from(share).unwrap_or(i64::MAX).max(limits.tolerance_fen)
    }

    /// What is missing beyond the tolerance; compared exactly.
    fn missing_fen(&self, limits: &OutsideLimits) -> Option<i64> {
        let missing = i128::from(self.due_fen) - i128::from(self.inflow_fen);
        let share = i128::from(self.due_fen) * i128::from(limits.tolerance_bp);
        let beyond = missing * 10_000 > share && missing > i128::from(limits.tolerance_fen);
        beyond.then(|| i64::try_from(missing).unwrap_or(i64::MAX))
    }
}

/// W12. A single case is yellow; orange from three pupils, ¥10,000 or one payment to a person; red from ten pupils, or three
/// who paid a person.
pub fn outside_escrow(facts: &Outside, limits: &OutsideLimits, now: DateTime<Utc>) -> Option<Alarm> {
    let late = TimeDelta::days(i64::from(limits.unpaid_days));
    let unpaid: Vec<&(Vec<u8>, DateTime<Utc>)> = facts.unpaid.iter().filter(|(_, since)| *since + late < now).collect();
    let missing = facts.dues.and_then(|dues| dues.missing_fen(limits));
    let pupils: BTreeSet<&[u8]> = facts
        .payments
        .iter()
        .map(|payment| payment.pupil.as_slice())
        .chain(unpaid.iter().map(|(pupil, _)| pupil.as_slice()))
        .collect();
    let personal: BTreeSet<&[u8]> =
        facts.payments.iter().filter(|payment| payment.personal).map(|payment| payment.pupil.as_slice()).collect();
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (pupils, personal) = (whole(pupils.len()), whole(personal.len()));
    if pupils == 0 && missing.is_none() {
        return None;
    }
    let paid: i128 = facts.payments.iter().map(|payment| i128::from(payment.amount_fen)).sum();
    let paid = i64::try_from(paid).unwrap_or(i64::MAX);
    // What is missing in the account and what was paid elsewhere may be the same money.
    let amount = paid.max(missing.unwrap_or(0));
    let red = limits.red_pupils <= pupils || limits.red_personal_pupils <= personal;
    let level = gravest([
        Some(Level::Yellow),
        (limits.orange_pupils <= pupils || limits.orange_fen <= amount || personal > 0).then_some(Level::Orange),
        red.then_some(Level::Red),
    ])?;
    let (measured, formula) = if personal > 0 && (limits.red_personal_pupils <= personal || level == Level::Orange) {
        let threshold = if level == Level::Red { limits.red_personal_pupils } else { 1 };
        ((personal, threshold, "pupils"), "pupils who paid a person's account >= threshold")
    } else if limits.orange_pupils <= pupils {
        let threshold = if level == Level::Red { limits.red_pupils } else { limits.orange_pupils };
        ((pupils, threshold, "pupils"), "pupils outside escrow >= threshold")
    } else if let (Some(missing), Some(dues)) = (missing, facts.dues) {
        ((missing, dues.tolerance_fen(limits), "fen"), "due_fen - inflow_fen > max(due_fen * share, floor)")
    } else {
        ((pupils, 1, "pupils"), "pupils outside escrow >= threshold")
    };
    let inputs = [
        ("pupils_outside", pupils.into()),
        ("pupils_personal_payee", personal.into()),
        ("paid_elsewhere_fen", paid.into()),
        ("pupils_unpaid", unpaid.len().into()),
        ("due_fen", facts.dues.map(|dues| dues.due_fen).into()),
        ("inflow_fen", facts.dues.map(|dues| dues.inflow_fen).into()),
    ];
    let at = facts
        .payments
        .iter()
        .map(|payment| payment.paid_at)
        .chain(unpaid.iter().map(|(_, since)| *since + late))
        .chain(missing.and(facts.dues).map(|dues| midnight(dues.last_due_on)))
        .max()?;
    let last = facts.payments.iter().map(|payment| payment.id).max().unwrap_or_default();
    Some(Alarm {
        kind: WarningKind::OutsideEscrow,
        level,
        at,
        evidence: evidence(measured, formula, inputs),
        basis: format!("{} {last} {} {}", facts.payments.len(), unpaid.len(), missing.unwrap_or(0)),
    })
}

/// A payment that the ledger says a loan paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loan {
    /// Keyed hash of the pupil.
    pub pupil: Vec<u8>,
    pub paid_at: DateTime<Utc>,
    /// Payer and remark of the bank's entry that bears it out, where one does.
    pub entry: Option<(Option<String>, Option<String>)>,
}

impl Loan {
    /// Whether the bank's entry shows the lender, so that the account has a warning about it already.
    fn is_told(&self) -> bool {
        let told = |(payer, remark): &(Option<String>, Option<String>)| {
            detector::shows_lender(payer.as_deref(), remark.as_deref())
        };
        self.entry.as_ref().is_some_and(told)
    }
}

/// W13 as the ledger shows it: one case is orange, three families are red. What the bank's entries show is the detector's.
pub fn training_loan(loans: &[Loan], red_families: i64) -> Option<Alarm> {
    let loans: Vec<&Loan> = loans.iter().filter(|loan| !loan.is_told()).collect();
    let at = loans.iter().map(|loan| loan.paid_at).max()?;
    let pupils: BTreeSet<&[u8]> = loans.iter().map(|loan| loan.pupil.as_slice()).collect();
    let families = i64::try_from(pupils.len()).unwrap_or(i64::MAX);
    let level = if red_families <= families { Level::Red } else { Level::Orange };
    let inputs = [("pupils_with_loan", families.into()), ("loan_payments", loans.len().into())];
    let threshold = if level == Level::Red { red_families } else { 1 };
    Some(Alarm {
        kind: WarningKind::TrainingLoan,
        level,
        at,
        evidence: evidence((families, threshold, "families"), "families with a loan >= threshold", inputs),
        basis: format!("{families} {} {at}", loans.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{at, day},
        *,
    };
    use crate::escrow::oversight::limits::Limits;
    use Level::{Orange, Red, Yellow};

    fn elsewhere(pupils: u8, amount_fen: i64, personal: bool) -> Outside {
        let payment = |pupil: u8| Elsewhere {
            id: i64::from(pupil),
            pupil: vec![pupil],
            amount_fen,
            personal,
            paid_at: at("2026-03-17T10:00"),
        };
        Outside { payments: (0..pupils).map(payment).collect(), ..Outside::default() }
    }

    fn level(facts: &Outside, now: &str) -> Option<Level> {
        outside_escrow(facts, &Limits::default().outside, at(now)).map(|alarm| alarm.level)
    }

    #[test]
    fn f19_and_both_sides_of_each_tier() {
        for (case, facts, expected) in [
            ("nothing", Outside::default(), None),
            ("F19: one pupil paid a person", elsewhere(1, 200_000, true), Some(Orange)),
            ("a second pupil", elsewhere(2, 200_000, true), Some(Orange)),
            ("F19: a third pupil", elsewhere(3, 200_000, true), Some(Red)),
            ("one pupil paid a company", elsewhere(1, 200_000, false), Some(Yellow)),
            ("two pupils", elsewhere(2, 200_000, false), Some(Yellow)),
            ("three pupils", elsewhere(3, 100, false), Some(Orange)),
            ("nine pupils", elsewhere(9, 100, false), Some(Orange)),
            ("ten pupils", elsewhere(10, 100, false), Some(Red)),
            ("9,999.99", elsewhere(1, 999_999, false), Some(Yellow)),
            ("10,000.00", elsewhere(1, 1_000_000, false), Some(Orange)),
        ] {
            assert_eq!(level(&facts, "2026-03-18T09:00"), expected, "{case}");
        }
    }

    #[test]
    fn lessons_without_a_payment_count_after_three_days() {
        let facts = Outside { unpaid: vec![(vec![1], at("2026-03-15T19:00"))], ..Outside::default() };
        assert_eq!(level(&facts, "2026-03-18T19:00"), None, "three days are not more than three days");
        assert_eq!(level(&facts, "2026-03-18T19:01"), Some(Yellow));
        let mut both = elsewhere(2, 100, false);
        both.unpaid = vec![(vec![1], at("2026-03-01T19:00")), (vec![9], at("2026-03-01T19:00"))];
        assert_eq!(level(&both, "2026-03-18T19:01"), Some(Orange), "a pupil counts once: three of them");
    }

    #[test]
    fn what_is_due_and_did_not_come_in_beyond_one_per_cent_and_a_thousand() {
        let facts = |due_fen, inflow_fen| Outside {
            dues: Some(Dues { due_fen, inflow_fen, last_due_on: day("2026-03-16") }),
            ..Outside::default()
        };
        for (due_fen, inflow_fen, expected) in [
            (10_000_000, 10_000_000, None),
            // One per cent is 1,000.00 here: equal passes.
            (10_000_000, 9_900_000, None),
            (10_000_000, 9_899_999, Some(Yellow)),
            (1_000_000, 900_000, None),
            (1_000_000, 899_999, Some(Yellow)),
            (50_000_000, 49_500_000, None),
            (50_000_000, 49_499_999, Some(Yellow)),
            (50_000_000, 49_000_000, Some(Orange)),
            (1_000_000, 9_000_000, None),
        ] {
            assert_eq!(level(&facts(due_fen, inflow_fen), "2026-03-18T09:00"), expected, "{due_fen} {inflow_fen}");
        }
        let alarm = outside_escrow(&facts(10_000_000, 9_899_999), &Limits::default().outside, at("2026-03-18T09:00"));
        let alarm = alarm.unwrap();
        assert_eq!((&alarm.evidence["value"], &alarm.evidence["threshold"]), (&100_001.into(), &100_000.into()));
    }

    #[test]
    fn loans_of_the_ledger_on_both_sides_of_three_families_and_none_that_the_bank_shows() {
        let loan = |pupil: u8, entry: Option<(&str, &str)>| Loan {
            pupil: vec![pupil],
            paid_at: at("2026-03-16T10:00"),
            entry: entry.map(|(payer, remark)| (Some(payer.to_owned()), Some(remark.to_owned()))),
        };
        let by_family = Some(("张三", "学费"));
        for (case, loans, expected) in [
            ("none", vec![], None),
            ("one family", vec![loan(1, None)], Some((Orange, 1))),
            ("one family twice", vec![loan(1, None), loan(1, by_family)], Some((Orange, 1))),
            ("two", vec![loan(1, None), loan(2, by_family)], Some((Orange, 2))),
            ("three", vec![loan(1, None), loan(2, None), loan(3, None)], Some((Red, 3))),
            ("the bank shows its payer", vec![loan(1, Some(("某消费金融有限公司", "学费")))], None),
            ("the bank shows its product", vec![loan(1, Some(("张三", "花呗分期")))], None),
            ("one of three", vec![loan(1, Some(("某小贷公司", ""))), loan(2, None), loan(3, None)], Some((Orange, 2))),
        ] {
            let alarm = training_loan(&loans, 3);
            let told = alarm.map(|alarm| (alarm.level, alarm.evidence["value"].as_i64().unwrap()));
            assert_eq!(told, expected, "{case}");
        }
    }
}
