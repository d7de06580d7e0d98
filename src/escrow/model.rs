//! Dedicated accounts and the life of a warning in people's hands.
//!
//! The detector raises, aggravates and (for some kinds) closes a warning; what people may do to it is decided here.
//! Not here: how a warning comes about (`detector`) and where it is stored (`store`).

use serde::{Deserialize, Serialize};

use super::detector::Level;

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
    /// A red warning is closed by two officials: one who took it up, and another who closes it.
    SecondOfficer,
}

impl Step {
    /// Whether the step must say why.
    pub fn needs_comment(self) -> bool {
        self != Step::Acknowledge
    }
}

/// Where a warning of `level` stands after `step`, and at what level.
///
/// `handled_by_others` says whether an official other than the one who acts has taken it up before,
/// `handled_by_self` whether the one who acts has: a red warning is closed by somebody else than its handler.
pub fn after(
    status: Status,
    level: Level,
    step: Step,
    handled_by_others: bool,
    handled_by_self: bool,
) -> Result<(Status, Level), Refusal> {
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
        Step::Resolve if level == Level::Red && (handled_by_self || !handled_by_others) => Err(Refusal::SecondOfficer),
        Step::Resolve => Ok((Status::Resolved, level)),
        Step::Escalate if level == Level::Red && status == Status::Escalated => Err(Refusal::AtTheTop),
        Step::Escalate => Ok((Status::Escalated, graver(level))),
    }
}

/// One level up; red stays red.
fn graver(level: Level) -> Level {
    match level {
        Level::Blue => Level::Yellow,
        Level::Yellow => Level::Orange,
        Level::Orange | Level::Red => Level::Red,
    }
}

/// Workdays within which somebody must act (domain-rules §5.4): red on the same day, blue without a day.
pub fn due_workdays(level: Level) -> Option<u32> {
    match level {
        Level::Blue => None,
        Level::Yellow => Some(3),
        Level::Orange => Some(2),
        Level::Red => Some(0),
    }
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
        use Refusal::{AlreadyThere, AtTheTop, Closed, SecondOfficer};
        use Status::*;
        for (case, status, level, step, others, own, expected) in [
            ("seen", Raised, Orange, Step::Acknowledge, false, false, Ok((Acknowledged, Orange))),
            ("seen twice", Acknowledged, Orange, Step::Acknowledge, true, false, Err(AlreadyThere)),
            ("answered at once", Raised, Orange, Step::Explain, false, false, Ok((Explained, Orange))),
            ("answered again", Explained, Orange, Step::Explain, false, false, Ok((Explained, Orange))),
            (
                "answered under investigation",
                Investigating,
                Orange,
                Step::Explain,
                true,
                false,
                Ok((Investigating, Orange)),
            ),
            ("looked into", Explained, Orange, Step::Investigate, false, false, Ok((Investigating, Orange))),
            ("looked into twice", Investigating, Orange, Step::Investigate, true, false, Err(AlreadyThere)),
            ("orange closed by its handler", Explained, Orange, Step::Resolve, false, true, Ok((Resolved, Orange))),
            ("red closed by nobody else's handling", Raised, Red, Step::Resolve, false, false, Err(SecondOfficer)),
            ("red closed by its handler", Investigating, Red, Step::Resolve, true, true, Err(SecondOfficer)),
            ("red closed by another", Investigating, Red, Step::Resolve, true, false, Ok((Resolved, Red))),
            ("closed twice", Resolved, Orange, Step::Resolve, true, false, Err(Closed)),
            ("withdrawn", Withdrawn, Orange, Step::Acknowledge, false, false, Err(Closed)),
            ("one level up", Acknowledged, Orange, Step::Escalate, true, false, Ok((Escalated, Red))),
            ("red escalated", Investigating, Red, Step::Escalate, true, false, Ok((Escalated, Red))),
            ("red escalated twice", Escalated, Red, Step::Escalate, true, false, Err(AtTheTop)),
        ] {
            assert_eq!(after(status, level, step, others, own), expected, "{case}");
        }
    }

    #[test]
    fn account_numbers_compare_without_their_spacing() {
        assert_eq!(account_number(" 6230 5500-1203 "), "623055001203");
        assert_eq!(account_number("de89 3704"), "DE893704");
    }
}
