//! The limits of prepaid fees put together from the parameters that are in force.

use crate::{
    courses::rules::prepay,
    kernel::Fen,
    policies::{InForce, registry},
};

/// What contracts, payments and lessons of a day are judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub prepay: prepay::Limits,
    /// Most units left of a course that is renewed.
    pub renewal_units: u32,
    /// Workdays until cash and the like must be in the escrow account.
    pub cash_workdays: u32,
    /// Hours of silence that confirm a lesson.
    pub silence_hours: i64,
}

impl Limits {
    /// Of a day.
    pub fn of(in_force: &InForce) -> Limits {
        let small = |id: &str| u32::try_from(in_force.number(id)).unwrap_or_default();
        let months = |id: &str| i32::try_from(in_force.number(id)).unwrap_or_default();
        Limits {
            prepay: prepay::Limits {
                payment: Fen(in_force.number(registry::PAYMENT_MAX)),
                units: small(registry::UNITS_MAX),
                span_months: months(registry::SPAN_MONTHS),
                earliest_months: months(registry::EARLIEST_MONTHS),
            },
            renewal_units: small(registry::RENEWAL_UNITS),
            cash_workdays: small(registry::CASH_WORKDAYS),
            silence_hours: in_force.number(registry::SILENCE_HOURS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::Chain;

    #[test]
    fn the_parameters_defaults_are_the_national_limits() {
        let limits = Limits::of(&Chain::default().on(chrono::NaiveDate::MIN));
        assert_eq!(limits.prepay, prepay::Limits::NATIONAL);
        assert_eq!((limits.renewal_units, limits.cash_workdays, limits.silence_hours), (20, 1, 72));
    }
}
