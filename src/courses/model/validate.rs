//! What a filing must hold to beyond its types.

use strum::VariantArray;

use super::{Category, Filing, Instructor, Known, Policy, Stage, Subject};
use crate::kernel::Fen;

/// A filing that cannot be judged, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {path}: {message}")]
pub struct InvalidFiling {
    /// Where, e.g. `calendar.vacations[0].to`.
    pub path: String,
    pub message: String,
}

/// Most sessions of one filing; a lesson on every day of ten years has fewer.
const SESSIONS_MAX: usize = 10_000;
const INSTRUCTORS_MAX: usize = 1_000;
/// Most periods of either kind in a filing's calendar.
const CALENDAR_MAX: usize = 100;

type Validity = Result<(), InvalidFiling>;

fn refuse(path: impl Into<String>, message: impl Into<String>) -> Validity {
    Err(InvalidFiling { path: path.into(), message: message.into() })
}

impl Filing {
    /// Refuses what no rule could make sense of: negative money, reversed periods, an academic subject that is not
    /// one, country codes that are none, and a policy looser than the national one (domain-rules §0, layering).
    pub fn validate(&self) -> Validity {
        self.validate_lengths()?;
        self.validate_course()?;
        self.validate_calendar()?;
        for (i, person) in self.instructors.list().unwrap_or_default().iter().enumerate() {
            validate_countries(i, person)?;
        }
        self.policy.as_ref().map_or(Ok(()), validate_policy)
    }

    /// Every session is held against every vacation, so that long lists would take the service's time from others.
    fn validate_lengths(&self) -> Validity {
        let lists = [
            ("course.sessions", self.course.sessions.len(), SESSIONS_MAX),
            ("instructors", self.instructors.list().unwrap_or_default().len(), INSTRUCTORS_MAX),
            ("calendar.vacations", self.vacations().unwrap_or_default().len(), CALENDAR_MAX),
            ("calendar.school_hours", self.school_hours().unwrap_or_default().len(), CALENDAR_MAX),
        ];
        for (path, length, limit) in lists {
            if limit < length {
                return refuse(path, format!("{length} is more than the {limit} that are read; leave out or split"));
            }
        }
        Ok(())
    }

    fn validate_course(&self) -> Validity {
        let course = &self.course;
        for (path, amount) in [("course.fee_fen", &course.fee_fen), ("course.benchmark_fen", &course.benchmark_fen)] {
            if amount.value().is_some_and(|amount| *amount < Fen::ZERO) {
                return refuse(path, "an amount in fen is 0 or more");
            }
        }
        // Whatever academic content for preschool children or adults is called, the subject lists do not bind it.
        let listed = course.category == Category::Academic && !matches!(course.stage, Stage::Preschool | Stage::Adult);
        match &course.subject {
            Known::Value(subject) if listed && Subject::named(subject).is_none() => {
                let known: Vec<String> = Subject::VARIANTS.iter().map(Subject::to_string).collect();
                refuse("course.subject", format!("{subject:?} is not an academic subject; one of {}", known.join(", ")))
            }
            _ => Ok(()),
        }
    }

    fn validate_calendar(&self) -> Validity {
        for (i, vacation) in self.vacations().unwrap_or_default().iter().enumerate() {
            if vacation.to < vacation.from {
                return refuse(format!("calendar.vacations[{i}].to"), "the last day lies before the first; swap them");
            }
        }
        for (i, hours) in self.school_hours().unwrap_or_default().iter().enumerate() {
            if hours.end <= hours.start {
                return refuse(format!("calendar.school_hours[{i}].end"), "school ends at or before it starts");
            }
        }
        Ok(())
    }
}

fn validate_countries(i: usize, person: &Instructor) -> Validity {
    for (field, code) in [("nationality", &person.nationality), ("located_in", &person.located_in)] {
        if code.value().is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            return refuse(
                format!("instructors[{i}].{field}"),
                "not a country code; two capital letters of ISO 3166, e.g. CN",
            );
        }
    }
    Ok(())
}

fn validate_policy(policy: &Policy) -> Validity {
    let national = Policy::NATIONAL;
    for (path, own, limit) in [
        ("policy.offline_end", policy.offline_end, national.offline_end),
        ("policy.online_end", policy.online_end, national.online_end),
    ] {
        if limit < own {
            return refuse(
                path,
                format!("{own} is later than the national {limit} (双减意见); a place may only tighten"),
            );
        }
    }
    if national.float_bp < policy.float_bp {
        let (own, limit) = (policy.float_bp, national.float_bp);
        let message =
            format!("{own} bp is more than the national {limit} bp (发改价格〔2021〕1279号); a place may only tighten");
        return refuse("policy.float_bp", message);
    }
    Ok(())
}
