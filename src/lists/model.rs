//! The words of the lists: where an institution stands, and what can be proposed about it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{approvals::Kind, kernel::CreditCode};

/// Where an institution stands; it is what the latest decision says, and [`ListStatus::None`] before the first.
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
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ListStatus {
    /// 白名单
    White,
    /// 暂停展示: was on the white list and is not shown as such for the time being.
    Suspended,
    /// 黑名单
    Black,
    /// 不在名单
    #[default]
    None,
}

/// A step between the statuses. Each is proposed by one official and decided by another.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ListMove {
    /// 列入白名单
    WhiteList,
    /// 暂停展示
    Suspend,
    /// 移出白名单
    Remove,
    /// 列入黑名单
    Blacklist,
    /// 移出黑名单
    ClearBlacklist,
}

impl ListMove {
    /// The kind of approval that it needs.
    pub fn kind(self) -> Kind {
        match self {
            ListMove::WhiteList => Kind::WhiteList,
            ListMove::Suspend => Kind::Suspend,
            ListMove::Remove => Kind::Remove,
            ListMove::Blacklist => Kind::Blacklist,
            ListMove::ClearBlacklist => Kind::ClearBlacklist,
        }
    }

    /// The step that a kind of approval is about, if it is one.
    pub fn of(kind: Kind) -> Option<ListMove> {
        <ListMove as strum::IntoEnumIterator>::iter().find(|step| step.kind() == kind)
    }

    /// Where the institution stands once the step is approved.
    pub fn leads_to(self) -> ListStatus {
        match self {
            ListMove::WhiteList => ListStatus::White,
            ListMove::Suspend => ListStatus::Suspended,
            ListMove::Remove | ListMove::ClearBlacklist => ListStatus::None,
            ListMove::Blacklist => ListStatus::Black,
        }
    }

    /// The steps that make sense from `status`, the ordinary one first.
    pub fn from_status(status: ListStatus) -> &'static [ListMove] {
        match status {
            ListStatus::None => &[ListMove::WhiteList, ListMove::Blacklist],
            ListStatus::White => &[ListMove::Suspend, ListMove::Remove, ListMove::Blacklist],
            ListStatus::Suspended => &[ListMove::WhiteList, ListMove::Remove, ListMove::Blacklist],
            ListStatus::Black => &[ListMove::ClearBlacklist],
        }
    }

    /// The act as a button says it: Chinese, English.
    pub fn words(self) -> (&'static str, &'static str) {
        self.kind().words()
    }
}

/// Grounds of a blacklisting, after 国办发〔2018〕80号 and the plan's items 16 and 19.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Ground {
    Unlicensed,
    RunOff,
    LicenceWithdrawn,
    RepeatedViolations,
    OffenceAgainstMinors,
}

impl Ground {
    /// As parents read it: Chinese, English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Ground::Unlicensed => ("无证办学且拒不改正", "Running without a licence and refusing to correct it"),
            Ground::RunOff => ("卷款跑路", "Disappearing with prepaid fees"),
            Ground::LicenceWithdrawn => ("被吊销办学许可", "Licence withdrawn as a penalty"),
            Ground::RepeatedViolations => ("多次严重违规", "Repeated serious violations"),
            Ground::OffenceAgainstMinors => ("从业人员侵害未成年人", "Offences of staff against minors"),
        }
    }
}

/// What one official proposes about one institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub institution: i64,
    pub step: ListMove,
    /// For [`ListMove::Blacklist`] alone; without one the reason says why.
    pub ground: Option<Ground>,
    /// Why, with the number of the decision where there is one; parents may read it.
    pub reason: String,
}

/// One line of an institution's list history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListEntry {
    pub status: ListStatus,
    pub ground: String,
    pub effective_on: NaiveDate,
    pub decided_at: DateTime<Utc>,
    pub proposed_by: String,
    pub decided_by: String,
}

/// The outcome for one institution of a proposal about many.
#[derive(Debug)]
pub struct Refused {
    pub credit_code: CreditCode,
    pub name: String,
    pub why: super::ListError,
}
