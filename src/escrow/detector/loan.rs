//! W13 `TRAINING-LOAN` (培训贷), as the bank's side shows it: a lender pays in, or a remark names a loan.
//!
//! Loans for minors' training are forbidden (双减意见; 教监管函〔2021〕2号; 教监管〔2022〕4号). How many families stand
//! behind a lender's sum is known from the most that one may pay at once: a larger sum is that of several.

use serde_json::{Map, Value};

use super::{
    lenders,
    model::{Entry, Kind, Level, fields},
};
use crate::{escrow::policy::TrainingLoan, kernel::mask};

/// An entry that a lender paid in.
pub(super) struct Loan {
    word: &'static str,
    /// The families behind this entry alone.
    families: u32,
}

/// Whether an entry is a lender's payment for lessons.
pub(super) fn find(policy: &TrainingLoan, entry: &Entry) -> Option<Loan> {
    if entry.amount_fen == 0 || !matches!(entry.kind, Kind::Prepayment | Kind::Other) {
        return None;
    }
    let word = lenders::of_lender(entry.counterparty_name, entry.remittance)?;
    let families = entry.amount_fen.unsigned_abs().div_ceil(policy.family_fen.unsigned_abs().max(1));
    Some(Loan { word, families: u32::try_from(families).unwrap_or(u32::MAX) })
}

impl Loan {
    /// The families of this entry and of `before`.
    pub(super) fn families_with(&self, before: u32) -> u32 {
        before.saturating_add(self.families)
    }
}

pub(super) fn level(policy: &TrainingLoan, families: u32) -> Level {
    if families >= policy.red_families { Level::Red } else { Level::Orange }
}

/// What an officer needs to check the warning by hand.
pub(super) fn evidence(policy: &TrainingLoan, loan: &Loan, entry: &Entry, families: u32) -> Map<String, Value> {
    let payer =
        entry.counterparty_name.map(|name| if mask::is_person(name) { mask::name(name) } else { name.to_owned() });
    let threshold = (level(policy, families) == Level::Red).then_some(policy.red_families);
    fields([
        ("value", families.into()),
        ("threshold", threshold.into()),
        ("unit", "families".into()),
        ("formula", "sum of amount_fen / family_fen, rounded up, of all payments by lenders".into()),
        ("received_fen", entry.amount_fen.into()),
        ("payer", payer.into()),
        ("lender_word", loan.word.into()),
        ("families_here", loan.families.into()),
        ("family_fen", policy.family_fen.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(name: &'static str, amount_fen: i64, kind: Kind) -> Entry<'static> {
        Entry {
            booked_at: chrono::DateTime::UNIX_EPOCH,
            credit: true,
            amount_fen,
            bank_ref: "1",
            kind,
            order_ref: None,
            counterparty_name: Some(name),
            counterparty_account: None,
            remittance: None,
        }
    }

    #[test]
    fn a_larger_sum_than_one_family_may_pay_is_that_of_several() {
        let policy = TrainingLoan::default();
        for (case, amount_fen, before, families, expected) in [
            ("one family", 500_000, 0, 1, Level::Orange),
            ("a fen more is a second", 500_001, 0, 2, Level::Orange),
            ("two exactly", 1_000_000, 0, 2, Level::Orange),
            ("a fen more is a third", 1_000_001, 0, 3, Level::Red),
            ("the third payment", 100, 2, 3, Level::Red),
            ("F20: 96,000.00", 9_600_000, 0, 20, Level::Red),
        ] {
            let loan = find(&policy, &from("××消费金融有限公司", amount_fen, Kind::Other)).unwrap();
            let found = loan.families_with(before);
            assert_eq!((found, level(&policy, found)), (families, expected), "{case}");
        }
        assert!(find(&policy, &from("家长", 9_600_000, Kind::Prepayment)).is_none());
        assert!(find(&policy, &from("某小贷公司", 5, Kind::Reversal)).is_none(), "a mistake put right");
        assert!(find(&policy, &from("某小贷公司", 0, Kind::Other)).is_none());
    }

    #[test]
    fn the_evidence_names_no_person() {
        let policy = TrainingLoan::default();
        let entry = Entry { remittance: Some("培训贷"), ..from("张三丰", 5, Kind::Other) };
        let loan = find(&policy, &entry).unwrap();
        assert_eq!(evidence(&policy, &loan, &entry, 1)["payer"], "张*");
    }
}
