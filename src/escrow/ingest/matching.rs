//! Which entries of the bank carry out an approved order, and which bear out a family's payment.
//!
//! Pure. An order is carried out by a debit of its amount that passes its number on; a release also by one to the filed
//! account within five bank days; a refund only by one that goes back to whoever paid, or to the account that an official
//! approved. A payment is borne out by a credit of its amount that passes the receipt's number on, else by the day where no
//! other open payment is of that amount and day; one that went elsewhere only by the number: it was moved in. Each is matched
//! once, in order of booking.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::entries::NewEntry;
use crate::{
    escrow::{detector::Kind, model::mentions},
    kernel::Calendar,
    ledger::{Party, Payers, Route},
};

/// Bank days after its approval in which a release is carried out.
const RELEASED_WITHIN: u32 = 5;

/// What an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Release,
    Refund,
}

/// An approved order that no entry has carried out yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub what: What,
    pub id: i64,
    pub order_ref: String,
    pub amount_fen: i64,
    /// The day from which it may be carried out.
    pub since: NaiveDate,
    /// Of a refund, whom it may go to.
    pub to: To,
}

/// Whom a refund may go to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct To {
    pub payers: Payers,
    /// Keyed hash of the other account that an official approved.
    pub elsewhere: Option<Vec<u8>>,
}

/// A payment that no entry bears out yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPayment {
    pub id: i64,
    pub receipt_no: String,
    pub amount_fen: i64,
    pub paid_on: NaiveDate,
    /// It was paid to another account than the escrow account.
    pub elsewhere: bool,
}

/// What an entry was found to be; `entry` is its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// A refund has the route that it went.
    Order {
        entry: usize,
        order: Order,
        route: Option<Route>,
    },
    /// It names a refund and goes to somebody who did not pay: it carries nothing out.
    Astray {
        entry: usize,
        refund: i64,
        order_ref: String,
    },
    Payment {
        entry: usize,
        payment: i64,
    },
}

/// Which accounts are known by their keyed hashes.
pub struct Accounts<'a> {
    /// Whether one is the account that releases go to on a day.
    pub is_payee: &'a (dyn Fn(&str, NaiveDate) -> bool + Sync),
    /// Whether one has a keyed hash.
    pub has_hash: &'a (dyn Fn(&str, &[u8]) -> bool + Sync),
}

impl NewEntry {
    /// Whether the bank passes a number on with it.
    pub(super) fn carries(&self, number: &str) -> bool {
        mentions(&self.bank_ref, number) || self.remittance.as_deref().is_some_and(|text| mentions(text, number))
    }
}

/// What waits for an entry, by amount.
#[derive(Debug, Default)]
pub struct Waiting {
    orders: HashMap<i64, Vec<Order>>,
    payments: HashMap<i64, Vec<OpenPayment>>,
}

impl Waiting {
    /// Of an account; the oldest come first.
    pub fn new(orders: Vec<Order>, payments: Vec<OpenPayment>) -> Waiting {
        let mut waiting = Waiting::default();
        orders.into_iter().for_each(|order| waiting.orders.entry(order.amount_fen).or_default().push(order));
        payments.into_iter().for_each(|one| waiting.payments.entry(one.amount_fen).or_default().push(one));
        waiting
    }

    /// Matches entries in their order.
    pub fn settle(mut self, entries: &[NewEntry], calendar: &Calendar, accounts: &Accounts<'_>) -> Vec<Match> {
        let mut found = Vec::new();
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.reversal) {
            if entry.credit {
                let payment = self.payment_of(entry);
                found.extend(payment.map(|payment| Match::Payment { entry: place, payment }));
            } else {
                found.extend(self.order_of(place, entry, calendar, accounts));
            }
        }
        found
    }

    fn order_of(&mut self, at: usize, entry: &NewEntry, calendar: &Calendar, accounts: &Accounts<'_>) -> Option<Match> {
        let orders = self.orders.get_mut(&entry.amount_fen)?;
        let on = entry.booked_on();
        let in_time = |order: &Order| {
            let last = calendar.add_workdays(order.since, RELEASED_WITHIN);
            order.since <= on && last.is_some_and(|last| on <= last)
        };
        let place = orders.iter().position(|order| entry.carries(&order.order_ref)).or_else(|| {
            let to_payee =
                entry.counterparty_account.as_deref().is_some_and(|account| (accounts.is_payee)(account, on));
            orders.iter().position(|order| order.what == What::Release && to_payee && in_time(order))
        })?;
        let order = &orders[place];
        if order.what == What::Release {
            return Some(Match::Order { entry: at, order: orders.remove(place), route: None });
        }
        let route = order.to.route(entry, accounts);
        let (refund, order_ref) = (order.id, order.order_ref.clone());
        Some(match route {
            Some(_) => Match::Order { entry: at, order: orders.remove(place), route },
            None => Match::Astray { entry: at, refund, order_ref },
        })
    }

    fn payment_of(&mut self, entry: &NewEntry) -> Option<i64> {
        let payments = self.payments.get_mut(&entry.amount_fen)?;
        let only = |fits: &dyn Fn(&OpenPayment) -> bool| {
            let mut places = payments.iter().enumerate().filter(|(_, one)| fits(one)).map(|(place, _)| place);
            places.next().filter(|_| places.next().is_none())
        };
        let told = matches!(entry.kind, Kind::Other | Kind::Prepayment);
        let by_day = || only(&|one| told && !one.elsewhere && one.paid_on == entry.booked_on());
        let place = only(&|one| entry.carries(&one.receipt_no)).or_else(by_day)?;
        Some(payments.remove(place).id)
    }
}

impl To {
    /// Where a refund went with an entry; `None` where it may not go.
    pub(super) fn route(&self, entry: &NewEntry, accounts: &Accounts<'_>) -> Option<Route> {
        let party = Party::new(entry.counterparty_account.as_deref(), entry.counterparty_name.as_deref());
        match (self.payers.route(&party), &self.elsewhere, party.account()) {
            (Route::Original, ..) => Some(Route::Original),
            (_, Some(approved), Some(account)) => (accounts.has_hash)(account, approved).then_some(Route::Elsewhere),
            (_, Some(_), None) => Some(Route::Undetermined),
            (Route::Undetermined, None, _) => Some(Route::Undetermined),
            (Route::Elsewhere, None, _) => None,
        }
    }
}

/// Writes what was found into the entries. What went astray is a plain withdrawal, whatever the bank calls it: no refund, and
/// no fee of the bank's.
pub fn mark(entries: &mut [NewEntry], found: &[Match]) {
    for one in found {
        match one {
            Match::Order { entry, order, .. } => {
                entries[*entry].kind = if order.what == What::Release { Kind::Release } else { Kind::Refund };
                entries[*entry].order_ref = Some(order.order_ref.clone());
            }
            Match::Astray { entry, .. } => entries[*entry].kind = Kind::Other,
            Match::Payment { entry, .. } => entries[*entry].kind = Kind::Prepayment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        escrow::ingest::entries::tests::booked,
        ledger::{
            model::Channel,
            rules::refund::route::{Credited, House},
        },
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn entry(on: &str, effect_fen: i64, remittance: &str, account: &str) -> NewEntry {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        NewEntry { remittance: text(remittance), counterparty_account: text(account), ..booked(day(on), effect_fen) }
    }

    fn order(what: What, order_ref: &str, amount_fen: i64) -> Order {
        let order_ref = order_ref.to_owned();
        Order { what, id: 1, order_ref, amount_fen, since: day("2026-03-16"), to: To::default() }
    }

    fn payment(id: i64, receipt_no: &str, on: &str) -> OpenPayment {
        OpenPayment { id, receipt_no: receipt_no.to_owned(), amount_fen: 480_000, paid_on: day(on), elsewhere: false }
    }

    fn settled(orders: &[Order], payments: &[OpenPayment], entries: &[NewEntry]) -> Vec<String> {
        let waiting = Waiting::new(orders.to_vec(), payments.to_vec());
        let mut marked = entries.to_vec();
        let accounts = Accounts {
            is_payee: &|account, _| account == "OWN",
            has_hash: &|account, hash| account.as_bytes() == hash,
        };
        let found = waiting.settle(entries, Calendar::statutory(), &accounts);
        mark(&mut marked, &found);
        let shown = |one: &Match| match one {
            Match::Order { entry, order, route: Some(route) } => {
                format!("{entry} {} {} {route}", marked[*entry].kind, order.order_ref)
            }
            Match::Order { entry, order, .. } => format!("{entry} {} {}", marked[*entry].kind, order.order_ref),
            Match::Astray { entry, order_ref, .. } => format!("{entry} {} astray {order_ref}", marked[*entry].kind),
            Match::Payment { entry, payment } => format!("{entry} {} {payment}", marked[*entry].kind),
        };
        found.iter().map(shown).collect()
    }

    #[test]
    fn an_order_is_carried_out_by_its_number_and_amount_or_by_the_filed_account_in_time() {
        let release = order(What::Release, "HB-1", 100);
        for (case, entry, expected) in [
            ("by number", entry("2026-06-01", -100, "划拨 HB-1", ""), true),
            ("another amount", entry("2026-03-17", -101, "划拨 HB-1", "OWN"), false),
            ("money that comes in", entry("2026-03-17", 100, "划拨 HB-1", "OWN"), false),
            ("another number", entry("2026-03-17", -100, "划拨 HB-10", ""), false),
            ("the filed account, the same day", entry("2026-03-16", -100, "", "OWN"), true),
            ("five bank days later", entry("2026-03-23", -100, "", "OWN"), true),
            ("six", entry("2026-03-24", -100, "", "OWN"), false),
            ("before it was approved", entry("2026-03-15", -100, "", "OWN"), false),
            ("another account", entry("2026-03-17", -100, "", "OTHER"), false),
        ] {
            let expected = if expected { vec!["0 release HB-1".to_owned()] } else { vec![] };
            assert_eq!(settled(std::slice::from_ref(&release), &[], &[entry]), expected, "{case}");
        }
    }

    fn paid_by(account: &str) -> To {
        let by = Party::new(Some(account), Some("张某"));
        let credited = Credited { channel: Channel::BankTransfer, elsewhere: false, by };
        To { payers: Payers::of(vec![credited], &House::default()), elsewhere: None }
    }

    #[test]
    fn a_refund_is_carried_out_by_its_number_alone_and_only_to_whoever_paid() {
        let named = |account: &str| entry("2026-03-17", -100, "TF-1", account);
        let approved = |account: &str| To { elsewhere: Some(account.into()), ..paid_by("6222001") };
        for (case, to, entry, expected) in [
            ("back to who paid", paid_by("6222001"), named("6222 001"), "0 refund TF-1 original"),
            ("to the owner's card", paid_by("6222001"), named("6222009"), "0 other astray TF-1"),
            ("to the filed own account", paid_by("6222001"), named("OWN"), "0 other astray TF-1"),
            ("the bank does not say", paid_by("6222001"), named(""), "0 refund TF-1 undetermined"),
            ("nobody knows who paid", To::default(), named("6222009"), "0 refund TF-1 undetermined"),
            ("to the account that was approved", approved("6222009"), named("6222009"), "0 refund TF-1 elsewhere"),
            ("back all the same", approved("6222009"), named("6222001"), "0 refund TF-1 original"),
            ("to neither", approved("6222009"), named("6222008"), "0 other astray TF-1"),
            ("without its number", paid_by("6222001"), entry("2026-03-17", -100, "", "6222001"), ""),
        ] {
            let refund = Order { to, ..order(What::Refund, "TF-1", 100) };
            let entry = NewEntry { kind: if entry.remittance.is_some() { Kind::Refund } else { Kind::Other }, ..entry };
            assert_eq!(settled(&[refund], &[], &[entry]).join(""), expected, "{case}");
        }
        let refund = Order { to: paid_by("6222001"), ..order(What::Refund, "TF-1", 100) };
        let again = [named("6222009"), named("6222001")];
        assert_eq!(
            settled(&[refund], &[], &again),
            ["0 other astray TF-1", "1 refund TF-1 original"],
            "what went astray leaves it to be paid"
        );
    }

    #[test]
    fn a_payment_that_went_elsewhere_is_borne_out_by_its_number_alone() {
        let elsewhere = OpenPayment { elsewhere: true, ..payment(1, "SJ-1", "2026-03-16") };
        let day_alone = entry("2026-03-16", 480_000, "", "");
        let moved_in = entry("2026-03-19", 480_000, "补存SJ-1", "");
        assert!(settled(&[], std::slice::from_ref(&elsewhere), &[day_alone]).is_empty());
        assert_eq!(settled(&[], &[elsewhere], &[moved_in]), ["0 prepayment 1"]);
    }

    #[test]
    fn an_order_is_carried_out_once_and_a_reversal_carries_out_none() {
        let release = [order(What::Release, "HB-1", 100)];
        let twice = [entry("2026-03-17", -100, "HB-1", ""), entry("2026-03-17", -100, "HB-1", "OWN")];
        assert_eq!(settled(&release, &[], &twice), ["0 release HB-1"]);
        let reversal = NewEntry { reversal: true, ..entry("2026-03-17", -100, "HB-1", "") };
        assert!(settled(&release, &[], &[reversal]).is_empty());
    }

    #[test]
    fn a_payment_is_borne_out_by_its_receipt_else_by_amount_and_day_where_only_one_is() {
        let one = [payment(1, "SJ-1", "2026-03-16")];
        let two = [payment(1, "SJ-1", "2026-03-16"), payment(2, "SJ-2", "2026-03-16")];
        for (case, payments, entries, expected) in [
            (
                "receipt, days later",
                &one[..],
                vec![entry("2026-03-19", 480_000, "学费SJ-1", "")],
                vec!["0 prepayment 1"],
            ),
            ("the day alone", &one[..], vec![entry("2026-03-16", 480_000, "", "")], vec!["0 prepayment 1"]),
            ("another day", &one[..], vec![entry("2026-03-17", 480_000, "", "")], vec![]),
            ("another amount", &one[..], vec![entry("2026-03-16", 480_001, "SJ-1", "")], vec![]),
            ("two of the day", &two[..], vec![entry("2026-03-16", 480_000, "", "")], vec![]),
            (
                "the receipt tells, and then one is left",
                &two[..],
                vec![entry("2026-03-16", 480_000, "SJ-2", ""), entry("2026-03-16", 480_000, "", "")],
                vec!["0 prepayment 2", "1 prepayment 1"],
            ),
        ] {
            assert_eq!(settled(&[], payments, &entries), expected, "{case}");
        }
        let interest = NewEntry { kind: Kind::Interest, ..entry("2026-03-16", 480_000, "", "") };
        assert!(settled(&[], &one, &[interest]).is_empty(), "what the bank calls interest");
    }
}
