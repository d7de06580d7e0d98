//! The filing as `check course`, the API and the database have it.
//!
//! A field that is not required may be absent, which means unknown, or null, which means known to be none; see
//! [`Known`]. What a type cannot express is refused by [`Filing::validate`]; whoever reads a filing from outside
//! calls it before judging.

mod known;
mod validate;
mod values;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use known::Known;
pub use validate::InvalidFiling;
pub use values::{
    Category, CertificateStage, Delivery, InvalidTime, ListStatus, MakeupDay, Role, SquareMetres, Stage, Subject,
    TimeOfDay,
};

use crate::kernel::{Fen, RegionCode};
use values::{day, known_day};

/// All that a course is judged by: the course, who offers it, who teaches it, and the county's calendar and policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    /// The county of the bureau in charge.
    pub region: RegionCode,
    /// Today, for inquiries and expiry.
    #[serde(deserialize_with = "day")]
    pub as_of: NaiveDate,
    pub institution: Licensee,
    pub course: Course,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub instructors: Known<Vec<Instructor>>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub calendar: Known<SchoolCalendar>,
    /// Absent or null: the national values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// The county's policies by their first days, in order, where the service knows them: a lesson is judged by the one in
    /// force on its day, a payment by that of its day.
    #[serde(skip)]
    pub dated: Vec<(NaiveDate, Policy)>,
}

/// The institution as far as a course is judged by it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Licensee {
    /// As written; whether it is valid is a finding, not a reading error.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub credit_code: Known<String>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub licensed_categories: Known<Vec<Category>>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub stages: Known<Vec<Stage>>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub delivery: Known<Vec<Delivery>>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub for_profit: Known<bool>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub list_status: Known<ListStatus>,
}

/// What is taught, when, and for how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub name: Known<String>,
    pub category: Category,
    /// One of [`Subject`] for academic courses, free text for others.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub subject: Known<String>,
    pub stage: Stage,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub grade: Known<u8>,
    pub delivery: Delivery,
    /// Length of one unit (课时).
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub lesson_minutes: Known<u16>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub break_minutes: Known<u16>,
    /// Planned number of students.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub class_size: Known<u32>,
    /// The room's.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub area_m2: Known<SquareMetres>,
    /// Units of `lesson_minutes` in the payment, gifted ones included.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub lessons: Known<u32>,
    /// The price of the whole course, one payment.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub fee_fen: Known<Fen>,
    /// The government's benchmark for one standard unit; null where none is set.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub benchmark_fen: Known<Fen>,
    #[serde(default, deserialize_with = "known_day", skip_serializing_if = "Known::is_unknown")]
    pub first_payment_on: Known<NaiveDate>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub materials_filed: Known<bool>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub homework: Known<bool>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub overseas_curriculum: Known<bool>,
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub photo_search: Known<bool>,
    /// In any order; findings keep the order of the input.
    pub sessions: Vec<Session>,
}

/// One sitting; for online courses one lesson unit. Local time; it does not cross midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    #[serde(deserialize_with = "day")]
    pub date: NaiveDate,
    pub start: TimeOfDay,
    pub end: TimeOfDay,
}

/// A person of the institution who takes part in the course.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Instructor {
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub name: Known<String>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub role: Known<Role>,
    /// ISO 3166 code of two letters.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub nationality: Known<String>,
    /// ISO 3166 code of two letters of where the person teaches from.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub located_in: Known<String>,
    /// Number of the teacher's certificate (教师资格证), 17 digits.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub teacher_certificate: Known<String>,
    /// One of [`Subject`], by id or Chinese name, or free text.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub certificate_subject: Known<String>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub certificate_stage: Known<CertificateStage>,
    /// Name or number of a professional certificate, for non-academic teaching.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub skill_certificate: Known<String>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub published: Known<bool>,
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub in_service_teacher: Known<bool>,
    /// On a staff black list, restricted from the trade, or hit by the inquiry into offences.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub banned: Known<bool>,
    /// Day of the last inquiry into offences (未成年人保护法 Art 62).
    #[serde(deserialize_with = "known_day", skip_serializing_if = "Known::is_unknown")]
    pub inquiry_on: Known<NaiveDate>,
}

/// The county's school calendar (校历).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchoolCalendar {
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub vacations: Known<Vec<Vacation>>,
    /// Teaching time of the local schools on every school day.
    #[serde(skip_serializing_if = "Known::is_unknown")]
    pub school_hours: Known<Vec<SchoolHours>>,
}

/// A winter or summer vacation, both days included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vacation {
    #[serde(deserialize_with = "day")]
    pub from: NaiveDate,
    #[serde(deserialize_with = "day")]
    pub to: NaiveDate,
}

/// A stretch of teaching time, half open: a lesson may start at `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchoolHours {
    pub start: TimeOfDay,
    pub end: TimeOfDay,
}

/// What a place may tighten; a looser value than the national one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// What academic lessons on make-up workdays (调休上班) come to.
    pub makeup_day: MakeupDay,
    /// Latest end of an offline lesson, itself allowed.
    pub offline_end: TimeOfDay,
    /// Latest end of an online lesson, itself allowed.
    pub online_end: TimeOfDay,
    /// How far a price may lie above the benchmark.
    pub float_bp: u16,
}

impl Policy {
    /// The national values: 20:30, 21:00, 10 %; make-up days go to an official (双减意见; 发改价格〔2021〕1279号).
    pub const NATIONAL: Policy = Policy {
        makeup_day: MakeupDay::Refer,
        offline_end: TimeOfDay::at(20, 30),
        online_end: TimeOfDay::at(21, 0),
        float_bp: 1_000,
    };
}

impl Default for Policy {
    fn default() -> Self {
        Policy::NATIONAL
    }
}

impl Filing {
    /// The policy of a day; its first day counts. Without dated ones the policy given, else the national one.
    pub fn policy_on(&self, day: NaiveDate) -> Policy {
        match self.dated.iter().rev().find(|(from, _)| *from <= day) {
            Some((_, policy)) => *policy,
            None => self.policy.filter(|_| self.dated.is_empty()).unwrap_or_default(),
        }
    }

    /// The vacations; `None` when the school calendar does not say.
    pub fn vacations(&self) -> Option<&[Vacation]> {
        match &self.calendar {
            Known::Unknown => None,
            Known::Nothing => Some(&[]),
            Known::Value(calendar) => calendar.vacations.list(),
        }
    }

    /// The schools' teaching time; `None` when the school calendar does not say.
    pub fn school_hours(&self) -> Option<&[SchoolHours]> {
        match &self.calendar {
            Known::Unknown => None,
            Known::Nothing => Some(&[]),
            Known::Value(calendar) => calendar.school_hours.list(),
        }
    }
}

impl Course {
    /// Academic and of the compulsory stages, to which most of 双减 is limited.
    pub fn is_compulsory_academic(&self) -> bool {
        self.category == Category::Academic && self.stage.is_compulsory()
    }

    /// The first and the last day of teaching; `None` without sessions.
    pub fn span(&self) -> Option<(NaiveDate, NaiveDate)> {
        let days = self.sessions.iter().map(|session| session.date);
        days.clone().min().zip(days.max())
    }
}
