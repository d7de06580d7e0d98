//! What comes again: what is known of an entry when several deliveries tell it, and what only looks like another delivery.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};

use super::{
    IngestError,
    entries::{NewEntry, TOLD_MAX},
    model::{REPEAT_DAYS, Repeat},
    store::{
        accounts::Account,
        entries::{self as rows, Bettered},
        orders,
    },
    work::{Batch, Work},
};
use crate::escrow::{
    batches::{self, Batch as Batched, Line},
    detector::Kind,
    statement::{Direction, is_synthetic},
};

/// Where an entry stands: the instant, and the place in the day of one without a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub booked_at: DateTime<Utc>,
    pub seq: i32,
}

impl Position {
    /// What two deliveries of one entry come to, in whichever order they came (docs/adr/0015): the later time of day, any
    /// time before none, and without one the larger number, which is that of the fuller statement. Never earlier than
    /// either, so that an opening balance stays before the entries that follow it.
    pub fn or(self, other: Position) -> Position {
        if (self.booked_at, self.seq) < (other.booked_at, other.seq) { other } else { self }
    }
}

/// Of two texts about one thing the one that says more: something before nothing, the longer, of two as long the one that
/// sorts last.
fn fuller(one: Option<String>, other: Option<String>) -> Option<String> {
    let length = |text: &Option<String>| text.as_ref().map(|text| text.chars().count());
    match length(&one).cmp(&length(&other)).then_with(|| one.cmp(&other)) {
        Ordering::Less => other,
        _ => one,
    }
}

/// Of two kinds the one that says more: what a reversal is nothing else, and anything says more than `other`.
fn graver(one: Kind, other: Kind) -> Kind {
    let weight = |kind: Kind| match kind {
        Kind::Other => (0, ""),
        Kind::Reversal => (2, ""),
        kind => (1, <&str>::from(kind)),
    };
    if weight(one) < weight(other) { other } else { one }
}

impl NewEntry {
    /// What two deliveries of one entry come to, in whichever order they came (docs/adr/0015). Day, direction, amount and
    /// reference are the same in both; the order that it settles and the statement that brought it stay.
    pub fn or(self, other: &NewEntry) -> NewEntry {
        let position = self.position().or(other.position());
        // What carried out an order is of that order's kind, whatever the bank calls it.
        let kind = if self.order_ref.is_some() { self.kind } else { graver(self.kind, other.kind) };
        NewEntry {
            booked_at: position.booked_at,
            seq: position.seq,
            value_on: self.value_on.max(other.value_on),
            reversal: self.reversal || other.reversal,
            kind,
            counterparty_name: fuller(self.counterparty_name, other.counterparty_name.clone()),
            counterparty_account: fuller(self.counterparty_account, other.counterparty_account.clone()),
            remittance: fuller(self.remittance, other.remittance.clone()),
            balance_after_fen: self.balance_after_fen.max(other.balance_after_fen),
            ..self
        }
    }
}

impl Work<'_> {
    /// Writes what the delivery told better of entries that the account has, after looking once more for the orders and
    /// payments that they carry out: the text that names one may have come only now.
    pub(super) async fn better(
        &self,
        account: &Account,
        known: orders::Known,
        bettered: &mut Vec<Bettered>,
    ) -> Result<(), IngestError> {
        if known.waiting {
            self.settle_again(account, known, bettered).await?;
        }
        self.keep_strays(account, bettered).await?;
        bettered.retain(|one| one.entry != one.stored);
        rows::better(self.tx, self.tenant(), account.id, bettered).await?;
        Ok(orders::moved(self.tx, self.tenant(), account, bettered).await?)
    }

    /// What went astray stays a plain withdrawal, whatever a later delivery calls it and whether its refund still waits.
    async fn keep_strays(&self, account: &Account, bettered: &mut [Bettered]) -> Result<(), IngestError> {
        let called = |entry: &NewEntry| {
            !entry.credit && !entry.reversal && entry.order_ref.is_none() && entry.kind != Kind::Other
        };
        let refs: Vec<&str> =
            bettered.iter().map(|one| &one.entry).filter(|e| called(e)).map(|e| e.bank_ref.as_str()).collect();
        if refs.is_empty() {
            return Ok(());
        }
        let strays = orders::strays(self.tx, self.tenant(), account.id, &refs).await?;
        for one in bettered.iter_mut().filter(|one| called(&one.entry) && strays.contains(&one.entry.bank_ref)) {
            one.entry.kind = Kind::Other;
        }
        Ok(())
    }

    /// Settles what the fuller entries carry out or bear out, of those that do neither yet.
    async fn settle_again(
        &self,
        account: &Account,
        known: orders::Known,
        bettered: &mut [Bettered],
    ) -> Result<(), IngestError> {
        let refs: Vec<&str> = bettered.iter().map(|one| one.entry.bank_ref.as_str()).collect();
        let tied = orders::tied(self.tx, self.tenant(), account.id, &refs).await?;
        let free = |entry: &&NewEntry| entry.order_ref.is_none() && !tied.contains(&entry.bank_ref);
        let mut open: Vec<NewEntry> = bettered.iter().map(|one| &one.entry).filter(free).cloned().collect();
        open.sort_unstable_by(|a, b| (a.booked_at, a.seq, &a.bank_ref).cmp(&(b.booked_at, b.seq, &b.bank_ref)));
        let mut open = Arc::new(open);
        self.settle(account, known, &mut open).await?;
        let settled: HashMap<&str, &NewEntry> = open.iter().map(|entry| (entry.bank_ref.as_str(), entry)).collect();
        for one in bettered {
            if let Some(entry) = settled.get(one.entry.bank_ref.as_str()) {
                one.entry.clone_from(entry);
            }
        }
        Ok(())
    }

    /// Which new entries say the same as one of another day. Only those without a reference of the bank's own: under one,
    /// another date is a conflict. They are kept; whether they are one movement only people can tell.
    pub(super) async fn repeats(&self, account: &Account, batch: &Batch) -> Result<Vec<Repeat>, IngestError> {
        let says = |entry: &&NewEntry| {
            let texts = [&entry.counterparty_name, &entry.counterparty_account, &entry.remittance];
            is_synthetic(&entry.bank_ref) && texts.iter().any(|text| text.is_some())
        };
        let asked: Vec<&NewEntry> = batch.entries.iter().filter(says).collect();
        if account.entry_count == 0 || asked.is_empty() {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(TOLD_MAX).unwrap_or(i64::MAX);
        Ok(rows::said_before(self.tx, self.tenant(), account.id, &asked, REPEAT_DAYS, limit).await?)
    }
}

impl Work<'_> {
    /// Lines of this delivery that may hold others once more, or be held by one, on days on which a statement contradicts the
    /// books.
    pub(super) async fn batched(
        &self,
        account: &Account,
        ids: &[i64],
        entries: &[NewEntry],
    ) -> Result<Vec<Repeat>, IngestError> {
        let Some(first) = entries.first().filter(|_| account.entry_count > 0) else { return Ok(Vec::new()) };
        let lines = rows::contradicted(self.tx, self.tenant(), account.id, first.booked_on()).await?;
        let is_of_this = |batch: &Batched| {
            ids.contains(&batch.statement) || batch.singles.iter().any(|single| ids.contains(&single.statement))
        };
        let repeats = batches::found(&lines).into_iter().filter(is_of_this).flat_map(|batch| {
            let like = move |single: Line| Repeat {
                bank_ref: single.bank_ref,
                booked_on: single.on,
                direction: if single.credit { Direction::Credit } else { Direction::Debit },
                amount_fen: single.amount_fen,
                like_ref: batch.bank_ref.clone(),
                like_on: batch.on,
            };
            batch.singles.into_iter().map(like)
        });
        Ok(repeats.take(TOLD_MAX).collect())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::escrow::ingest::entries::tests::booked;

    fn position() -> impl Strategy<Value = Position> {
        let midnight: DateTime<Utc> = "2026-03-09T16:00:00Z".parse().unwrap();
        let untimed = (0..5).prop_map(move |seq| Position { booked_at: midnight, seq });
        let timed =
            (1i64..1_440).prop_map(move |minute| Position { booked_at: midnight + TimeDelta::minutes(minute), seq: 0 });
        prop_oneof![untimed, timed]
    }

    fn said() -> impl Strategy<Value = NewEntry> {
        let text = || prop_oneof![Just(None), "[甲乙]{1,3}".prop_map(Some)];
        let kind = prop_oneof![Just(Kind::Other), Just(Kind::Refund), Just(Kind::BankFee), Just(Kind::Reversal)];
        (position(), kind, text(), text(), text(), proptest::option::of(0i64..3)).prop_map(
            |(position, kind, counterparty_name, counterparty_account, remittance, balance_after_fen)| NewEntry {
                booked_at: position.booked_at,
                seq: position.seq,
                reversal: kind == Kind::Reversal,
                kind,
                counterparty_name,
                counterparty_account,
                remittance,
                balance_after_fen,
                ..booked("2026-03-10".parse().unwrap(), -500)
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_told_of_an_entry_depends_on_no_order_split_or_repetition(a in said(), b in said(), c in said()) {
            prop_assert_eq!(a.clone().or(&b), b.clone().or(&a));
            prop_assert_eq!(a.clone().or(&b).or(&c), a.clone().or(&b.clone().or(&c)));
            prop_assert_eq!(a.clone().or(&a), a.clone());
            prop_assert_eq!(a.clone().or(&b).content(), a.content());
        }

        #[test]
        fn the_place_of_an_entry_depends_on_no_order_split_or_repetition(a in position(), b in position(), c in position()) {
            prop_assert_eq!(a.or(b), b.or(a));
            prop_assert_eq!(a.or(b).or(c), a.or(b.or(c)));
            prop_assert_eq!(a.or(a), a);
            prop_assert!(a.booked_at <= a.or(b).booked_at, "an opening stays before its entries");
        }
    }
}
