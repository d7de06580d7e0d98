//! Posts and invitations as they are listed, and what an administrator asks for.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Duration, Utc};
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    identity::{Department, Role},
    kernel::RegionCode,
    secrets::random,
};

/// How long an invitation's link is good.
pub const INVITATION_LIFE: Duration = Duration::days(7);
/// Longest reason, in characters.
pub const REASON_MAX: usize = 500;
/// Longest name of a person, in characters.
pub const NAME_MAX: usize = 50;

/// Where a post or an invitation to one stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString, strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    Active,
    Disabled,
    /// The link was sent and not used yet.
    Invited,
    /// The link ran out; sending it again renews it.
    Expired,
}

impl Status {
    /// The word in Chinese and in English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Status::Active => ("在用", "Active"),
            Status::Disabled => ("已停用", "Disabled"),
            Status::Invited => ("待接受", "Invited"),
            Status::Expired => ("邀请过期", "Invitation ran out"),
        }
    }
}

/// A role with what belongs to it: a department officer's department, a township officer's township.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Assignment {
    pub role: Role,
    pub department: Option<Department>,
    pub township: Option<RegionCode>,
}

/// A post, or an invitation to one, as its administrator sees it.
#[derive(Debug, Clone, QueryableByName)]
pub struct PostRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub username: Option<String>,
    #[diesel(sql_type = Text)]
    pub display_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub email: Option<String>,
    #[diesel(sql_type = Text)]
    pub role: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub department: Option<String>,
    #[diesel(sql_type = Nullable<Integer>)]
    pub township: Option<i32>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub institution_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub institution_name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub credit_code: Option<String>,
    #[diesel(sql_type = Text)]
    pub status: String,
    #[diesel(sql_type = Bool)]
    pub second_factor_off: bool,
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// Of invitations: when the link runs out.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub expires_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub last_sign_in: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Text>)]
    pub successor: Option<String>,
}

impl PostRow {
    /// Where it stands.
    pub fn status(&self) -> Status {
        self.status.parse().unwrap_or(Status::Disabled)
    }
}

/// Which posts to list; empty texts ask for all.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Part of the name, the sign-in name or the address.
    pub text: String,
    pub role: String,
    /// `active`, `disabled` or `invited`; the last holds those that ran out, too.
    pub status: String,
    /// Officials alone, or institutions' people alone.
    pub of: Of,
    /// Older than this one; 0 from the newest.
    pub before: i64,
    pub limit: i64,
}

/// Whose posts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Of {
    #[default]
    All,
    Bureau,
    Institutions,
}

/// What an invitation's link holds: the bureau, and a secret that is kept only as its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteToken {
    pub tenant: i32,
    secret: String,
}

impl InviteToken {
    /// A new one.
    pub fn issue(tenant: i32) -> InviteToken {
        InviteToken { tenant, secret: URL_SAFE_NO_PAD.encode(random::<32>()) }
    }

    /// Reads what [`InviteToken::text`] wrote.
    pub fn parse(text: &str) -> Option<InviteToken> {
        let (tenant, secret) = text.split_once('.').filter(|_| text.len() <= 64)?;
        Some(InviteToken { tenant: tenant.parse().ok()?, secret: secret.to_owned() })
    }

    /// As it stands in the link.
    pub fn text(&self) -> String {
        format!("{}.{}", self.tenant, self.secret)
    }

    /// As kept.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_reads_back_and_nothing_else_does() {
        let token = InviteToken::issue(331_002);
        assert_eq!(InviteToken::parse(&token.text()), Some(token.clone()));
        assert_ne!(InviteToken::parse(&token.text().replace("331002", "331003")).map(|t| t.hash()), Some(token.hash()));
        for text in ["", "x", "a.b", &format!("331002.{}", "y".repeat(80))] {
            assert_eq!(InviteToken::parse(text), None, "{text}");
        }
    }
}
