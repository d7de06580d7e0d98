//! What may be seen in the clear, of which record, and for which of the bureau's duties.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::identity::Role;

/// How long a request waits for the county.
pub const REQUEST_LIFE: Duration = Duration::days(7);
/// How long the county's permission holds.
pub const PERMISSION_LIFE: Duration = Duration::hours(24);
/// Least and most characters of a reason: "查" says nothing.
pub const REASON: std::ops::RangeInclusive<usize> = 4..=500;

/// The kind of record that a value stands in.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumIter,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Institution,
    EscrowAccount,
    Entry,
    Course,
    Sponsor,
    Contract,
    Payment,
}

impl Kind {
    /// The fields that may be masked.
    pub const fn fields(self) -> &'static [&'static str] {
        match self {
            Kind::Institution => &["phone", "legal_person_id"],
            Kind::EscrowAccount => &["payee_account", "new_payee_account"],
            Kind::Entry => &crate::escrow::ENTRY_FIELDS,
            Kind::Course => &["name", "teacher_certificate", "skill_certificate"],
            Kind::Sponsor => &["sponsor_name"],
            Kind::Contract => &["pupil", "guardian_phone"],
            Kind::Payment => &["paid_to"],
        }
    }

    /// Whether a role that looks after money, and nothing else, may ask for it.
    pub fn open_to(self, role: Role) -> bool {
        role != Role::FinanceOfficer || matches!(self, Kind::EscrowAccount | Kind::Entry | Kind::Payment)
    }
}

/// What a field is called.
pub fn field_words(field: &str) -> (&'static str, &'static str) {
    match field {
        "phone" => ("联系电话", "Telephone"),
        "legal_person_id" => ("法定代表人身份证号", "Legal representative's identity number"),
        "new_payee_account" => ("申请变更的划拨收款账户", "Account that releases are to go to"),
        "payee_account" => ("划拨收款账户", "Account that releases go to"),
        "counterparty_name" => ("对方户名", "Name of the other side"),
        "counterparty_account" => ("对方账号", "Account of the other side"),
        "remittance" => ("摘要", "Remark"),
        "name" => ("教学人员姓名", "Instructor's name"),
        "sponsor_name" => ("举办者姓名", "Sponsor's name"),
        "pupil" => ("学员姓名", "Pupil's name"),
        "guardian_phone" => ("监护人电话", "Guardian's telephone"),
        "paid_to" => ("培训费的收款账户", "Account that a fee was paid to"),
        "teacher_certificate" => ("教师资格证号", "Number of the teacher's certificate"),
        "skill_certificate" => ("专业技能证书号", "Number of the professional certificate"),
        _ => ("字段", "Field"),
    }
}

/// The duty for which a value is seen. Without one there is no lawful purpose (个人信息保护法 art. 34).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Purpose {
    Licensing,
    Inspection,
    Funds,
    Penalty,
    Complaint,
    DataSubject,
    Emergency,
}

impl Purpose {
    /// Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Purpose::Licensing => ("行政许可与备案审查", "Reviewing a licence or a filing"),
            Purpose::Inspection => ("监督检查", "Inspection"),
            Purpose::Funds => ("预收费资金监管", "Supervision of prepaid fees"),
            Purpose::Penalty => ("行政处罚调查", "Investigation of an offence"),
            Purpose::Complaint => ("处理投诉举报", "Handling a complaint"),
            Purpose::DataSubject => ("办理个人信息权利请求", "A person's request about their data"),
            Purpose::Emergency => ("突发事件处置", "Emergency"),
        }
    }
}

/// One field of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub kind: Kind,
    /// Credit code, account, `account.reference`, or `course.person`.
    pub id: String,
    pub field: String,
}

/// A request of a bureau above, as both sides see it.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    pub id: i64,
    pub region: i32,
    pub asked_by_tenant: i32,
    pub asked_by: i64,
    pub asked_by_name: String,
    pub kind: String,
    pub subject: String,
    pub field: String,
    pub institution: String,
    pub credit_code: String,
    pub purpose: String,
    pub reason: String,
    pub asked_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// `pending`, `approved` or `rejected`; see [`Request::standing`].
    pub state: String,
    pub decided_by_name: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub comment: Option<String>,
    /// Asked for by the person who looks, in this post or in another.
    pub own: bool,
}

/// Where a request stands at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Standing {
    Waiting,
    Open,
    Refused,
    /// Nobody decided in time, or the permission is over.
    Over,
}

impl Request {
    /// Where it stands at `now`.
    pub fn standing(&self, now: DateTime<Utc>) -> Standing {
        match self.state.as_str() {
            "rejected" => Standing::Refused,
            _ if self.expires_at <= now => Standing::Over,
            "approved" => Standing::Open,
            _ => Standing::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_name_and_finance_sees_money_alone() {
        use strum::IntoEnumIterator;
        for kind in Kind::iter() {
            for field in kind.fields() {
                assert_ne!(field_words(field).0, "字段", "{field}");
            }
            assert!(kind.open_to(Role::BureauAdmin));
        }
        let of_money: Vec<Kind> = Kind::iter().filter(|kind| kind.open_to(Role::FinanceOfficer)).collect();
        assert_eq!(of_money, [Kind::EscrowAccount, Kind::Entry, Kind::Payment]);
    }

    #[test]
    fn a_request_and_a_permission_run_out() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let request = |state: &str| Request {
            id: 1,
            region: 331_002,
            asked_by_tenant: 331_000,
            asked_by: 7,
            asked_by_name: String::new(),
            kind: "institution".into(),
            subject: String::new(),
            field: "phone".into(),
            institution: String::new(),
            credit_code: String::new(),
            purpose: "inspection".into(),
            reason: String::new(),
            asked_at: at("2026-03-18T01:00:00Z"),
            expires_at: at("2026-03-19T01:00:00Z"),
            state: state.into(),
            decided_by_name: None,
            decided_at: None,
            comment: None,
            own: false,
        };
        for (state, now, expected) in [
            ("pending", "2026-03-19T00:59:59Z", Standing::Waiting),
            ("pending", "2026-03-19T01:00:00Z", Standing::Over),
            ("approved", "2026-03-19T00:59:59Z", Standing::Open),
            ("approved", "2026-03-19T01:00:00Z", Standing::Over),
            ("rejected", "2026-03-18T02:00:00Z", Standing::Refused),
        ] {
            assert_eq!(request(state).standing(at(now)), expected, "{state} {now}");
        }
    }
}
