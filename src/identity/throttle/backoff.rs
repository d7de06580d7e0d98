//! One bucket of failures: some are free, each one more doubles the pause, and time forgives.

use chrono::{DateTime, Duration, Utc};

/// How patient a bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// So many failures cost nothing; the last of them begins the first pause.
    pub free: i32,
    /// The first pause in seconds; each further failure doubles it.
    pub pause_first_s: i64,
    /// No pause is longer.
    pub pause_max_s: i64,
    /// One failure is forgiven in this time.
    pub forgive_s: i64,
}

/// What is remembered of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    pub failures: i32,
    /// Up to when time has forgiven.
    pub forgiven_at: DateTime<Utc>,
    pub blocked_until: DateTime<Utc>,
}

impl Bucket {
    /// One in which nothing has happened. No pause was begun, so that a clock that is put back later makes nobody wait.
    pub fn empty(now: DateTime<Utc>) -> Bucket {
        Bucket { failures: 0, forgiven_at: now, blocked_until: DateTime::UNIX_EPOCH }
    }

    /// Counts an attempt as a failure until it is [taken off](Bucket::taken_off), or says how long to wait.
    pub fn attempt(self, limit: &Limit, now: DateTime<Utc>) -> Result<Bucket, Duration> {
        // No pause is longer than the longest: one that seems so was begun by a clock that was ahead, and holds nobody.
        let wait = self.blocked_until - now;
        if Duration::zero() < wait && wait <= Duration::seconds(limit.pause_max_s) {
            return Err(wait);
        }
        let mut bucket = self.forgiven(limit, now);
        bucket.failures = bucket.failures.saturating_add(1);
        if limit.free <= bucket.failures {
            bucket.blocked_until = now + pause(limit, bucket.failures);
        }
        Ok(bucket)
    }

    /// The attempt was right after all: it counts no more, nor does the pause that it began.
    pub fn taken_off(self, limit: &Limit) -> Bucket {
        let failures = (self.failures - 1).max(0);
        let blocked_until = if failures < limit.free { DateTime::UNIX_EPOCH } else { self.blocked_until };
        Bucket { failures, blocked_until, ..self }
    }

    fn forgiven(self, limit: &Limit, now: DateTime<Utc>) -> Bucket {
        let forgiven = (now - self.forgiven_at).num_seconds().max(0) / limit.forgive_s.max(1);
        let left = i64::from(self.failures) - forgiven;
        match i32::try_from(left) {
            Ok(failures) if failures > 0 => Bucket {
                failures,
                forgiven_at: self.forgiven_at + Duration::seconds(forgiven * limit.forgive_s),
                ..self
            },
            _ => Bucket { failures: 0, forgiven_at: now, ..self },
        }
    }
}

fn pause(limit: &Limit, failures: i32) -> Duration {
    let doublings = (failures - limit.free).clamp(0, 20);
    Duration::seconds((limit.pause_first_s << doublings).min(limit.pause_max_s))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Limit = Limit { free: 3, pause_first_s: 30, pause_max_s: 900, forgive_s: 3600 };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_773_795_600 + second, 0).unwrap()
    }

    #[test]
    fn pauses_grow_to_their_limit_and_time_forgives() {
        let mut bucket = Bucket::empty(at(0));
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            bucket = bucket.attempt(&LIMIT, at(now)).unwrap();
            pauses.push((bucket.blocked_until - at(now)).num_seconds().max(0));
            now += pauses.last().unwrap();
        }
        assert_eq!(pauses, [0, 0, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(bucket.attempt(&LIMIT, at(now - 1)), Err(Duration::seconds(1)));
        let rested = bucket.attempt(&LIMIT, at(now + 9 * 3600)).unwrap();
        assert_eq!(rested.failures, 1, "all was forgiven");
    }

    #[test]
    fn a_right_attempt_counts_no_more_nor_does_its_pause() {
        let two = Bucket { failures: 2, ..Bucket::empty(at(0)) };
        let third = two.attempt(&LIMIT, at(5)).unwrap();
        assert!(third.attempt(&LIMIT, at(6)).is_err());
        assert!(third.taken_off(&LIMIT).attempt(&LIMIT, at(6)).is_ok());
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_out() {
        let ahead = Bucket::empty(at(16 * 86_400));
        assert!(ahead.attempt(&LIMIT, at(0)).is_ok());
        let paused = (0..3).fold(ahead, |bucket, n| bucket.attempt(&LIMIT, at(16 * 86_400 + n)).unwrap());
        assert!(paused.attempt(&LIMIT, at(16 * 86_400 + 3)).is_err());
        assert!(paused.attempt(&LIMIT, at(0)).is_ok());
    }

    proptest! {
        /// Whoever guesses as often as let in gets the free guesses, one for each time of forgiveness, and those at the
        /// longest pause; no pace gains more.
        #[test]
        fn no_pace_of_guessing_gains_more_than_the_limit(gaps in prop::collection::vec(0_i64..4000, 1..400)) {
            let (mut bucket, mut now, mut let_in) = (Bucket::empty(at(0)), 0, 0_i64);
            for gap in gaps {
                now += gap;
                let before = bucket;
                match bucket.attempt(&LIMIT, at(now)) {
                    Ok(next) => {
                        prop_assert!(before.blocked_until <= at(now));
                        prop_assert!(next.failures >= 1);
                        let_in += 1;
                        bucket = next;
                    }
                    Err(wait) => {
                        prop_assert!(Duration::zero() < wait && wait <= Duration::seconds(LIMIT.pause_max_s));
                        prop_assert_eq!(before, bucket, "a refusal changes nothing");
                    }
                }
            }
            let most = i64::from(LIMIT.free) + now / LIMIT.pause_max_s + 6 * (1 + now / LIMIT.forgive_s);
            prop_assert!(let_in <= most, "{} let in within {} s", let_in, now);
        }

        /// Only right passwords: never a pause, however many and however fast.
        #[test]
        fn who_knows_the_password_never_waits(gaps in prop::collection::vec(0_i64..5, 1..200)) {
            let (mut bucket, mut now) = (Bucket::empty(at(0)), 0);
            for gap in gaps {
                now += gap;
                bucket = bucket.attempt(&LIMIT, at(now)).unwrap().taken_off(&LIMIT);
            }
            prop_assert_eq!(bucket.failures, 0);
        }
    }
}
