//! Days and instants in Beijing time, as numbers: a day is counted from 1970-01-01, an instant in microseconds.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeZone};

use crate::kernel::clock::BEIJING;

/// Microseconds of a day; China keeps no summer time.
pub const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;
const OFFSET: i64 = 8 * 3_600 * SECOND;
/// The day number of 1970-01-01 counted from 0001-01-01, which chrono starts at.
const EPOCH_FROM_CE: i64 = 719_163;

/// Years that an account's history may lie in: there is room for them in the table of entries, and days are walked one by one,
/// so that a slip of the year would take forever.
pub const YEARS: std::ops::Range<i32> = 1990..2100;

/// The local day of an instant.
pub fn day_of(micros: i64) -> i64 {
    micros.saturating_add(OFFSET).div_euclid(DAY)
}

/// The first day that is not over at `micros`; a day is over from its last second on.
pub fn first_day_not_over(micros: i64) -> i64 {
    day_of(micros.saturating_add(SECOND))
}

/// The first microsecond of a day.
pub fn first_micro(day: i64) -> i64 {
    day.saturating_mul(DAY) - OFFSET
}

/// The last microsecond of a day: where its window of `(t − days, t]` is taken.
pub fn last_micro(day: i64) -> i64 {
    day.saturating_add(1).saturating_mul(DAY) - OFFSET - 1
}

/// 23:59:59 of a day.
pub fn end_of_day(day: i64) -> DateTime<FixedOffset> {
    instant(last_micro(day) + 1 - SECOND)
}

/// The instant as it is shown.
pub fn instant(micros: i64) -> DateTime<FixedOffset> {
    BEIJING.timestamp_micros(micros).single().unwrap_or_default()
}

/// The number of a date.
pub fn number(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - EPOCH_FROM_CE
}

/// The date of a number; `None` beyond what dates can say.
pub fn date(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(day + EPOCH_FROM_CE).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_micros()
    }

    #[test]
    fn a_day_is_local_and_over_from_its_last_second() {
        let day = number("2026-03-02".parse().unwrap());
        for (at, of, not_over) in [
            ("2026-03-02T00:00:00+08:00", day, day),
            ("2026-03-01T23:59:58.999999+08:00", day - 1, day - 1),
            ("2026-03-01T23:59:59+08:00", day - 1, day),
            ("2026-03-01T15:59:59Z", day - 1, day),
            ("2026-03-01T16:00:00Z", day, day),
            ("2026-03-02T23:59:59.5+08:00", day, day + 1),
        ] {
            assert_eq!((day_of(micros(at)), first_day_not_over(micros(at))), (of, not_over), "{at}");
        }
        assert_eq!(end_of_day(day).to_rfc3339(), "2026-03-02T23:59:59+08:00");
        assert_eq!(date(day).unwrap().to_string(), "2026-03-02");
        assert_eq!(day_of(last_micro(day)), day);
        assert_eq!(day_of(last_micro(day) + 1), day + 1);
    }
}
