//! What each unit of a contract costs, to the fen over the contract's life (domain-rules §5.2).
//!
//! A unit costs the price without materials over all units, gifted ones included, rounded down; the last unit takes the
//! remainder, so that all units together come to the price. Materials are earned with the first lesson that is confirmed.

use crate::{kernel::Fen, ledger::model::Terms};

impl Terms {
    /// What all units cost together.
    fn net(&self) -> i64 {
        self.price.0.saturating_sub(self.materials.0).max(0)
    }

    /// What every unit but the last costs.
    pub fn unit_price(&self) -> Fen {
        Fen(self.net() / i64::from(self.units().max(1)))
    }

    /// What the unit with this number costs, counted from 1; nothing for one that the contract does not have.
    pub fn amount(&self, unit_no: u32) -> Fen {
        let units = self.units();
        match unit_no {
            last if last == units && units > 0 => Fen(self.net() - self.unit_price().0 * i64::from(units - 1)),
            no if (1..units).contains(&no) => self.unit_price(),
            _ => Fen::ZERO,
        }
    }

    /// What these units come to, each named once, with the materials that the first of them brings.
    pub fn earned(&self, units: impl IntoIterator<Item = u32>) -> Fen {
        let mut units = units.into_iter().map(|unit_no| self.amount(unit_no)).peekable();
        let materials = if units.peek().is_some() { self.materials } else { Fen::ZERO };
        [materials].into_iter().chain(units).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(price: i64, materials: i64, units_bought: u32, units_gifted: u32) -> Terms {
        Terms { price: Fen(price), materials: Fen(materials), units_bought, units_gifted }
    }

    #[test]
    fn f17_gifted_units_count_and_the_last_unit_takes_the_remainder() {
        let terms = terms(400_000, 0, 40, 8);
        assert_eq!((terms.unit_price(), terms.amount(47), terms.amount(48)), (Fen(8_333), Fen(8_333), Fen(8_349)));
        assert_eq!(terms.earned(1..=47), Fen(391_651));
        assert_eq!(terms.earned(1..=10), Fen(83_330));
        assert_eq!(terms.earned(1..=48), Fen(400_000));
        assert_eq!((terms.amount(0), terms.amount(49)), (Fen::ZERO, Fen::ZERO));
    }

    #[test]
    fn materials_are_in_no_units_price_and_come_with_the_first_lesson() {
        let terms = terms(100_000, 10_000, 9, 0);
        assert_eq!((terms.unit_price(), terms.earned([]), terms.earned([5])), (Fen(10_000), Fen::ZERO, Fen(20_000)));
        assert_eq!(terms.earned(1..=9), terms.price);
        let only = Terms { materials: Fen(100_000), ..terms };
        assert_eq!((only.amount(9), only.earned([3])), (Fen::ZERO, Fen(100_000)));
    }

    proptest! {
        #[test]
        fn all_units_together_come_to_the_price(price in 0i64..=10_000_000_000, part in 0i64..=100, bought in 1u32..500, gifted in 0u32..100) {
            let terms = terms(price, price * part / 100, bought, gifted);
            prop_assert_eq!(terms.earned(1..=terms.units()), terms.price);
            prop_assert!((1..=terms.units()).all(|no| terms.amount(no) >= terms.unit_price()));
            prop_assert!(terms.amount(terms.units()).0 < terms.unit_price().0 + i64::from(terms.units()));
        }
    }
}
