//! Confirmation by the parent's silence (domain-rules §5.2): whoever hears of a lesson and says nothing for so many hours
//! confirms it. What is disputed before that is frozen.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ledger::model::LessonState;

/// When silence confirms a lesson: so many hours after its end, or after it was told where that was later.
pub fn due_at(ended_at: DateTime<Utc>, told_at: DateTime<Utc>, hours: i64) -> DateTime<Utc> {
    ended_at.max(told_at) + TimeDelta::hours(hours.clamp(0, 24 * 366))
}

/// Where a lesson stands at an instant, whether or not anybody has looked since: at `due_at` itself it is confirmed.
pub fn state_at(stored: LessonState, due_at: DateTime<Utc>, now: DateTime<Utc>) -> LessonState {
    if stored == LessonState::Awaiting && due_at <= now { LessonState::Confirmed } else { stored }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LessonState::{Awaiting, Confirmed, Disputed, Void};

    fn at(text: &str) -> DateTime<Utc> {
        text.parse::<DateTime<chrono::FixedOffset>>().unwrap().to_utc()
    }

    #[test]
    fn f22_silence_confirms_at_the_second_and_a_dispute_before_it_freezes() {
        let ended = at("2026-03-16T19:00:00+08:00");
        let due = due_at(ended, ended, 72);
        assert_eq!(due, at("2026-03-19T19:00:00+08:00"));
        for (stored, now, expected) in [
            (Awaiting, "2026-03-19T18:59:59+08:00", Awaiting),
            (Awaiting, "2026-03-19T19:00:00+08:00", Confirmed),
            (Disputed, "2026-03-19T18:59:59+08:00", Disputed),
            (Disputed, "2026-04-19T19:00:00+08:00", Disputed),
            (Void, "2026-04-19T19:00:00+08:00", Void),
            (Confirmed, "2026-03-16T19:00:00+08:00", Confirmed),
        ] {
            assert_eq!(state_at(stored, due, at(now)), expected, "{stored} {now}");
        }
    }

    #[test]
    fn a_lesson_that_is_told_late_leaves_the_parent_as_long() {
        let (ended, told) = (at("2026-03-16T19:00:00+08:00"), at("2026-03-20T08:00:00+08:00"));
        assert_eq!(due_at(ended, told, 24), at("2026-03-21T08:00:00+08:00"));
        assert_eq!(due_at(ended, at("2026-03-16T18:00:00+08:00"), 24), at("2026-03-17T19:00:00+08:00"));
    }
}
