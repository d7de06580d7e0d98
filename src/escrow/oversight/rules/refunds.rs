//! W15 `REFUND-BACKLOG` (退费积压): refunds past their day, or many pupils who ask for theirs at once. One refund that is long
//! past its day is told as gravely as REFUND-OVERDUE says.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::{midnight, reaches, share_bp};
use crate::{
    escrow::{
        detector::{Level, WarningKind},
        oversight::{
            limits::RefundLimits,
            model::{Alarm, evidence},
        },
    },
    ledger::rules::refund::overdue,
};

/// What is open of an institution's refunds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refunds {
    /// The last lawful day of each refund that is not paid, in order.
    pub open_due_on: Vec<NaiveDate>,
    /// Families that wait past the day of theirs.
    pub late_families: i64,
    /// Pupils who asked for a refund in the last seven days, and the latest day on which one did.
    pub asking: i64,
    pub asked_on: Option<NaiveDate>,
    /// Pupils with lessons to come.
    pub pupils: i64,
}

/// W15: at 3, 5 and 10 overdue refunds, and yellow where a tenth of the pupils ask within seven days. The oldest overdue refund
/// has the level of REFUND-OVERDUE; the gravest of all counts.
pub fn refund_backlog(refunds: &Refunds, limits: &RefundLimits, today: NaiveDate) -> Option<Alarm> {
    let late: Vec<NaiveDate> = refunds.open_due_on.iter().copied().filter(|due| *due < today).collect();
    let count = i64::try_from(late.len()).unwrap_or(i64::MAX);
    let inputs = [
        ("overdue", count.into()),
        ("oldest_due_on", late.first().map(|due| due.to_string()).into()),
        ("families_late", refunds.late_families.into()),
        ("pupils_asking", refunds.asking.into()),
        ("pupils", refunds.pupils.into()),
    ];
    let reasons =
        [by_number(&late, count, limits), by_age(&late, refunds.late_families, limits, today), asking(refunds, limits)];
    // Of equal levels the first counts.
    let Reason { level, at, measured, formula } =
        reasons.into_iter().flatten().reduce(|kept, one| if kept.level < one.level { one } else { kept })?;
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

/// Why there is a level: since when, what was measured against what, and how.
struct Reason {
    level: Level,
    at: DateTime<Utc>,
    measured: (i64, i64, &'static str),
    formula: &'static str,
}

fn by_number(late: &[NaiveDate], count: i64, limits: &RefundLimits) -> Option<Reason> {
    let reached = limits.tiers.into_iter().filter(|(_, least)| *least <= count);
    let (level, least) = reached.max_by_key(|(level, _)| *level)?;
    let place = usize::try_from(least).unwrap_or(1).max(1) - 1;
    let on = late.get(place)?.checked_add_days(Days::new(1))?;
    Some(Reason { level, at: midnight(on), measured: (count, least, "refunds"), formula: "overdue >= threshold" })
}

/// REFUND-OVERDUE of the oldest.
fn by_age(late: &[NaiveDate], families: i64, limits: &RefundLimits, today: NaiveDate) -> Option<Reason> {
    let (oldest, one) = (*late.first()?, &limits.one);
    let level = overdue(oldest, today, families, one)?;
    let days = (today - oldest).num_days();
    let least = match level {
        Level::Red => one.overdue_red_days,
        Level::Orange => one.overdue_orange_days,
        Level::Yellow | Level::Blue => one.overdue_yellow_days,
    };
    if days < least {
        // Not so old, but so many families.
        let at = midnight(late.last()?.checked_add_days(Days::new(1))?);
        let measured = (families, one.overdue_red_families, "families");
        return Some(Reason { level, at, measured, formula: "families past their day >= threshold" });
    }
    let on = oldest.checked_add_days(Days::new(u64::try_from(least).unwrap_or_default()))?;
    Some(Reason {
        level,
        at: midnight(on),
        measured: (days, least, "days"),
        formula: "days past the oldest refund's limit >= threshold",
    })
}

fn asking(refunds: &Refunds, limits: &RefundLimits) -> Option<Reason> {
    if !reaches(refunds.asking, limits.asked_share_bp, refunds.pupils) {
        return None;
    }
    let share = share_bp(refunds.asking, refunds.pupils)?;
    Some(Reason {
        level: Level::Yellow,
        at: midnight(refunds.asked_on?),
        measured: (share, limits.asked_share_bp, "bp"),
        formula: "pupils_asking * 10000 / pupils >= threshold",
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

    fn late(count: usize, due_on: &str, families: i64) -> Refunds {
        let mut open_due_on = vec![day(due_on); count];
        // Today is not past.
        open_due_on.extend([day("2026-03-18"); 5]);
        Refunds { open_due_on, late_families: families, ..Refunds::default() }
    }

    #[test]
    fn overdue_refunds_at_three_five_and_ten() {
        for (count, expected) in [
            (0, None),
            (1, Some(Yellow)),
            (3, Some(Yellow)),
            (4, Some(Yellow)),
            (5, Some(Orange)),
            (9, Some(Orange)),
            (10, Some(Red)),
        ] {
            assert_eq!(level(&late(count, "2026-03-17", 1)), expected, "{count}");
        }
    }

    #[test]
    fn one_refund_that_is_long_overdue_has_the_level_of_its_age() {
        for (case, refunds, expected) in [
            ("a day", late(1, "2026-03-17", 1), (Yellow, 1, "days")),
            ("four days", late(1, "2026-03-14", 1), (Yellow, 4, "days")),
            ("five", late(1, "2026-03-13", 1), (Orange, 5, "days")),
            ("fourteen", late(1, "2026-03-04", 1), (Orange, 14, "days")),
            ("fifteen", late(1, "2026-03-03", 1), (Red, 15, "days")),
            ("four families", late(4, "2026-03-17", 4), (Yellow, 4, "refunds")),
            ("five families", late(5, "2026-03-17", 5), (Red, 5, "families")),
            ("the number is as grave", late(5, "2026-03-13", 1), (Orange, 5, "refunds")),
        ] {
            let alarm = refund_backlog(&refunds, &Limits::default().refunds, day("2026-03-18")).unwrap();
            let measured =
                (alarm.level, alarm.evidence["value"].as_i64().unwrap(), alarm.evidence["unit"].as_str().unwrap());
            assert_eq!(measured, expected, "{case}");
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
        let both = Refunds { open_due_on: vec![day("2026-03-13"); 5], ..asking(10, 100) };
        let alarm = refund_backlog(&both, &Limits::default().refunds, day("2026-03-18")).unwrap();
        assert_eq!((alarm.level, alarm.at), (Orange, midnight(day("2026-03-14"))));
    }
}
