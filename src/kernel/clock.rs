//! The only place where the time of day enters the system.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, FixedOffset, NaiveDate, TimeZone, Utc};

/// Beijing time, in which all local dates and times of the rules are meant. China keeps no summer time.
pub const BEIJING: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(offset) => offset,
    None => panic!("eight hours is a valid offset"),
};

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
        self.now().with_timezone(&BEIJING).date_naive()
    }
}
