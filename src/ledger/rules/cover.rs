//! What a payment pays for: units of a contract, or a part of its period, counted on from what was paid before it.
//!
//! The price is spread evenly over units and over months; a part of a month is measured by that month's days, so that two equal
//! instalments of six months cover three each. What an instalment is rounded up or down to is never counted against it.

use chrono::{Days, NaiveDate};

use super::Offer;
use crate::kernel::calendar::add_months;

/// Part of a contract's price, from one fen to another; never beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub from: i64,
    pub to: i64,
}

impl Part {
    /// So much, after so much was paid.
    pub(super) fn after(paid: i64, amount: i64, price: i64) -> Part {
        let from = paid.clamp(0, price.max(0));
        Part { from, to: from.saturating_add(amount).clamp(from, price.max(0)) }
    }

    /// From the beginning of one to the end of another.
    pub(super) fn through(self, other: Part) -> Part {
        Part { from: self.from.min(other.from), to: self.to.max(other.to) }
    }

    fn fen(self) -> i64 {
        self.to - self.from
    }

    /// How many units it pays for, a begun one counted whole.
    pub(super) fn units(self, offer: &Offer) -> u32 {
        let (units, price) = (i128::from(offer.terms.units()), i128::from(offer.terms.price.0));
        if price <= 0 {
            return offer.terms.units();
        }
        if self.from == self.to {
            return 0;
        }
        let begun = ((i128::from(self.to) - 1) * units).div_euclid(price) + 1;
        let paid = ((i128::from(self.from) + 1) * units - 1).div_euclid(price);
        u32::try_from((begun - paid).clamp(0, units)).unwrap_or(u32::MAX)
    }

    /// The first and the last day that it pays for; `None` beyond the calendar of the library.
    pub(super) fn days(self, offer: &Offer) -> Option<(NaiveDate, NaiveDate)> {
        let span = Span::of(offer)?;
        let price = i128::from(offer.terms.price.0);
        if price <= 0 {
            return Some((offer.first_lesson_on, offer.last_lesson_on));
        }
        // The day of the first fen's end and of the last fen's beginning.
        let first = if self.from == 0 { offer.first_lesson_on } else { span.day(i128::from(self.from) + 1, price, 1)? };
        let last = span.day(i128::from(self.to.max(1)) - 1, price, 0)?;
        Some((first.min(offer.last_lesson_on), last.min(offer.last_lesson_on)))
    }

    /// What of it is beyond so many units, or so many months; at least a fen.
    pub(super) fn beyond_units(self, offer: &Offer, most: u32) -> i64 {
        let units = i128::from(offer.terms.units().max(1));
        self.beyond(i128::from(offer.terms.price.0) * i128::from(most) / units)
    }

    /// See [`Part::beyond_units`].
    pub(super) fn beyond_months(self, offer: &Offer, most: i32) -> i64 {
        let Some(span) = Span::of(offer) else { return self.fen() };
        self.beyond(i128::from(offer.terms.price.0) * i128::from(most) * span.parts / span.length)
    }

    fn beyond(self, allowed: i128) -> i64 {
        i64::try_from(i128::from(self.fen()) - allowed).unwrap_or(i64::MAX).clamp(1, self.fen().max(1))
    }
}

/// A contract's period in months.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: NaiveDate,
    /// Its length in parts of a month, and how many of these are a month.
    length: i128,
    parts: i128,
}

impl Span {
    fn of(offer: &Offer) -> Option<Span> {
        let first = offer.first_lesson_on;
        let end = offer.last_lesson_on.checked_add_days(Days::new(1))?;
        let mut months = 0;
        while add_months(first, months + 1)? <= end {
            months += 1;
        }
        let (from, to) = (add_months(first, months)?, add_months(first, months + 1)?);
        let parts = i128::from((to - from).num_days());
        Some(Span { first, length: i128::from(months) * parts + i128::from((end - from).num_days()), parts })
    }

    /// The day on which `at` of `whole` lies; with `less` 1 what lies on the border of two days is on the earlier one.
    fn day(self, at: i128, whole: i128, less: i128) -> Option<NaiveDate> {
        let month = whole * self.parts;
        let place = at * self.length - less;
        let months = i32::try_from(place.div_euclid(month)).ok()?;
        let (from, to) = (add_months(self.first, months)?, add_months(self.first, months + 1)?);
        let days = place.rem_euclid(month) * i128::from((to - from).num_days()) / month;
        from.checked_add_days(Days::new(u64::try_from(days).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        kernel::Fen,
        ledger::model::{Basis, Product, Terms},
    };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn offer(price: i64, units: u32, first: &str, last: &str) -> Offer {
        Offer {
            product: Product::Course,
            basis: Basis::Both,
            terms: Terms { price: Fen(price), materials: Fen(0), units_bought: units, units_gifted: 0 },
            instalments: 1,
            first_lesson_on: day(first),
            last_lesson_on: day(last),
            is_renewal: false,
        }
    }

    #[test]
    fn equal_instalments_cover_equal_months_whatever_they_are_rounded_to() {
        for (case, price, first, last, paid, amount, expected) in [
            ("all of it", 480_000, "2026-03-01", "2026-08-31", 0, 480_000, ("2026-03-01", "2026-08-31")),
            ("the first half", 480_000, "2026-03-01", "2026-08-31", 0, 240_000, ("2026-03-01", "2026-05-31")),
            ("the second", 480_000, "2026-03-01", "2026-08-31", 240_000, 240_000, ("2026-06-01", "2026-08-31")),
            ("a fen more", 480_000, "2026-03-01", "2026-08-31", 0, 240_001, ("2026-03-01", "2026-06-01")),
            ("months of other lengths", 480_000, "2026-02-01", "2026-07-31", 0, 240_000, ("2026-02-01", "2026-04-30")),
            ("an odd fen, rounded up", 480_001, "2026-03-01", "2026-08-31", 0, 240_001, ("2026-03-01", "2026-05-31")),
            ("and the rest", 480_001, "2026-03-01", "2026-08-31", 240_001, 240_000, ("2026-06-01", "2026-08-31")),
            ("rounded down", 480_001, "2026-03-01", "2026-08-31", 240_000, 240_001, ("2026-06-01", "2026-08-31")),
            ("a month and a half", 300_000, "2026-03-01", "2026-04-15", 0, 200_000, ("2026-03-01", "2026-03-31")),
            ("more than the price", 480_000, "2026-03-01", "2026-08-31", 470_000, 90_000, ("2026-08-28", "2026-08-31")),
        ] {
            let offer = offer(price, 60, first, last);
            let days = Part::after(paid, amount, price).days(&offer).unwrap();
            assert_eq!(days, (day(expected.0), day(expected.1)), "{case}");
        }
    }

    #[test]
    fn units_are_counted_on_from_what_was_paid_before() {
        for (case, price, paid, amount, expected) in [
            ("half of 120", 960_000, 0, 480_000, 60),
            ("a fen more", 960_000, 0, 480_001, 61),
            ("the other half", 960_000, 480_000, 480_000, 60),
            ("an odd fen, rounded up", 960_001, 0, 480_001, 60),
            ("and the rest", 960_001, 480_001, 480_000, 60),
            ("rounded down", 960_001, 480_000, 480_001, 60),
            ("all", 960_000, 0, 960_000, 120),
            ("beyond the price", 960_000, 960_000, 480_000, 0),
            ("a gift", 0, 0, 1, 120),
        ] {
            let offer = offer(price, 120, "2026-03-01", "2026-08-31");
            assert_eq!(Part::after(paid, amount, price).units(&offer), expected, "{case}");
        }
    }

    #[test]
    fn what_is_beyond_a_limit_has_its_price() {
        let offer = offer(960_000, 120, "2026-03-01", "2026-08-31");
        let whole = Part::after(0, 960_000, 960_000);
        assert_eq!((whole.beyond_units(&offer, 60), whole.beyond_months(&offer, 3)), (480_000, 480_000));
        let more = Part::after(0, 488_000, 960_000);
        assert_eq!((more.beyond_units(&offer, 60), more.beyond_months(&offer, 3)), (8_000, 8_000));
        assert_eq!(Part::after(0, 480_001, 960_000).beyond_units(&offer, 60), 1);
    }
}
