//! What becomes of a warning over time: how it meets what the rules find now, when it goes up a level, and when several of
//! them make an institution red.
//!
//! All of this is the level that people see and answer for. What a rule found, and when, stays in the warning's history.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::escrow::{
    detector::{Level, WarningKind},
    model::{self, Status},
    oversight::model::Alarm,
};

/// An open warning, as far as the rules go on from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open<'a> {
    /// The gravest level that a rule found, which may be below the one that people gave it.
    pub found: Level,
    /// When the rules found anything last.
    pub last_at: DateTime<Utc>,
    pub basis: &'a str,
    /// Whether the statements were found to connect again, which is to be signed.
    pub mended: bool,
}

/// The last warning of the subject and kind, closed by people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed<'a> {
    pub level: Level,
    pub basis: &'a str,
}

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Raise,
    /// Graver than before, or more of the kind: a further step of its history.
    Join,
    /// The same with other figures: nothing that anybody must look at anew.
    Renew,
    /// The condition is gone.
    Close,
    /// The condition is gone, and an official is to sign that the account was reconciled.
    Mend,
}

/// What becomes of a warning of this kind once the facts are gone: it closes, it waits for a signed reconciliation, or it
/// waits for people as if they were not.
fn without_facts(kind: WarningKind, mended: bool) -> Option<Change> {
    match kind {
        WarningKind::Structuring | WarningKind::TrainingLoan => None,
        WarningKind::StatementGap | WarningKind::ChainBreak => (!mended).then_some(Change::Mend),
        _ => Some(Change::Close),
    }
}

/// Whether a warning of this kind may be closed only once its statements connect again.
pub fn is_to_be_mended(kind: WarningKind) -> bool {
    without_facts(kind, false) == Some(Change::Mend)
}

/// How what the rules find now meets the warnings that are there.
pub fn change(
    kind: WarningKind,
    open: Option<Open<'_>>,
    closed: Option<Closed<'_>>,
    alarm: Option<&Alarm>,
) -> Option<Change> {
    match (open, alarm) {
        // What had been mended is broken again.
        (Some(open), Some(_)) if open.mended => Some(Change::Join),
        (Some(open), Some(alarm)) if open.found < alarm.level => Some(Change::Join),
        (Some(open), Some(alarm)) if open.basis != alarm.basis => {
            Some(if open.last_at < alarm.at { Change::Join } else { Change::Renew })
        }
        (Some(_), Some(_)) => None,
        (Some(open), None) => without_facts(kind, open.mended),
        (None, Some(alarm)) => {
            let known = closed.is_some_and(|closed| closed.basis == alarm.basis && alarm.level <= closed.level);
            (!known).then_some(Change::Raise)
        }
        (None, None) => None,
    }
}

/// Whether nobody has done what the level asks for: yellow, that the institution explains; orange, that the bureau looks into
/// it. Blue asks for nothing, red goes no further.
fn is_unanswered(status: Status, level: Level) -> bool {
    match level {
        Level::Blue | Level::Red => false,
        Level::Yellow => matches!(status, Status::Raised | Status::Acknowledged),
        Level::Orange => matches!(status, Status::Raised | Status::Acknowledged | Status::Explained),
    }
}

/// The level that an unanswered warning goes up to once its day is past.
pub fn overdue(status: Status, level: Level, due_on: Option<NaiveDate>, today: NaiveDate) -> Option<Level> {
    let past = due_on.is_some_and(|due| due < today);
    (past && is_unanswered(status, level)).then(|| model::graver(level))
}

/// Whether a warning raised on one instant takes up one that was closed on another: within `(t − days, t]`, or later facts of
/// an earlier day.
pub fn reopens(raised_at: DateTime<Utc>, closed_at: DateTime<Utc>, days: u32) -> bool {
    raised_at.checked_sub_days(Days::new(days.into())).is_some_and(|from| from < closed_at)
}

/// An open warning of an institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orange {
    pub id: i64,
    pub kind: WarningKind,
    pub level: Level,
    /// Whether it took part in a proposal already.
    pub proposed: bool,
}

/// The warnings for which an institution is proposed to be red: orange ones of at least two kinds, one of which is news,
/// where none is red.
pub fn red_proposal(open: &[Orange]) -> Option<Vec<i64>> {
    let oranges: Vec<&Orange> = open.iter().filter(|warning| warning.level == Level::Orange).collect();
    let kinds: BTreeSet<WarningKind> = oranges.iter().map(|warning| warning.kind).collect();
    let red = open.iter().any(|warning| warning.level == Level::Red);
    let news = oranges.iter().any(|warning| !warning.proposed);
    (!red && news && kinds.len() > 1).then(|| oranges.iter().map(|warning| warning.id).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::{
        super::tests::{at, day},
        *,
    };
    use Level::{Blue, Orange as Amber, Red, Yellow};

    const KIND: WarningKind = WarningKind::RefundBacklog;

    fn alarm(level: Level, basis: &str, on: &str) -> Alarm {
        Alarm { kind: KIND, level, at: at(on), evidence: Map::new(), basis: basis.to_owned() }
    }

    #[test]
    fn what_is_found_meets_what_is_there() {
        let open = Open { found: Yellow, last_at: at("2026-03-10T09:00"), basis: "3", mended: false };
        let closed = Closed { level: Yellow, basis: "3" };
        let (same, late) = ("2026-03-10T09:00", "2026-03-11T09:00");
        for (case, open, closed, alarm, expected) in [
            ("first", None, None, Some(alarm(Yellow, "3", same)), Some(Change::Raise)),
            ("again", Some(open), None, Some(alarm(Yellow, "3", same)), None),
            ("graver", Some(open), None, Some(alarm(Amber, "5", late)), Some(Change::Join)),
            ("more of it", Some(open), None, Some(alarm(Yellow, "4", late)), Some(Change::Join)),
            ("less of it", Some(open), None, Some(alarm(Yellow, "2", same)), Some(Change::Renew)),
            ("lesser", Some(open), None, Some(alarm(Blue, "3", late)), None),
            ("gone", Some(open), None, None, Some(Change::Close)),
            ("closed by people, the same facts", None, Some(closed), Some(alarm(Yellow, "3", same)), None),
            ("closed, other facts", None, Some(closed), Some(alarm(Yellow, "4", same)), Some(Change::Raise)),
            ("closed, graver", None, Some(closed), Some(alarm(Amber, "3", same)), Some(Change::Raise)),
            ("nothing", None, Some(closed), None, None),
        ] {
            assert_eq!(change(KIND, open, closed, alarm.as_ref()), expected, "{case}");
        }
        for kind in [WarningKind::Structuring, WarningKind::TrainingLoan] {
            assert_eq!(change(kind, Some(open), None, None), None, "people review it");
        }
        for kind in [WarningKind::StatementGap, WarningKind::ChainBreak] {
            let mended = Open { mended: true, ..open };
            assert_eq!(change(kind, Some(open), None, None), Some(Change::Mend), "to be signed");
            assert_eq!(change(kind, Some(mended), None, None), None, "it waits for a signature");
            let again = alarm(Yellow, "3", same);
            assert_eq!(change(kind, Some(mended), None, Some(&again)), Some(Change::Join), "broken again");
            assert!(is_to_be_mended(kind) && !is_to_be_mended(KIND));
        }
    }

    #[test]
    fn unanswered_past_its_day_it_goes_up() {
        use Status::{Acknowledged, Escalated, Explained, Investigating, Raised};
        for (status, level, due, expected) in [
            (Raised, Yellow, "2026-03-23", None),
            (Raised, Yellow, "2026-03-22", Some(Amber)),
            (Acknowledged, Yellow, "2026-03-22", Some(Amber)),
            (Explained, Yellow, "2026-03-22", None),
            (Investigating, Yellow, "2026-03-22", None),
            (Acknowledged, Amber, "2026-03-22", Some(Red)),
            (Explained, Amber, "2026-03-22", Some(Red)),
            (Investigating, Amber, "2026-03-22", None),
            (Escalated, Amber, "2026-03-22", None),
            (Raised, Red, "2026-03-22", None),
            (Raised, Blue, "2026-03-22", None),
        ] {
            assert_eq!(overdue(status, level, Some(day(due)), day("2026-03-23")), expected, "{status} {level} {due}");
        }
        assert_eq!(overdue(Raised, Yellow, None, day("2026-03-23")), None, "without a day");
    }

    #[test]
    fn the_same_within_thirty_days_is_a_reopening() {
        let closed = at("2026-03-01T09:00");
        for (raised, expected) in [
            ("2026-03-01T09:00", true),
            ("2026-03-31T08:59", true),
            ("2026-03-31T09:00", false),
            // Facts of an earlier day that came after it was closed.
            ("2026-02-20T09:00", true),
        ] {
            assert_eq!(reopens(at(raised), closed, 30), expected, "{raised}");
        }
        assert!(!reopens(at("2026-03-01T09:00"), closed, 0), "a policy of none");
    }

    #[test]
    fn two_orange_ones_of_different_kinds_make_a_proposal_once() {
        let one = |id, kind, level| Orange { id, kind, level, proposed: false };
        let (w1, w2) = (WarningKind::LargeSingle, WarningKind::CumRolling);
        let known = |orange: Orange| Orange { proposed: true, ..orange };
        for (case, open, expected) in [
            ("one", vec![one(1, w1, Amber)], None),
            ("two of a kind", vec![one(1, w1, Amber), one(2, w1, Amber)], None),
            ("two kinds", vec![one(1, w1, Amber), one(2, w2, Amber)], Some(vec![1, 2])),
            ("one is lesser", vec![one(1, w1, Amber), one(2, w2, Yellow)], None),
            ("red already", vec![one(1, w1, Amber), one(2, w2, Amber), one(3, KIND, Red)], None),
            ("proposed before", vec![known(one(1, w1, Amber)), known(one(2, w2, Amber))], None),
            (
                "a third",
                vec![known(one(1, w1, Amber)), known(one(2, w2, Amber)), one(3, KIND, Amber)],
                Some(vec![1, 2, 3]),
            ),
        ] {
            assert_eq!(red_proposal(&open), expected, "{case}");
        }
    }
}
