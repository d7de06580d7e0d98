//! The limits of refunds put together from the parameters that are in force.

use crate::{ledger::rules::refund::Limits, policies::InForce};

impl Limits {
    /// The limits of a day.
    pub fn of(in_force: &InForce) -> Limits {
        let days = |id: &str| u32::try_from(in_force.number(id)).unwrap_or_default();
        Limits {
            cooling_off_days: days("refund.cooling_off_days"),
            before_start_days: days("refund.before_start_days"),
            after_start_days: days("refund.after_start_days"),
            fee_max_bp: in_force.number("refund.fee_max_bp"),
            overdue_yellow_days: in_force.number("refund.overdue.yellow_days"),
            overdue_orange_days: in_force.number("refund.overdue.orange_days"),
            overdue_red_days: in_force.number("refund.overdue.red_days"),
            overdue_red_families: in_force.number("refund.overdue.red_families"),
        }
    }
}

/// Whether a parameter is one by which refunds are judged.
pub fn is_of_refunds(id: &str) -> bool {
    id.starts_with("refund.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policies::Chain;

    #[test]
    fn the_parameters_defaults_are_those_of_the_rules() {
        let limits = Limits::of(&Chain::default().on("2026-03-18".parse().unwrap()));
        assert_eq!((limits.cooling_off_days, limits.before_start_days, limits.after_start_days), (7, 5, 15));
        assert_eq!(limits.fee_max_bp, 0);
        assert_eq!((limits.overdue_yellow_days, limits.overdue_orange_days, limits.overdue_red_days), (1, 5, 15));
        assert_eq!(limits.overdue_red_families, 5);
    }
}
