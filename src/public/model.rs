//! The published facts of an institution: a card for lists, a detail for its own page.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::kernel::Calendar;

/// Where an institution stands on the two lists.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::AsRefStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ListStatus {
    White,
    Suspended,
    /// Never decided upon, or taken off without blame.
    #[default]
    None,
    Black,
}

impl ListStatus {
    /// The place in search results: the white list comes first, and nothing is left out.
    pub fn rank(self) -> i16 {
        match self {
            ListStatus::White => 0,
            ListStatus::Suspended => 1,
            ListStatus::None => 2,
            ListStatus::Black => 3,
        }
    }

    /// The status at a place of [`ListStatus::rank`].
    pub fn of_rank(rank: i16) -> ListStatus {
        match rank {
            0 => ListStatus::White,
            1 => ListStatus::Suspended,
            3 => ListStatus::Black,
            _ => ListStatus::None,
        }
    }
}

/// One row of search results, as the API sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub credit_code: String,
    pub name: String,
    /// The county (6 digits) whose bureau keeps the record.
    pub region: String,
    pub region_name: String,
    pub category: String,
    pub stages: Vec<String>,
    pub delivery: Vec<String>,
    pub address: String,
    pub list_status: ListStatus,
    pub list_since: Option<NaiveDate>,
    /// Why it is suspended or blacklisted; `null` on the white list.
    pub list_ground: Option<String>,
    pub licence_to: Option<NaiveDate>,
    pub courses: usize,
    /// Lowest and highest fee of an approved course.
    pub fee_min_fen: Option<i64>,
    pub fee_max_fen: Option<i64>,
    pub escrow_account: bool,
    /// Absent unless the bureau publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// All that is published about an institution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    pub credit_code: String,
    pub name: String,
    pub region: String,
    pub region_name: String,
    pub bureau: String,
    /// `operating` `suspended` `terminating` `deregistered`.
    pub status: String,
    pub org_kind: String,
    pub category: String,
    pub stages: Vec<String>,
    pub delivery: Vec<String>,
    pub for_profit: bool,
    pub address: String,
    pub legal_person: String,
    pub courses_text: String,
    pub licence: Licence,
    pub list: Listing,
    pub courses: Vec<Course>,
    /// The account to pay into; `null` when none is filed.
    pub escrow: Option<Account>,
    /// The account that takes its place, and from when on; `null` when none is filed.
    #[serde(default)]
    pub next_escrow: Option<NextAccount>,
}

impl Detail {
    /// As it is read on a day: from its first day on the next account is the one to pay into.
    pub fn turn(&mut self, today: NaiveDate) {
        if let Some(next) = self.next_escrow.take_if(|next| next.from <= today) {
            self.escrow = Some(next.account);
        }
    }
}

/// The licence to run a school (办学许可证).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// Empty when there is none.
    pub number: String,
    pub authority: String,
    pub from: Option<NaiveDate>,
    /// Last day on which it holds; `null` when it was not recorded.
    pub to: Option<NaiveDate>,
}

/// What a licence is worth on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LicenceState {
    Valid,
    NotYet,
    Expired,
    /// No number is on record.
    Missing,
}

impl Licence {
    /// Whether it holds on `today`; the last day counts.
    pub fn state(&self, today: NaiveDate) -> LicenceState {
        if self.number.is_empty() {
            LicenceState::Missing
        } else if self.to.is_some_and(|to| to < today) {
            LicenceState::Expired
        } else if self.from.is_some_and(|from| today < from) {
            LicenceState::NotYet
        } else {
            LicenceState::Valid
        }
    }
}

/// Where it stands on the lists, and how it came there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Listing {
    pub status: ListStatus,
    pub since: Option<NaiveDate>,
    pub ground: Option<String>,
    /// Newest first.
    pub history: Vec<Decision>,
}

/// One decision on the lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub status: ListStatus,
    pub ground: String,
    pub effective_on: NaiveDate,
}

/// An approved course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    pub name: String,
    pub category: String,
    pub subject: Option<String>,
    pub stage: String,
    pub delivery: String,
    pub lessons: Option<i64>,
    pub lesson_minutes: Option<i64>,
    pub fee_fen: Option<i64>,
    pub first_on: Option<NaiveDate>,
    pub last_on: Option<NaiveDate>,
    /// End of the session that ends latest in the day, `HH:MM`.
    pub latest_end: Option<String>,
    pub slots: Vec<Slot>,
    pub instructors: Vec<Instructor>,
}

/// Sessions of a course that fall on one weekday at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// 1 Monday to 7 Sunday.
    pub weekday: u8,
    /// `HH:MM`.
    pub start: String,
    pub end: String,
    pub sessions: usize,
}

/// Who teaches, with qualifications whose numbers are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instructor {
    pub name: String,
    pub role: String,
    /// Teacher's certificate (教师资格证).
    pub teacher_certificate: Option<String>,
    pub certificate_subject: Option<String>,
    pub certificate_stage: Option<String>,
    /// Vocational skill certificate (专业能力证书).
    pub skill_certificate: Option<String>,
}

/// The dedicated account for prepaid fees; its number is public in full, because it is where to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub bank: String,
    pub account_no: String,
    pub account_name: String,
    /// `custody` (银行托管) or `risk_deposit` (风险保证金).
    pub mode: String,
    /// The branches that pay into it; none named means all.
    #[serde(default)]
    pub branches: Vec<String>,
    /// Absent unless the bureau publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// The account that fees go to from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAccount {
    pub from: NaiveDate,
    #[serde(flatten)]
    pub account: Account,
}

/// Which share of families' prepaid money lies in escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Rounded down; 10,000 where all of it is there.
    pub share_bp: i32,
    /// The day of the bank's statement that it holds for.
    pub on: NaiveDate,
    /// Of what it is a share; absent for what is owed in lessons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ShareOf>,
}

/// What a risk deposit is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShareOf {
    /// The fees of the three months up to the day.
    #[serde(rename = "fees_of_3_months")]
    FeesOfThreeMonths,
}

impl Coverage {
    /// Whole per cent, rounded down.
    pub fn percent(self) -> i32 {
        self.share_bp / 100
    }

    /// Whether it is a deposit's, which holds none of the fees themselves.
    pub fn is_of_deposit(self) -> bool {
        self.of.is_some()
    }

    /// Whether nothing is missing.
    pub fn is_whole(self) -> bool {
        self.share_bp >= 10_000
    }
}

/// Whether the money of an institution is being watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Watch {
    /// The bank's statements are up to date.
    Watched,
    /// There is an account, but its statements are old or never came.
    Stale,
    /// There is no account.
    None,
}

/// Whether an account with a last statement of `statement_on` is watched on `today`.
pub fn watch(has_account: bool, statement_on: Option<NaiveDate>, today: NaiveDate, calendar: &Calendar) -> Watch {
    if !has_account {
        return Watch::None;
    }
    if calendar.is_stale(statement_on, today) { Watch::Stale } else { Watch::Watched }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_licence_holds_through_its_last_day() {
        let licence = Licence {
            number: "教民 133100270000128 号".into(),
            authority: String::new(),
            from: Some(day("2024-09-01")),
            to: Some(day("2026-08-31")),
        };
        assert_eq!(licence.state(day("2024-08-31")), LicenceState::NotYet);
        assert_eq!(licence.state(day("2024-09-01")), LicenceState::Valid);
        assert_eq!(licence.state(day("2026-08-31")), LicenceState::Valid);
        assert_eq!(licence.state(day("2026-09-01")), LicenceState::Expired);
        assert_eq!(Licence { number: String::new(), ..licence }.state(day("2026-01-01")), LicenceState::Missing);
    }

    #[test]
    fn an_account_is_watched_for_two_bank_days_after_its_statement() {
        let calendar = Calendar::statutory();
        for (case, last, today, expected) in [
            ("the same day", "2026-03-12", "2026-03-12", Watch::Watched),
            ("over a weekend", "2026-03-12", "2026-03-16", Watch::Watched),
            ("the third bank day", "2026-03-12", "2026-03-17", Watch::Stale),
            ("the spring festival", "2026-02-14", "2026-02-25", Watch::Watched),
            ("after the festival", "2026-02-14", "2026-02-26", Watch::Stale),
            ("a year without a table", "2027-03-11", "2027-03-15", Watch::Watched),
            ("a year without a table, later", "2027-03-11", "2027-03-16", Watch::Stale),
            ("a statement of tomorrow", "2026-03-13", "2026-03-12", Watch::Watched),
        ] {
            assert_eq!(watch(true, Some(day(last)), day(today), calendar), expected, "{case}");
        }
        assert_eq!(watch(true, None, day("2026-03-12"), calendar), Watch::Stale);
        assert_eq!(watch(false, Some(day("2026-03-12")), day("2026-03-12"), calendar), Watch::None);
    }
}
