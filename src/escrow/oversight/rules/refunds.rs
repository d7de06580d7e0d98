//! W15 `REFUND-BACKLOG` (退费积压): refunds past their day, or many pupils who ask for theirs at once.

use chrono::{Days, NaiveDate};

use super::{midnight, reaches, share_bp};
use crate::escrow::{
    detector::{Level, WarningKind},
    oversight::{
        limits::RefundLimits,
        model::{Alarm, evidence},
    },
};

/// What is open of an institution's refunds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refunds {
    /// The last lawful day of each refund that is not paid, in order.
    pub open_due_on: Vec<NaiveDate>,
    /// Pupils who asked for a refund in the last seven days, and the latest day on which one did.
    pub asking: i64,
    pub asked_on: Option<NaiveDate>,
    /// Pupils with lessons to come.
    pub pupils: i64,
}

/// W15: at 3, 5 and 10 overdue refunds, and yellow where a tenth of the pupils ask within seven days.
pub fn refund_backlog(refunds: &Refunds, limits: &RefundLimits, today: NaiveDate) -> Option<Alarm> {
    let late: Vec<NaiveDate> = refunds.open_due_on.iter().copied().filter(|due| *due < today).collect();
    let count = i64::try_from(late.len()).unwrap_or(i64::MAX);
    let overdue = limits.tiers.into_iter().filter(|(_, least)| *least <= count).max_by_key(|(level, _)| *level);
    let many = reaches(refunds.asking, limits.asked_share_bp, refunds.pupils);
    let inputs = [
        ("overdue", count.into()),
        ("oldest_due_on", late.first().map(|due| due.to_string()).into()),
        ("pupils_asking", refunds.asking.into()),
        ("pupils", refunds.pupils.into()),
    ];
    let (level, at, measured, formula) = match overdue {
        Some((level, least)) => {
            let place = usize::try_from(least).unwrap_or(1).max(1) - 1;
            let on = late.get(place)?.checked_add_days(Days::new(1))?;
            (level, midnight(on), (count, least, "refunds"), "overdue >= threshold")
        }
        None if many => {
            let share = share_bp(refunds.asking, refunds.pupils)?;
            let at = midnight(refunds.asked_on?);
            (Level::Yellow, at, (share, limits.asked_share_bp, "bp"), "pupils_asking * 10000 / pupils >= threshold")
        }
        None => return None,
    };
    Some(Alarm {
        kind: WarningKind::RefundBacklog,
        level,
        at,
        evidence: evidence(measured, formula, inputs),
        basis: match (late.last(), refunds.asked_on) {
            (Some(last), _) => format!("{count} {last}"),
            (None, on) => on.map(|on| on.to_string()).unwrap_or_default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{super::tests::day, *};
    use crate::escrow::oversight::limits::Limits;
    use Level::{Orange, Red, Yellow};

    fn level(refunds: &Refunds) -> Option<Level> {
        refund_backlog(refunds, &Limits::default().refunds, day("2026-03-18")).map(|alarm| alarm.level)
    }

    #[test]
    fn overdue_refunds_at_three_five_and_ten() {
        for (late, expected) in [
            (0, None),
            (2, None),
            (3, Some(Yellow)),
            (4, Some(Yellow)),
            (5, Some(Orange)),
            (9, Some(Orange)),
            (10, Some(Red)),
        ] {
            let mut open_due_on = vec![day("2026-03-17"); late];
            // Today is not past.
            open_due_on.extend([day("2026-03-18"); 5]);
            assert_eq!(level(&Refunds { open_due_on, ..Refunds::default() }), expected, "{late}");
        }
    }

    #[test]
    fn a_tenth_of_the_pupils_asking_at_once_is_yellow() {
        let asking =
            |asking, pupils| Refunds { asking, pupils, asked_on: Some(day("2026-03-17")), ..Refunds::default() };
        for (refunds, expected) in [
            (asking(10, 100), Some(Yellow)),
            (asking(9, 100), None),
            (asking(1, 10), Some(Yellow)),
            (asking(1, 11), None),
            (asking(3, 0), None),
        ] {
            assert_eq!(level(&refunds), expected, "{refunds:?}");
        }
        let both = Refunds { open_due_on: vec![day("2026-03-02"); 5], ..asking(10, 100) };
        let alarm = refund_backlog(&both, &Limits::default().refunds, day("2026-03-18")).unwrap();
        assert_eq!((alarm.level, alarm.at), (Orange, midnight(day("2026-03-03"))));
    }
}
