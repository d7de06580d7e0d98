//! The only place where the time of day enters the system.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone, Utc};

/// Beijing time, in which all local dates and times of the rules are meant. China keeps no summer time.
pub const BEIJING: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(offset) => offset,
    None => panic!("eight hours is a valid offset"),
};

/// The date of an instant in Beijing.
pub fn day(at: DateTime<impl TimeZone>) -> NaiveDate {
    at.with_timezone(&BEIJING).date_naive()
}

/// The instant at which a day begins in Beijing.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_local_timezone(BEIJING).single().unwrap_or_default().to_utc()
}

/// A source of the present instant, handed to whoever needs it; tests hold it still.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Microseconds since 1970, shared by all clones.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `at` until [`Clock::set`] moves it.
    pub fn fixed(at: DateTime<Utc>) -> Clock {
        Clock(Source::Fixed(Arc::new(AtomicI64::new(at.timestamp_micros()))))
    }

    /// Moves a fixed clock and all its clones; a system clock cannot be moved and stays.
    pub fn set(&self, at: DateTime<Utc>) {
        if let Source::Fixed(micros) = &self.0 {
            micros.store(at.timestamp_micros(), Ordering::SeqCst);
        }
    }

    /// The present instant.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Fixed(micros) => Utc.timestamp_micros(micros.load(Ordering::SeqCst)).single().unwrap_or_default(),
        }
    }

    /// Today's date in Beijing.
    pub fn today(&self) -> NaiveDate {
        day(self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_and_ends_at_midnight_in_beijing() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let eighteenth = NaiveDate::from_ymd_opt(2026, 3, 18).unwrap();
        assert_eq!(midnight(eighteenth), at("2026-03-17T16:00:00Z"));
        for (instant, expected) in [
            ("2026-03-17T15:59:59.999999Z", eighteenth.pred_opt().unwrap()),
            ("2026-03-17T16:00:00Z", eighteenth),
            ("2026-03-18T15:59:59.999999Z", eighteenth),
            ("2026-03-18T16:00:00Z", eighteenth.succ_opt().unwrap()),
        ] {
            assert_eq!(day(at(instant)), expected, "{instant}");
        }
    }
}
