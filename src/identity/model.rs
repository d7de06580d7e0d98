//! Roles, and who acts.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Department;
use crate::{
    db::Scope,
    kernel::{RegionCode, clock, region::Level},
};

/// What a person or machine is in the system. One role a post.
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
pub enum Role {
    MinistryOfficer,
    ProvinceOfficer,
    CityOfficer,
    BureauAdmin,
    Approver,
    Inspector,
    FinanceOfficer,
    DepartmentOfficer,
    TownshipOfficer,
    Auditor,
    InstitutionAdmin,
    InstitutionStaff,
    SchoolUser,
    Bank,
    InstitutionSystem,
}

impl Role {
    /// The role's name in Chinese and in English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Role::MinistryOfficer => ("教育部监管员", "Ministry officer"),
            Role::ProvinceOfficer => ("省级监管员", "Province officer"),
            Role::CityOfficer => ("市级监管员", "City officer"),
            Role::BureauAdmin => ("教育局管理员", "Bureau administrator"),
            Role::Approver => ("审批员", "Approver"),
            Role::Inspector => ("检查员", "Inspector"),
            Role::FinanceOfficer => ("资金监管员", "Finance officer"),
            Role::DepartmentOfficer => ("主管部门人员", "Department officer"),
            Role::TownshipOfficer => ("乡镇街道人员", "Township officer"),
            Role::Auditor => ("审计员", "Auditor"),
            Role::InstitutionAdmin => ("机构管理员", "Institution administrator"),
            Role::InstitutionStaff => ("机构人员", "Institution staff"),
            Role::SchoolUser => ("学校用户", "School user"),
            Role::Bank => ("银行", "Bank"),
            Role::InstitutionSystem => ("机构系统", "Institution's system"),
        }
    }

    /// Whether the role belongs to an institution and sees nothing but it.
    pub fn is_institution(self) -> bool {
        matches!(self, Role::InstitutionAdmin | Role::InstitutionStaff | Role::InstitutionSystem)
    }

    /// Whether it is a program that signs its requests with a key.
    pub fn is_machine(self) -> bool {
        matches!(self, Role::Bank | Role::InstitutionSystem)
    }

    /// Whether an account of this role may stand in a bureau of `level`; `None` is the ministry.
    pub fn fits(self, level: Option<Level>) -> bool {
        match self {
            Role::MinistryOfficer => level.is_none(),
            Role::ProvinceOfficer => level == Some(Level::Province),
            Role::InstitutionSystem => false,
            Role::CityOfficer => level == Some(Level::City),
            Role::BureauAdmin | Role::Auditor | Role::Bank => level != Some(Level::Township),
            // A township has no bureau; its officer holds a post in the county's.
            Role::TownshipOfficer => level.is_some(),
            _ => level.is_some_and(|level| level != Level::Township),
        }
    }
}

/// Who is acting, as the access token says: a person in one of their posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The post.
    pub user_id: i64,
    pub display_name: String,
    /// The bureau of the account; 0 is the ministry.
    pub tenant: i32,
    pub role: Role,
    /// The one institution of an institution's user.
    pub institution: Option<i64>,
    /// The department of a department officer.
    pub department: Option<Department>,
    /// The township of a township officer, nine digits.
    pub township: Option<i32>,
    /// The person holds other posts as well and may switch to them.
    pub switches: bool,
    /// The session that the token belongs to.
    pub session: String,
}

impl Actor {
    /// What this actor's queries may see and write.
    pub fn scope(&self) -> Scope {
        match self.role {
            Role::DepartmentOfficer => self.whole_scope().of_department(self.department),
            Role::TownshipOfficer => self.whole_scope().of_township(self.township),
            _ => self.whole_scope(),
        }
    }

    /// Whether a department's or a township's officer, who sees a part of the bureau's institutions and no proposals.
    pub fn sees_a_part(&self) -> bool {
        matches!(self.role, Role::DepartmentOfficer | Role::TownshipOfficer)
    }

    fn whole_scope(&self) -> Scope {
        match self.institution {
            Some(institution) => Scope::institution(self.tenant, institution, self.user_id),
            None => match RegionCode::from_i32(self.tenant) {
                Some(region) => Scope::official(region, self.user_id),
                None if self.tenant == 0 && self.role.fits(None) => Scope::ministry(self.user_id),
                None => Scope::nowhere(self.user_id),
            },
        }
    }

    /// The system itself, in one bureau.
    pub fn system(tenant: i32) -> Actor {
        Actor {
            user_id: 0,
            display_name: "明鉴".to_owned(),
            tenant,
            role: Role::BureauAdmin,
            institution: None,
            department: None,
            township: None,
            switches: false,
            session: String::new(),
        }
    }
}

/// An actor in the middle of one request: what every command is told besides its own input.
#[derive(Debug, Clone)]
pub struct Caller {
    pub actor: Actor,
    /// Ties the audit events of one request together.
    pub request_id: String,
    /// The instant of the request; commands read no clock of their own.
    pub now: DateTime<Utc>,
}

impl Caller {
    /// The local day of the request.
    pub fn today(&self) -> NaiveDate {
        clock::day(self.now)
    }
}
