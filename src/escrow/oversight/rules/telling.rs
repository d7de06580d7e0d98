//! When people are told.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::{day_of, instant};
use crate::{
    escrow::{detector::Level, oversight::limits::TellingLimits},
    kernel::clock::BEIJING,
};

/// When a mail about a warning of this level goes out: at once, but a blue one not at night.
pub fn tell_at(level: Level, limits: &TellingLimits, now: DateTime<Utc>) -> DateTime<Utc> {
    if level == Level::Blue { after_quiet(limits, now) } else { now }
}

/// When a short message about a warning of this level goes out, if any does: a red one at once, by night as by day; a
/// lesser one wakes nobody.
pub fn sms_at(level: Level, limits: &TellingLimits, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    match level {
        Level::Red => Some(now),
        _ if limits.sms_from <= level => Some(after_quiet(limits, now)),
        _ => None,
    }
}

/// Now, or the end of the quiet hours that it lies in.
fn after_quiet(limits: &TellingLimits, now: DateTime<Utc>) -> DateTime<Utc> {
    let (from, until) = (limits.quiet_from, limits.quiet_until);
    let time = now.with_timezone(&BEIJING).time();
    let (evening, morning) = (from <= time, time < until);
    let quiet = if from <= until { evening && morning } else { evening || morning };
    if !quiet {
        return now;
    }
    let day = day_of(now);
    // An evening's mail waits for the next day's morning.
    let next = from > until && evening;
    let on = if next { day.checked_add_days(Days::new(1)).unwrap_or(day) } else { day };
    instant(on, until)
}

/// Whether the daily mail of a day is still to be written.
pub fn digest_is_due(at: NaiveTime, last: Option<NaiveDate>, now: DateTime<Utc>) -> bool {
    let today = day_of(now);
    last.is_none_or(|last| last < today) && instant(today, at) <= now
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{at, day},
        *,
    };
    use crate::escrow::oversight::limits::Limits;

    #[test]
    fn blue_is_quiet_at_night_and_nothing_else_ever() {
        let limits = Limits::default().telling;
        for (now, expected) in [
            ("2026-03-18T21:59", "2026-03-18T21:59"),
            ("2026-03-18T22:00", "2026-03-19T07:00"),
            ("2026-03-18T23:59", "2026-03-19T07:00"),
            ("2026-03-19T00:00", "2026-03-19T07:00"),
            ("2026-03-19T06:59", "2026-03-19T07:00"),
            ("2026-03-19T07:00", "2026-03-19T07:00"),
        ] {
            assert_eq!(tell_at(Level::Blue, &limits, at(now)), at(expected), "{now}");
            for level in [Level::Yellow, Level::Orange, Level::Red] {
                assert_eq!(tell_at(level, &limits, at(now)), at(now), "{level} {now}");
            }
        }
        let noon = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let siesta = TellingLimits { quiet_from: noon(12), quiet_until: noon(14), ..limits.clone() };
        assert_eq!(tell_at(Level::Blue, &siesta, at("2026-03-18T12:30")), at("2026-03-18T14:00"));
        let never = TellingLimits { quiet_from: noon(12), quiet_until: noon(12), ..limits };
        assert_eq!(tell_at(Level::Blue, &never, at("2026-03-18T12:00")), at("2026-03-18T12:00"));
    }

    #[test]
    fn red_is_told_at_night_and_a_lesser_one_in_the_morning_where_the_policy_wants_it() {
        let red_alone = Limits::default().telling;
        let orange = TellingLimits { sms_from: Level::Orange, ..red_alone.clone() };
        let yellow = TellingLimits { sms_from: Level::Yellow, ..red_alone.clone() };
        let (day, night, morning) = (at("2026-03-18T09:00"), at("2026-03-18T23:00"), at("2026-03-19T07:00"));
        for (limits, level, now, expected) in [
            (&red_alone, Level::Red, day, Some(day)),
            (&red_alone, Level::Red, night, Some(night)),
            (&red_alone, Level::Orange, day, None),
            (&orange, Level::Red, night, Some(night)),
            (&orange, Level::Orange, day, Some(day)),
            (&orange, Level::Orange, night, Some(morning)),
            (&orange, Level::Yellow, day, None),
            (&yellow, Level::Yellow, night, Some(morning)),
            (&yellow, Level::Blue, day, None),
        ] {
            assert_eq!(sms_at(level, limits, now), expected, "{level} {now}");
        }
    }

    #[test]
    fn the_daily_mail_is_written_once_and_not_before_its_time() {
        let half_past = NaiveTime::from_hms_opt(8, 30, 0).unwrap();
        for (last, now, expected) in [
            (None, "2026-03-18T08:29", false),
            (None, "2026-03-18T08:30", true),
            (Some("2026-03-17"), "2026-03-18T08:30", true),
            (Some("2026-03-18"), "2026-03-18T20:00", false),
        ] {
            assert_eq!(digest_is_due(half_past, last.map(day), at(now)), expected, "{last:?} {now}");
        }
    }
}
