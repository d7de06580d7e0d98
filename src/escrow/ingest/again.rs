//! What comes again: where an entry stands when several deliveries tell it, and what only looks like another delivery.

use chrono::{DateTime, Utc};

use super::{
    IngestError,
    entries::{NewEntry, TOLD_MAX},
    model::{REPEAT_DAYS, Repeat},
    store::{accounts::Account, entries as rows},
    work::{Batch, Work},
};
use crate::escrow::statement::is_synthetic;

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

impl Work<'_> {
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
        Ok(rows::said_before(&self.tx, self.tenant(), account.id, &asked, REPEAT_DAYS, limit).await?)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        let midnight: DateTime<Utc> = "2026-03-09T16:00:00Z".parse().unwrap();
        let untimed = (0..5).prop_map(move |seq| Position { booked_at: midnight, seq });
        let timed =
            (1i64..1_440).prop_map(move |minute| Position { booked_at: midnight + TimeDelta::minutes(minute), seq: 0 });
        prop_oneof![untimed, timed]
    }

    proptest! {
        #[test]
        fn the_place_of_an_entry_depends_on_no_order_split_or_repetition(a in position(), b in position(), c in position()) {
            prop_assert_eq!(a.or(b), b.or(a));
            prop_assert_eq!(a.or(b).or(c), a.or(b.or(c)));
            prop_assert_eq!(a.or(a), a);
            prop_assert!(a.booked_at <= a.or(b).booked_at, "an opening stays before its entries");
        }
    }
}
