//! The departments that share the supervision of training with the education bureau (行业主管部门).

use serde::{Deserialize, Serialize};

/// A department of a division's government.
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
    strum::AsRefStr,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Department {
    Education,
    Culture,
    Sports,
    HumanResources,
    Science,
    Health,
    MarketRegulation,
    CivilAffairs,
    PublicSecurity,
    Fire,
    DevelopmentReform,
    Finance,
    Cyberspace,
    Housing,
    UrbanManagement,
}

impl Department {
    /// The department's short name in Chinese and in English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Department::Education => ("教育", "Education"),
            Department::Culture => ("文旅", "Culture and tourism"),
            Department::Sports => ("体育", "Sports"),
            Department::HumanResources => ("人社", "Human resources"),
            Department::Science => ("科技", "Science and technology"),
            Department::Health => ("卫健", "Health"),
            Department::MarketRegulation => ("市监", "Market regulation"),
            Department::CivilAffairs => ("民政", "Civil affairs"),
            Department::PublicSecurity => ("公安", "Public security"),
            Department::Fire => ("消防", "Fire and rescue"),
            Department::DevelopmentReform => ("发改", "Development and reform"),
            Department::Finance => ("金融", "Financial regulation"),
            Department::Cyberspace => ("网信", "Cyberspace administration"),
            Department::Housing => ("住建", "Housing and construction"),
            Department::UrbanManagement => ("综合执法", "Urban management"),
        }
    }
}

/// The department in charge of each category where the county has not said otherwise, in the order of the categories.
///
/// Source: the division of work of 中办发〔2021〕40号, item 11; a province publishes its own list (Order 53, article 6).
pub const ROUTES: [(&str, Department); 7] = [
    ("academic", Department::Education),
    ("arts", Department::Culture),
    ("sports", Department::Sports),
    ("sci_tech", Department::Science),
    ("vocational", Department::HumanResources),
    ("childcare", Department::Health),
    ("comprehensive", Department::Education),
];
