//! Dedicated accounts and the life of a warning in people's hands.
//!
//! The detector raises, aggravates and (for some kinds) closes a warning; what people may do to it is decided here.
//! Not here: how a warning comes about (`detector`) and where it is stored (`store`).

use serde::{Deserialize, Serialize};

use super::detector::Level;
use crate::policies::{self, InForce};

/// How prepaid fees are supervised (预收费监管方式); one for each account (FUND-MODE).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Mode {
    /// 银行托管: fees are held and released in step with lessons.
    Custody,
    /// 风险保证金: a deposit stands against the fees.
    RiskDeposit,
}

/// Where a warning stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Raised,
    Acknowledged,
    /// The institution has answered.
    Explained,
    Investigating,
    Escalated,
    Resolved,
    /// Facts that came later no longer bear it out.
    Withdrawn,
}

impl Status {
    /// Whether somebody still has to do something about it.
    pub fn is_open(self) -> bool {
        !matches!(self, Status::Resolved | Status::Withdrawn)
    }
}

/// What people found when they closed a warning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Conclusion {
    /// 属实: what it warned of was so.
    Founded,
    /// 误报: there was a good reason.
    Unfounded,
}

/// What people do about a warning.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// An official has seen it.
    Acknowledge,
    /// The institution answers.
    Explain,
    Investigate,
    Resolve,
    Escalate,
    /// Something for colleagues to know.
    Note,
    /// A colleague goes on with it.
    HandOver,
}

/// Why a step cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The warning is closed.
    Closed,
    /// It stands there already, or beyond.
    AlreadyThere,
    /// A red warning that is escalated already can go no further.
    AtTheTop,
}

impl Step {
    /// Whether the step must say why.
    pub fn needs_comment(self) -> bool {
        !matches!(self, Step::Acknowledge | Step::HandOver)
    }
}

/// Where a warning of `level` stands after `step`, and at what level.
pub fn after(status: Status, level: Level, step: Step) -> Result<(Status, Level), Refusal> {
    if !status.is_open() {
        return Err(Refusal::Closed);
    }
    match step {
        Step::Acknowledge if status == Status::Raised => Ok((Status::Acknowledged, level)),
        Step::Acknowledge => Err(Refusal::AlreadyThere),
        // An answer does not end an investigation that is under way.
        Step::Explain if matches!(status, Status::Investigating | Status::Escalated) => Ok((status, level)),
        Step::Explain => Ok((Status::Explained, level)),
        Step::Investigate if matches!(status, Status::Investigating | Status::Escalated) => Err(Refusal::AlreadyThere),
        Step::Investigate => Ok((Status::Investigating, level)),
        Step::Resolve => Ok((Status::Resolved, level)),
        Step::Escalate if level == Level::Red && status == Status::Escalated => Err(Refusal::AtTheTop),
        Step::Escalate => Ok((Status::Escalated, graver(level))),
        Step::Note | Step::HandOver => Ok((status, level)),
    }
}

/// One level up; red stays red.
pub fn graver(level: Level) -> Level {
    match level {
        Level::Blue => Level::Yellow,
        Level::Yellow => Level::Orange,
        Level::Orange | Level::Red => Level::Red,
    }
}

/// Workdays within which somebody must act (domain-rules §5.4): red on the same day, blue without a day.
pub fn due_workdays(in_force: &InForce, level: Level) -> Option<u32> {
    let days = |parameter| u32::try_from(in_force.number(parameter)).ok();
    match level {
        Level::Blue => None,
        Level::Yellow => days(policies::DUE_YELLOW),
        Level::Orange => days(policies::DUE_ORANGE),
        Level::Red => Some(0),
    }
}

/// Whether closing a warning of this level takes two officials.
pub fn needs_two(in_force: &InForce, level: Level) -> bool {
    let what = match level {
        Level::Red => "warning_close_red",
        Level::Orange => "warning_close_orange",
        Level::Blue | Level::Yellow => return false,
    };
    in_force.holds(policies::FOUR_EYES, what)
}

/// Whether a text holds a number of an order or a receipt: as a word of its own, so that `R-1` is found neither in `R-10` nor in `R-1-2`.
pub fn mentions(text: &str, number: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
    !number.is_empty()
        && text
            .match_indices(number)
            .any(|(at, _)| !inside(text[..at].chars().next_back()) && !inside(text[at + number.len()..].chars().next()))
}

/// An account number as accounts are compared: letters and digits only.
pub fn account_number(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_goes_the_ways_it_may() {
        use Level::{Orange, Red};
        use Refusal::{AlreadyThere, AtTheTop, Closed};
        use Status::*;
        for (case, status, level, step, expected) in [
            ("seen", Raised, Orange, Step::Acknowledge, Ok((Acknowledged, Orange))),
            ("seen twice", Acknowledged, Orange, Step::Acknowledge, Err(AlreadyThere)),
            ("answered at once", Raised, Orange, Step::Explain, Ok((Explained, Orange))),
            ("answered again", Explained, Orange, Step::Explain, Ok((Explained, Orange))),
            ("answered under investigation", Investigating, Orange, Step::Explain, Ok((Investigating, Orange))),
            ("looked into", Explained, Orange, Step::Investigate, Ok((Investigating, Orange))),
            ("looked into twice", Investigating, Orange, Step::Investigate, Err(AlreadyThere)),
            ("closed", Explained, Orange, Step::Resolve, Ok((Resolved, Orange))),
            ("closed twice", Resolved, Orange, Step::Resolve, Err(Closed)),
            ("withdrawn", Withdrawn, Orange, Step::Acknowledge, Err(Closed)),
            ("one level up", Acknowledged, Orange, Step::Escalate, Ok((Escalated, Red))),
            ("red escalated", Investigating, Red, Step::Escalate, Ok((Escalated, Red))),
            ("red escalated twice", Escalated, Red, Step::Escalate, Err(AtTheTop)),
            ("a note", Explained, Orange, Step::Note, Ok((Explained, Orange))),
            ("handed over", Raised, Orange, Step::HandOver, Ok((Raised, Orange))),
            ("a note on a closed one", Resolved, Orange, Step::Note, Err(Closed)),
        ] {
            assert_eq!(after(status, level, step), expected, "{case}");
        }
    }

    #[test]
    fn a_red_warning_is_closed_by_two_and_a_lesser_one_where_the_bureau_wants_it() {
        let in_force = policies::Chain::default().on(chrono::NaiveDate::MIN);
        assert!(needs_two(&in_force, Level::Red) && !needs_two(&in_force, Level::Orange));
        let due = [Level::Blue, Level::Yellow, Level::Orange, Level::Red].map(|level| due_workdays(&in_force, level));
        assert_eq!(due, [None, Some(3), Some(2), Some(0)]);
    }

    #[test]
    fn a_number_is_found_as_a_word_of_its_own() {
        for (text, found) in [
            ("R-1", true),
            ("划拨R-1款", true),
            ("REF/R-1/2026", true),
            ("R-10 R-1", true),
            ("R-10", false),
            ("R-1-2", false),
            ("AR-1", false),
            ("", false),
        ] {
            assert_eq!(mentions(text, "R-1"), found, "{text}");
        }
        assert!(!mentions("R-1", ""));
    }

    #[test]
    fn account_numbers_compare_without_their_spacing() {
        assert_eq!(account_number(" 6230 5500-1203 "), "623055001203");
        assert_eq!(account_number("de89 3704"), "DE893704");
    }
}
