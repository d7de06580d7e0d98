//! An honest school changes its account: it files the new one ahead, families pay into the old one for some days still, and the
//! bank moves what is left.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::{
    SimulationError,
    bank::{Account, Booking},
    drive::{Drive, Member},
    world::{School, instant},
};
use crate::escrow::filing::{self, Filing};

/// Days before the change on which it is filed.
const FILED_AHEAD: u64 = 10;
/// Days after it in which some families still pay into the old account.
const PAID_LATE: u64 = 5;
/// Days after it on which the bank moves what is left, a second time.
const MOVED_AGAIN: u64 = 7;

/// The accounts of a school at its banks.
#[derive(Debug)]
pub(super) struct Accounts {
    pub in_use: Account,
    /// Filed and waiting for its day.
    next: Option<Account>,
    /// Being emptied.
    old: Option<Account>,
    /// Money that is between two banks: it is booked by the other on the next day.
    under_way: Vec<Booking>,
}

/// The number of the account that takes the place of another.
fn successor(number: &str) -> String {
    format!("8888{}", number.get(4..).unwrap_or_default())
}

impl Accounts {
    pub fn new(in_use: Account) -> Accounts {
        Accounts { in_use, next: None, old: None, under_way: Vec::new() }
    }

    /// The successor is opened at its bank.
    pub fn open(&mut self, next: Account) {
        self.next = Some(next);
    }

    /// All of them that the banks report on.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Account> {
        [Some(&mut self.in_use), self.old.as_mut(), self.next.as_mut()].into_iter().flatten()
    }

    /// What the latest statements say they hold together, and how many movements these have told of.
    pub fn reported(&self) -> (i64, u32) {
        let all = [Some(&self.in_use), self.old.as_ref(), self.next.as_ref()];
        all.into_iter().flatten().fold((0, 0), |(fen, count), one| (fen + one.reported_fen(), count + one.reported()))
    }

    /// What happens to the accounts at the beginning of a day.
    pub fn begin(&mut self, school: &School, name: &str, day: NaiveDate) {
        for booking in std::mem::take(&mut self.under_way) {
            self.in_use.book(Booking { at: instant(day, 9, 30), ..booking });
        }
        let Some(on) = school.changes_on else { return };
        if day == on
            && let Some(next) = self.next.take()
        {
            self.old = Some(std::mem::replace(&mut self.in_use, next));
        }
        if day == on || day == on + Days::new(MOVED_AGAIN) {
            self.empty(name, day);
        }
    }

    /// The old bank moves all that is left.
    fn empty(&mut self, name: &str, day: NaiveDate) {
        let Some(old) = self.old.as_mut().filter(|old| old.balance_fen > 0) else { return };
        let amount_fen = old.balance_fen;
        let booking = |credit, other: &str| Booking {
            at: instant(day, 8, 30),
            credit,
            amount_fen,
            name: name.to_owned(),
            account: Some(other.to_owned()),
            remittance: format!("监管账户变更 {other}"),
        };
        let (from, to) = (old.number().to_owned(), self.in_use.number().to_owned());
        old.book(booking(false, &to));
        self.under_way.push(booking(true, &from));
    }

    /// Books what happened on a day; some families have not heard of the new account.
    pub fn book(&mut self, school: &School, day: NaiveDate, bookings: Vec<Booking>) {
        let late = school.changes_on.is_some_and(|on| on <= day && day < on + Days::new(PAID_LATE));
        for (at, booking) in bookings.into_iter().enumerate() {
            match self.old.as_mut().filter(|_| late && booking.credit && at % 2 == 0) {
                Some(old) => old.book(booking),
                None => self.in_use.book(booking),
            }
        }
    }
}

impl Drive<'_> {
    /// Schools that change their accounts file the new ones ahead, and on its day the new one is used.
    pub(super) async fn change(&mut self, day: NaiveDate, now: DateTime<Utc>) -> Result<(), SimulationError> {
        for at in 0..self.members.len() {
            let Some(on) = self.world.schools[at].changes_on else { continue };
            let filed_on = (on - Days::new(FILED_AHEAD)).max(self.plan.from);
            if day == filed_on {
                let member = &self.members[at];
                let caller = self.at(&member.admin, now);
                let (number, from) = (successor(member.accounts.in_use.number()), on.to_string());
                let (code, payee) = (member.code.clone(), member.payee.clone());
                let filing = Filing { credit_code: &code, payee_account: &payee, ..member.filing(&number, &from) };
                let (state, by) = (self.state, &caller);
                let new = Filing { bank: "台州银行", agreement_no: "TG-样例-2", ..filing };
                filing::file(state, by, &new).await?;
                let uses_mt940 = member.uses_mt940;
                self.members[at].accounts.open(Account::new(&number, uses_mt940));
            }
            let Member { accounts, name, .. } = &mut self.members[at];
            accounts.begin(&self.world.schools[at], name, day);
            if day == on {
                filing::pass_time(self.state, self.official.actor.tenant, now).await?;
            }
        }
        Ok(())
    }
}
