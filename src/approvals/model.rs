//! What can be proposed, and a proposal as it is shown and decided.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a proposal is about. Each kind belongs to one feature.
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
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
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
    /// 办结预警
    CloseWarning,
    /// 调整政策参数
    ChangePolicy,
    /// 机构转为红色预警
    TurnRed,
    /// 变更划拨收款账户
    ChangePayee,
}

impl Kind {
    /// The act as a button says it: Chinese, English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::WhiteList => ("列入白名单", "Put on the white list"),
            Kind::Suspend => ("暂停展示", "Suspend the listing"),
            Kind::Remove => ("移出白名单", "Take off the white list"),
            Kind::Blacklist => ("列入黑名单", "Put on the blacklist"),
            Kind::ClearBlacklist => ("移出黑名单", "Take off the blacklist"),
            Kind::CloseWarning => ("办结预警", "Close a warning"),
            Kind::ChangePolicy => ("调整政策参数", "Change a policy"),
            Kind::TurnRed => ("机构转为红色预警", "Turn an institution red"),
            Kind::ChangePayee => ("变更划拨收款账户", "Change where releases go"),
        }
    }
}

/// Where a proposal stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Pending,
    Approved,
    Rejected,
    /// Taken back by the one who proposed it.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl State {
    /// As people read it: Chinese, English.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            State::Pending => ("待审批", "Waiting"),
            State::Approved => ("同意", "Approved"),
            State::Rejected => ("不同意", "Rejected"),
            State::Withdrawn => ("已撤回", "Withdrawn"),
            State::Expired => ("过期失效", "Ran out"),
        }
    }
}

/// What is decided about a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    Approve,
    Reject,
}

/// The institution that a proposal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concerned {
    pub id: i64,
    pub credit_code: String,
    pub name: String,
}

/// A proposal.
#[derive(Debug, Clone)]
pub struct Approval {
    pub id: i64,
    /// The bureau in which it was made and is decided.
    pub tenant: i32,
    pub kind: Kind,
    pub subject: String,
    pub institution: Option<Concerned>,
    /// As the feature of the kind wrote it.
    pub payload: Value,
    pub reason: String,
    /// 0 for the system itself.
    pub proposed_by: i64,
    pub proposed_by_name: String,
    pub proposed_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub state: State,
    pub decided_by_name: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub comment: Option<String>,
    /// The one who looks proposed it, by this or another of their posts.
    pub own: bool,
}
