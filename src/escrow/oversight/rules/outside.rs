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
    /// Pupils who were taught and of whom no payment is found in escrow.
    pub unpaid: Vec<Unpaid>,
    /// `None` where the account's statements do not reach back to the contracts.
    pub dues: Option<Dues>,
    /// What families told the bureau, unless it was refuted.
    pub complaints: Vec<Complained>,
}

/// A family's complaint that it paid elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complained {
    pub id: i64,
    /// The pupil, where the ledger knows the family; else what tells this family from others.
    pub family: Vec<u8>,
    pub amount_fen: i64,
    /// To the account of a natural person.
    pub personal: bool,
    /// An official has seen the evidence.
    pub confirmed: bool,
    pub received_at: DateTime<Utc>,
}

/// A pupil who was taught and of whom no payment is found in escrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpaid {
    pub pupil: Vec<u8>,
    /// The end of the first lesson.
    pub since: DateTime<Utc>,
    /// What the ledger says was paid into escrow, at least the lessons given.
    pub fee_fen: i64,
    /// The bank's statements do not tell whether what the ledger says came in.
    pub undetermined: bool,
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
    let (unknown, known): (Vec<&Unpaid>, Vec<&Unpaid>) =
        facts.unpaid.iter().filter(|pupil| pupil.since + late < now).partition(|pupil| pupil.undetermined);
    let unpaid = known;
    let missing = facts.dues.and_then(|dues| dues.missing_fen(limits));
    let pupils: BTreeSet<&[u8]> = facts
        .payments
        .iter()
        .map(|payment| payment.pupil.as_slice())
        .chain(unpaid.iter().map(|one| one.pupil.as_slice()))
        .chain(facts.complaints.iter().map(|complaint| complaint.family.as_slice()))
        .collect();
    // What the ledger says of itself needs nobody to confirm it; what a family says counts for red once somebody has.
    let by_person = |confirmed: bool| -> BTreeSet<&[u8]> {
        let paid = facts.payments.iter().filter(|payment| payment.personal).map(|payment| payment.pupil.as_slice());
        let said = facts.complaints.iter().filter(|said| said.personal && (said.confirmed || !confirmed));
        paid.chain(said.map(|said| said.family.as_slice())).collect()
    };
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (pupils, personal, confirmed) =
        (whole(pupils.len()), whole(by_person(false).len()), whole(by_person(true).len()));
    if pupils == 0 && missing.is_none() {
        return None;
    }
    let paid: i128 = facts.payments.iter().map(|payment| i128::from(payment.amount_fen)).sum();
    let paid = i64::try_from(paid).unwrap_or(i64::MAX);
    let fees: i128 = unpaid.iter().map(|one| i128::from(one.fee_fen)).sum();
    let fees = i64::try_from(fees).unwrap_or(i64::MAX);
    let said: i128 = facts.complaints.iter().map(|complaint| i128::from(complaint.amount_fen)).sum();
    // What is missing in the account, what was paid elsewhere and what families say may be the same money.
    let amount = paid.saturating_add(fees).max(missing.unwrap_or(0)).max(i64::try_from(said).unwrap_or(i64::MAX));
    let red = limits.red_pupils <= pupils || limits.red_personal_pupils <= confirmed;
    let level = gravest([
        Some(Level::Yellow),
        (limits.orange_pupils <= pupils || limits.orange_fen <= amount || personal > 0).then_some(Level::Orange),
        red.then_some(Level::Red),
    ])?;
    let (measured, formula) = if limits.red_personal_pupils <= confirmed {
        ((confirmed, limits.red_personal_pupils, "pupils"), "pupils who paid a person's account >= threshold")
    } else if personal > 0 && level == Level::Orange {
        ((personal, 1, "pupils"), "pupils who paid a person's account >= threshold")
    } else if limits.orange_pupils <= pupils {
        let threshold = if level == Level::Red { limits.red_pupils } else { limits.orange_pupils };
        ((pupils, threshold, "pupils"), "pupils outside escrow >= threshold")
    } else if limits.orange_fen <= paid.saturating_add(fees) {
        ((paid.saturating_add(fees), limits.orange_fen, "fen"), "fees outside escrow >= threshold")
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
        ("fees_unpaid_fen", fees.into()),
        ("pupils_undetermined", unknown.len().into()),
        ("due_fen", facts.dues.map(|dues| dues.due_fen).into()),
        ("inflow_fen", facts.dues.map(|dues| dues.inflow_fen).into()),
        // How many, and no more of them: the institution reads this.
        ("complaints", facts.complaints.len().into()),
    ];
    let at = facts
        .payments
        .iter()
        .map(|payment| payment.paid_at)
        .chain(unpaid.iter().map(|one| one.since + late))
        .chain(facts.complaints.iter().map(|complaint| complaint.received_at))
        .chain(missing.and(facts.dues).map(|dues| midnight(dues.last_due_on)))
        .max()?;
    let last = facts.payments.iter().map(|payment| payment.id).max().unwrap_or_default();
    Some(Alarm {
        kind: WarningKind::OutsideEscrow,
        level,
        at,
        evidence: evidence(measured, formula, inputs),
        basis: format!(
            "{} {last} {} {}{}",
            facts.payments.len(),
            unpaid.len(),
            missing.unwrap_or(0),
            basis_of(&facts.complaints)
        ),
    })
}

/// What tells one set of complaints from another; nothing where there is none.
fn basis_of(complaints: &[Complained]) -> String {
    let Some(last) = complaints.iter().map(|complaint| complaint.id).max() else { return String::new() };
    let confirmed = complaints.iter().filter(|complaint| complaint.confirmed).count();
    format!(" {} {last} {confirmed}", complaints.len())
}

/// What speaks for training loans, of one institution, beside what the bank's entries show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loans {
    pub paid: Vec<Loan>,
    /// Families that told the bureau of a loan, other than those of which the ledger says so, and the latest of them.
    pub complained: i64,
    pub complained_at: Option<DateTime<Utc>>,
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

/// W13 as the ledger shows it and families say: one case is orange, three families are red. What the bank's entries show is the
/// detector's.
pub fn training_loan(loans: &Loans, red_families: i64) -> Option<Alarm> {
    let paid: Vec<&Loan> = loans.paid.iter().filter(|loan| !loan.is_told()).collect();
    let at = paid.iter().map(|loan| loan.paid_at).chain(loans.complained_at).max()?;
    let pupils: BTreeSet<&[u8]> = paid.iter().map(|loan| loan.pupil.as_slice()).collect();
    let in_ledger = i64::try_from(pupils.len()).unwrap_or(i64::MAX);
    let families = in_ledger.saturating_add(loans.complained);
    let level = if red_families <= families { Level::Red } else { Level::Orange };
    let inputs = [
        ("pupils_with_loan", in_ledger.into()),
        ("loan_payments", paid.len().into()),
        ("complaints", loans.complained.into()),
    ];
    let threshold = if level == Level::Red { red_families } else { 1 };
    Some(Alarm {
        kind: WarningKind::TrainingLoan,
        level,
        at,
        evidence: evidence((families, threshold, "families"), "families with a loan >= threshold", inputs),
        basis: format!("{families} {} {at}", paid.len()),
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

    fn unpaid(pupil: u8, since: &str, fee_fen: i64) -> Unpaid {
        Unpaid { pupil: vec![pupil], since: at(since), fee_fen, undetermined: false }
    }

    #[test]
    fn a_complaint_counts_as_evidence_and_for_red_once_it_is_confirmed() {
        let complaint = |family: u8, amount_fen, personal, confirmed| Complained {
            id: i64::from(family),
            family: vec![family],
            amount_fen,
            personal,
            confirmed,
            received_at: at("2026-03-17T00:00"),
        };
        let said = |complaints: Vec<Complained>| Outside { complaints, ..Outside::default() };
        let many = |count: u8, personal, confirmed| {
            said((0..count).map(|family| complaint(family, 0, personal, confirmed)).collect())
        };
        let mut both = elsewhere(2, 100, true);
        both.complaints = vec![complaint(0, 0, true, true), complaint(1, 0, true, true)];
        let mut third = both.clone();
        third.complaints.push(complaint(7, 0, true, true));
        let mut unconfirmed = both.clone();
        unconfirmed.complaints.push(complaint(7, 0, true, false));
        for (case, facts, expected) in [
            ("one family", many(1, false, false), Some(Yellow)),
            ("F19: one family shows a receipt of a person", many(1, true, false), Some(Orange)),
            ("two families", many(2, false, false), Some(Yellow)),
            ("three families", many(3, false, false), Some(Orange)),
            ("ten families", many(10, false, false), Some(Red)),
            ("three persons' accounts, none confirmed", many(3, true, false), Some(Orange)),
            ("two confirmed", many(2, true, true), Some(Orange)),
            ("F19: three confirmed", many(3, true, true), Some(Red)),
            ("9,999.99", said(vec![complaint(1, 999_999, false, false)]), Some(Yellow)),
            ("10,000.00", said(vec![complaint(1, 1_000_000, false, false)]), Some(Orange)),
            ("the same families as in the ledger", both, Some(Orange)),
            ("and a third one, confirmed", third, Some(Red)),
            ("and a third one, not confirmed", unconfirmed, Some(Orange)),
        ] {
            assert_eq!(level(&facts, "2026-03-18T09:00"), expected, "{case}");
        }
        let facts = said(vec![complaint(1, 123_400, true, false)]);
        let alarm = outside_escrow(&facts, &Limits::default().outside, at("2026-03-18T09:00")).unwrap();
        let evidence = serde_json::Value::from(alarm.evidence).to_string();
        assert!(!evidence.contains("123400"), "what one family paid tells which family it is: {evidence}");
        assert_eq!(basis_of(&[]), "", "warnings from before complaints keep their basis");
    }

    #[test]
    fn lessons_without_a_payment_count_after_three_days() {
        let facts = Outside { unpaid: vec![unpaid(1, "2026-03-15T19:00", 480_000)], ..Outside::default() };
        assert_eq!(level(&facts, "2026-03-18T19:00"), None, "three days are not more than three days");
        assert_eq!(level(&facts, "2026-03-18T19:01"), Some(Yellow));
        let mut both = elsewhere(2, 100, false);
        both.unpaid = vec![unpaid(1, "2026-03-01T19:00", 100), unpaid(9, "2026-03-01T19:00", 100)];
        assert_eq!(level(&both, "2026-03-18T19:01"), Some(Orange), "a pupil counts once: three of them");
    }

    #[test]
    fn fees_that_are_not_found_in_escrow_count_towards_ten_thousand_yuan() {
        let old = "2026-03-01T19:00";
        for (case, facts, expected) in [
            ("9,999.99 of two", vec![unpaid(1, old, 499_999), unpaid(2, old, 500_000)], Some(Yellow)),
            ("10,000.00 of two", vec![unpaid(1, old, 500_000), unpaid(2, old, 500_000)], Some(Orange)),
            ("not yet three days", vec![unpaid(1, "2026-03-18T10:00", 1_000_000)], None),
            (
                "the statements do not reach so far",
                vec![Unpaid { undetermined: true, ..unpaid(1, old, 1_000_000) }],
                None,
            ),
        ] {
            let facts = Outside { unpaid: facts, ..Outside::default() };
            assert_eq!(level(&facts, "2026-03-18T19:01"), expected, "{case}");
        }
        let mut both = elsewhere(1, 600_000, false);
        both.unpaid = vec![unpaid(9, old, 400_000)];
        let alarm = outside_escrow(&both, &Limits::default().outside, at("2026-03-18T19:01")).unwrap();
        assert_eq!((alarm.level, &alarm.evidence["value"]), (Orange, &1_000_000.into()), "with what went elsewhere");
        both.unpaid.push(Unpaid { undetermined: true, ..unpaid(10, old, 400_000) });
        let alarm = outside_escrow(&both, &Limits::default().outside, at("2026-03-18T19:01")).unwrap();
        assert_eq!(alarm.evidence["pupils_undetermined"], 1, "{:?}", alarm.evidence);
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
        let told = |paid, complained| Loans {
            paid,
            complained,
            complained_at: (complained > 0).then(|| at("2026-03-17T09:00")),
        };
        let paid = |loans| told(loans, 0);
        for (case, loans, expected) in [
            ("none", Loans::default(), None),
            ("one family", paid(vec![loan(1, None)]), Some((Orange, 1))),
            ("one family twice", paid(vec![loan(1, None), loan(1, by_family)]), Some((Orange, 1))),
            ("two", paid(vec![loan(1, None), loan(2, by_family)]), Some((Orange, 2))),
            ("three", paid(vec![loan(1, None), loan(2, None), loan(3, None)]), Some((Red, 3))),
            ("the bank shows its payer", paid(vec![loan(1, Some(("某消费金融有限公司", "学费")))]), None),
            ("the bank shows its product", paid(vec![loan(1, Some(("张三", "花呗分期")))]), None),
            (
                "one of three",
                paid(vec![loan(1, Some(("某小贷公司", ""))), loan(2, None), loan(3, None)]),
                Some((Orange, 2)),
            ),
            ("a family says so", told(vec![], 1), Some((Orange, 1))),
            (
                "two in the ledger, and a third family says so",
                told(vec![loan(1, None), loan(2, None)], 1),
                Some((Red, 3)),
            ),
        ] {
            let alarm = training_loan(&loans, 3);
            let told = alarm.map(|alarm| (alarm.level, alarm.evidence["value"].as_i64().unwrap()));
            assert_eq!(told, expected, "{case}");
        }
    }
}
