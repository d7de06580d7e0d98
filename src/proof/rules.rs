//! The comparison itself.
//!
//! Money is compared entry by entry and order by order, never by sums alone, in which two mistakes may hide each other.
//! Source: domain-rules §5.2 (what may leave an account), §5.4 W4 and W12; 教监管函〔2021〕2号 (应托管、尽托管).

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::model::{Entry, Facts, Item, Kind, Outcome, Payment, Tie};
use crate::kernel::Calendar;

/// Workdays that the bank has to book what a parent paid (T+2, domain-rules §5.4 W12).
const BOOKED_WITHIN: u32 = 2;

/// Compares the three accounts of `day` as of `as_of`, the last day that the bank's statements reach.
pub fn prove(day: NaiveDate, facts: &Facts, as_of: NaiveDate, calendar: &Calendar) -> Outcome {
    let mut outcome = sums(day, facts);
    let mut paid_by: BTreeMap<Tie, Vec<&Payment>> = BTreeMap::new();
    for payment in &facts.payments {
        match &payment.tie {
            Some(tie) => paid_by.entry(tie.clone()).or_default().push(payment),
            None if payment.on != day => {}
            None if is_over(payment.on, as_of, calendar) => outcome.items.push(Item {
                kind: Kind::OnlyLedger,
                subject: format!("payment:{}", payment.receipt_no),
                bank_fen: 0,
                ledger_fen: payment.amount_fen,
            }),
            None => outcome.waiting += 1,
        }
    }
    for entry in &facts.entries {
        let ledger_fen = match (&entry.order_ref, entry.credit) {
            (Some(order_ref), false) => {
                facts.orders.iter().find(|order| order.order_ref == *order_ref).map(|order| order.amount_fen)
            }
            _ => paid_by.get(&entry.tie()).map(|payments| payments.iter().map(|payment| payment.amount_fen).sum()),
        };
        match ledger_fen {
            Some(fen) if fen == entry.amount_fen => outcome.matched += 1,
            Some(ledger_fen) => outcome.items.push(about(entry, Kind::AmountDiffers, ledger_fen)),
            None if is_the_banks_own(&entry.kind) => outcome.matched += 1,
            None => outcome.items.push(about(entry, Kind::OnlyBank, 0)),
        }
    }
    for order in facts.orders.iter().filter(|order| order.tie.is_none() && order.done_on == Some(day)) {
        outcome.items.push(Item {
            kind: Kind::OnlyLedger,
            subject: format!("order:{}", order.order_ref),
            bank_fen: 0,
            ledger_fen: order.amount_fen,
        });
    }
    for lesson in &facts.lessons {
        let (kind, ledger_fen) = match lesson.paid_fen {
            ..=0 => (Kind::OnlyAttendance, lesson.amount_fen),
            // Lessons that nobody has paid for so far.
            paid_fen if paid_fen < lesson.taught_fen => (Kind::AmountDiffers, lesson.taught_fen),
            _ => {
                outcome.matched += 1;
                continue;
            }
        };
        outcome.items.push(Item {
            kind,
            subject: format!("contract:{}", lesson.contract_no),
            bank_fen: lesson.paid_fen.max(0),
            ledger_fen,
        });
    }
    outcome.items.sort_by(|one, other| one.subject.cmp(&other.subject));
    outcome
}

fn sums(day: NaiveDate, facts: &Facts) -> Outcome {
    let entries =
        |credit: bool| facts.entries.iter().filter(move |entry| entry.credit == credit).map(|entry| entry.amount_fen);
    let done = |refund: bool| {
        facts
            .orders
            .iter()
            .filter(move |order| order.is_refund == refund && order.done_on == Some(day))
            .map(|order| order.amount_fen)
    };
    let paid = facts.payments.iter().filter(|payment| payment.on == day).map(|payment| payment.amount_fen);
    Outcome {
        bank_in_fen: entries(true).fold(0, i64::saturating_add),
        bank_out_fen: entries(false).fold(0, i64::saturating_add),
        paid_fen: paid.fold(0, i64::saturating_add),
        refunded_fen: done(true).fold(0, i64::saturating_add),
        released_fen: done(false).fold(0, i64::saturating_add),
        consumed_fen: facts.lessons.iter().map(|lesson| lesson.amount_fen).fold(0, i64::saturating_add),
        ..Outcome::default()
    }
}

fn about(entry: &Entry, kind: Kind, ledger_fen: i64) -> Item {
    Item {
        kind,
        subject: format!("entry:{}:{}", entry.account_id, entry.bank_ref),
        bank_fen: entry.amount_fen,
        ledger_fen,
    }
}

/// Interest, charges, reversals, the school's own top-ups and what moves between its own accounts belong to no contract.
fn is_the_banks_own(kind: &str) -> bool {
    matches!(kind, "interest" | "bank_fee" | "reversal" | "top_up" | "own_transfer")
}

/// Whether the bank's time to book is over. In a year without a holiday notice any day counts as a workday: the proof is
/// asked again every night, and what comes late settles its item.
fn is_over(paid_on: NaiveDate, as_of: NaiveDate, calendar: &Calendar) -> bool {
    let last = calendar.add_workdays(paid_on, BOOKED_WITHIN);
    let last = last.unwrap_or_else(|| paid_on + chrono::Days::new(u64::from(BOOKED_WITHIN)));
    last < as_of
}

#[cfg(test)]
mod tests {
    use super::{
        super::model::{Attendance, Order},
        *,
    };

    const DAY: &str = "2026-03-18";

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn entry(bank_ref: &str, credit: bool, amount_fen: i64) -> Entry {
        let booked_at = "2026-03-18T02:00:00Z".parse().unwrap();
        Entry {
            account_id: 1,
            booked_at,
            bank_ref: bank_ref.to_owned(),
            credit,
            amount_fen,
            kind: "other".to_owned(),
            order_ref: None,
        }
    }

    fn payment(receipt: &str, on: &str, amount_fen: i64, tie: Option<Tie>) -> Payment {
        Payment { receipt_no: receipt.to_owned(), on: day(on), amount_fen, tie }
    }

    /// What differs (kind, subject, at the bank, in the ledger), how much matches, and how much waits.
    type Found = (Vec<(Kind, String, i64, i64)>, i32, i32);

    fn found(facts: &Facts, as_of: &str) -> Found {
        let outcome = prove(day(DAY), facts, day(as_of), Calendar::statutory());
        let items = outcome.items.into_iter().map(|item| (item.kind, item.subject, item.bank_fen, item.ledger_fen));
        (items.collect(), outcome.matched, outcome.waiting)
    }

    #[test]
    fn what_agrees_to_the_fen_is_matched_and_one_fen_is_not() {
        let paid = entry("B1", true, 480_000);
        let mut release = entry("B2", false, 120_000);
        release.order_ref = Some("HB-1".to_owned());
        let order = Order {
            order_ref: "HB-1".to_owned(),
            is_refund: false,
            amount_fen: 120_000,
            done_on: Some(day(DAY)),
            tie: Some(release.tie()),
        };
        let mut facts = Facts {
            payments: vec![payment("S1", "2026-03-17", 480_000, Some(paid.tie()))],
            entries: vec![paid, release],
            orders: vec![order],
            lessons: vec![taught("HT1", 8_000, 480_000)],
        };
        assert_eq!(found(&facts, "2026-03-20"), (vec![], 3, 0));
        facts.payments[0].amount_fen = 480_001;
        facts.orders[0].amount_fen = 119_999;
        let (items, matched, _) = found(&facts, "2026-03-20");
        assert_eq!(matched, 1);
        let differs = |subject: &str, bank, ledger| (Kind::AmountDiffers, subject.to_owned(), bank, ledger);
        assert_eq!(items, [differs("entry:1:B1", 480_000, 480_001), differs("entry:1:B2", 120_000, 119_999)]);
    }

    #[test]
    fn one_entry_may_bear_out_several_payments() {
        let batch = entry("B1", true, 900_000);
        let facts = Facts {
            payments: vec![
                payment("S1", DAY, 500_000, Some(batch.tie())),
                payment("S2", DAY, 400_000, Some(batch.tie())),
            ],
            entries: vec![batch],
            ..Facts::default()
        };
        assert_eq!(found(&facts, "2026-03-20"), (vec![], 1, 0));
    }

    #[test]
    fn what_stands_on_one_side_only_is_told_and_the_banks_own_is_not() {
        let mut interest = entry("B3", true, 12);
        interest.kind = "interest".to_owned();
        let facts =
            Facts { entries: vec![entry("B1", true, 500), entry("B2", false, 700), interest], ..Facts::default() };
        let only = |subject: &str, bank| (Kind::OnlyBank, subject.to_owned(), bank, 0);
        assert_eq!(found(&facts, "2026-03-18"), (vec![only("entry:1:B1", 500), only("entry:1:B2", 700)], 1, 0));
        let order =
            Order { order_ref: "TK-1".to_owned(), is_refund: true, amount_fen: 9, done_on: Some(day(DAY)), tie: None };
        let facts = Facts { orders: vec![order], ..Facts::default() };
        assert_eq!(found(&facts, "2026-03-18").0, [(Kind::OnlyLedger, "order:TK-1".to_owned(), 0, 9)]);
    }

    #[test]
    fn a_payment_waits_for_the_bank_until_two_workdays_are_over() {
        let facts = Facts { payments: vec![payment("S1", DAY, 500, None)], ..Facts::default() };
        // Wednesday the 18th: the bank has until Friday the 20th.
        assert_eq!(found(&facts, "2026-03-20"), (vec![], 0, 1));
        assert_eq!(found(&facts, "2026-03-21").0, [(Kind::OnlyLedger, "payment:S1".to_owned(), 0, 500)]);
        // Of another day, it is that day's matter.
        let facts = Facts { payments: vec![payment("S1", "2026-03-17", 500, None)], ..Facts::default() };
        assert_eq!(found(&facts, "2026-04-01"), (vec![], 0, 0));
    }

    /// A lesson of 80 yuan on a contract on which so much was taught and paid.
    fn taught(contract: &str, taught_fen: i64, paid_fen: i64) -> Attendance {
        Attendance { contract_no: contract.to_owned(), amount_fen: 8_000, taught_fen, paid_fen }
    }

    #[test]
    fn lessons_are_compared_with_what_was_paid_into_escrow_on_their_contract_to_the_fen() {
        for (taught_fen, paid_fen, expected) in [
            (8_000, 0, Some((Kind::OnlyAttendance, 0, 8_000))),
            (16_000, 15_999, Some((Kind::AmountDiffers, 15_999, 16_000))),
            (16_000, 16_000, None),
            (16_000, 480_000, None),
        ] {
            let facts = Facts { lessons: vec![taught("HT9", taught_fen, paid_fen)], ..Facts::default() };
            let items = found(&facts, DAY).0;
            let expected = expected.map(|(kind, bank, ledger)| (kind, "contract:HT9".to_owned(), bank, ledger));
            assert_eq!(items, expected.into_iter().collect::<Vec<_>>(), "{taught_fen} taught, {paid_fen} paid");
        }
    }
}
