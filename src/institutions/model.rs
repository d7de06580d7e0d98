//! What the register knows of an institution (校外培训机构), and the words that it uses.
//!
//! Where an institution stands on the white list or the blacklist is not here: the lists decide that.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize, Serializer};

pub use crate::kernel::training::{Category, Delivery, Stage};
use crate::kernel::{
    CreditCode, Private, RegionCode,
    private::{CitizenNumber, PersonName, Phone},
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

/// Whether a sponsor is a natural person or an organisation.
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
pub enum SponsorKind {
    /// 自然人
    Person,
    /// 单位
    Company,
}

impl SponsorKind {
    /// Chinese, English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            SponsorKind::Person => ("自然人", "Person"),
            SponsorKind::Company => ("单位", "Organisation"),
        }
    }
}

/// Who set an institution up (举办者).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sponsor {
    pub name: Private<PersonName>,
    pub kind: SponsorKind,
    /// In hundredths of a per cent, where somebody says.
    pub share_bp: Option<i32>,
}

impl Sponsor {
    /// What may be shown of the name: of a person the mask, of an organisation all of it.
    pub fn shown(&self) -> String {
        match self.kind {
            SponsorKind::Person => self.name.masked(),
            SponsorKind::Company => self.name.expose().to_owned(),
        }
    }

    /// The same with the share.
    pub fn told(&self) -> String {
        self.share().map_or_else(|| self.shown(), |share| format!("{} {share}", self.shown()))
    }

    /// The share as people write it.
    pub fn share(&self) -> Option<String> {
        self.share_bp.map(percent)
    }
}

/// Hundredths of a per cent as people write them: `60%`, `33.33%`.
fn percent(bp: i32) -> String {
    match (bp / 100, bp % 100) {
        (whole, 0) => format!("{whole}%"),
        (whole, rest) if rest % 10 == 0 => format!("{whole}.{}%", rest / 10),
        (whole, rest) => format!("{whole}.{rest:02}%"),
    }
}

/// Hundredths of a per cent from `60`, `60%` or `33.33 %`; `None` for what is none, or beyond 100.
pub fn basis_points(text: &str) -> Option<i32> {
    let plain = text.trim().trim_end_matches(['%', '％']).trim();
    let (whole, rest) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || rest.len() > 2 || !digits(whole) || !digits(rest) {
        return None;
    }
    let bp = format!("{whole}{rest:0<2}").parse::<i32>().ok()?;
    (1..=10_000).contains(&bp).then_some(bp)
}

/// Written with its mask, as whatever else is private: `王* 60%`.
impl Serialize for Sponsor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.told())
    }
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
    /// Kept apart as well; empty where the sheet does not say.
    #[serde(skip_deserializing)]
    pub sponsors: Vec<Sponsor>,
    pub escrow_bank: String,
    pub escrow_account_no: String,
    pub floor_area_cm2: Option<i64>,
    pub status: Status,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_written_to_a_hundredth_of_a_per_cent() {
        for (text, bp) in [
            ("60", Some(6_000)),
            ("60%", Some(6_000)),
            (" 33.3 ％", Some(3_330)),
            ("33.33%", Some(3_333)),
            ("0.01", Some(1)),
            ("0", None),
            ("100", Some(10_000)),
            ("100.01", None),
            ("33.333", None),
            ("-5", None),
            ("六成", None),
            ("", None),
        ] {
            assert_eq!(basis_points(text), bp, "{text}");
        }
        for (bp, text) in [(6_000, "60%"), (3_330, "33.3%"), (3_303, "33.03%"), (1, "0.01%"), (10_000, "100%")] {
            assert_eq!(percent(bp), text);
        }
    }

    #[test]
    fn a_person_is_written_with_the_mask_and_an_organisation_in_full() {
        let sponsor = |name: &str, kind| Sponsor { name: Private::new(name), kind, share_bp: Some(6_000) };
        let written = |sponsor: &Sponsor| serde_json::to_string(sponsor).unwrap();
        let person = sponsor("王小明", SponsorKind::Person);
        assert_eq!(written(&person), r#""王* 60%""#);
        let company = sponsor("星光控股有限公司", SponsorKind::Company);
        assert_eq!(written(&company), r#""星光控股有限公司 60%""#);
        assert!(!format!("{person:?}").contains("小明"));
    }
}
