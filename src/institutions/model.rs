//! What the register knows of an institution (校外培训机构), and the words that it uses.
//!
//! Where an institution stands on the white list or the blacklist is not here: the lists decide that.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use crate::kernel::training::{Category, Delivery, Stage};
use crate::kernel::{
    CreditCode, Private, RegionCode,
    private::{CitizenNumber, Phone},
};

/// Where an institution stands in the register.
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
pub enum Status {
    /// 正常
    Operating,
    /// 暂停招生
    Suspended,
    /// 正在终止
    Terminating,
    /// 注销
    Deregistered,
}

/// An institution as a sheet tells it, checked, on its way into the register.
///
/// An empty text means that the sheet does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInstitution {
    pub name: String,
    pub credit_code: CreditCode,
    /// 机构性质, e.g. 民办非企业单位; from the head of the credit code where the sheet does not say.
    pub org_kind: String,
    /// The bureau that keeps it; six digits.
    pub county: RegionCode,
    /// Nine digits, within `county`.
    pub township: Option<RegionCode>,
    pub address: String,
    pub category: Category,
    /// In order; empty when neither a column nor the category tells.
    pub stages: Vec<Stage>,
    /// In order; [`Delivery::Offline`] when no column tells.
    pub delivery: Vec<Delivery>,
    /// By the head of the credit code: 91, 92 and 93 are registered to make a profit.
    pub for_profit: bool,
    pub courses_text: String,
    pub licence_no: String,
    pub licence_authority: String,
    pub licence_from: Option<NaiveDate>,
    pub licence_to: Option<NaiveDate>,
    pub legal_person: String,
    /// Written as its mask and never read back: what is kept of it is sealed and kept apart.
    #[serde(skip_deserializing)]
    pub legal_person_id: Private<CitizenNumber>,
    /// As with the identity number.
    #[serde(skip_deserializing)]
    pub phone: Private<Phone>,
    pub escrow_bank: String,
    pub escrow_account_no: String,
    pub floor_area_cm2: Option<i64>,
    pub status: Status,
}
