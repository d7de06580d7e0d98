//! Why a post was not given, changed or ended.

use actix_web::http::StatusCode;

use crate::{
    db::DbError,
    identity::{Role, password::PasswordError},
    web::{FieldError, Lang, Problem},
};

/// Each says how to mend it; `Display` is the English sentence, [`PostError::message`] either.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("there is no such post or invitation here")]
    NotFound,
    #[error("your own post has been changed meanwhile; sign in again")]
    OwnPostEnded,
    #[error("you cannot give the role {0} here; choose one of the list")]
    Role(Role),
    #[error("choose a role of the list")]
    NoRole,
    #[error("a department officer, and nobody else, has a department; choose it")]
    Department,
    #[error("a township officer, and nobody else, has a township of this county; choose it")]
    Township,
    #[error(
        "no institution with this credit code is registered here; people of an institution need it, others leave it empty"
    )]
    Institution,
    #[error("an e-mail address such as name@example.com is needed; the link is sent there")]
    Email,
    #[error("give the name, in 50 characters at most")]
    Name,
    #[error("the reason is longer than 500 characters; shorten it")]
    ReasonTooLong,
    #[error("this person holds a post here already; change its role or enable it instead")]
    AlreadyHere,
    #[error("this address has an open invitation; send it again instead")]
    AlreadyInvited,
    #[error("nobody changes their own role; ask another administrator")]
    OwnRole,
    #[error("the post has this role already")]
    SameRole,
    #[error(
        "a post of an institution stays with the institution, an official's with the bureau; invite them anew instead"
    )]
    OtherKind,
    #[error("this is the last administrator; appoint another first")]
    LastAdministrator,
    #[error("the post is disabled already")]
    NotActive,
    #[error("the post is not disabled")]
    NotDisabled,
    #[error("choose a colleague with an active post at the same place to take over")]
    Successor,
    #[error("an official of this bureau cannot also act for an institution that it supervises")]
    ConflictOfInterest,
    #[error("this ends their work here at once; tick that you mean it")]
    Unconfirmed(&'static str),
    #[error(
        "this link is not good (any more): it ran out, was used or withdrawn, or is not whole. Ask the one who invited you to send it again"
    )]
    DeadLink,
    #[error("a sign-in name has 3 to 64 letters, digits, dots, hyphens or underscores")]
    Username,
    #[error("this sign-in name is taken; choose another, or sign in if it is yours")]
    Taken,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PostError {
    /// The field of a form that must be mended, if it is one, and the name of the rule that it breaks.
    pub fn field(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            PostError::Role(_) | PostError::NoRole => ("role", "ROLE"),
            PostError::OwnRole => ("role", "OWN_ROLE"),
            PostError::SameRole => ("role", "UNCHANGED"),
            PostError::OtherKind => ("role", "OTHER_KIND"),
            PostError::Department => ("department", "DEPARTMENT"),
            PostError::Township => ("township", "TOWNSHIP"),
            PostError::Institution => ("credit_code", "INSTITUTION"),
            PostError::Email => ("email", "EMAIL"),
            PostError::Name => ("name", "NAME"),
            PostError::ReasonTooLong => ("reason", "TOO_LONG"),
            PostError::Successor => ("to", "SUCCESSOR"),
            PostError::Username => ("username", "USERNAME"),
            PostError::Taken => ("username", "TAKEN"),
            PostError::Unconfirmed(field) => (field, "CONFIRM"),
            PostError::Password(_) => ("password", "PASSWORD"),
            _ => return None,
        })
    }

    /// The sentence in one language.
    pub fn message(&self, lang: Lang) -> String {
        if lang.is_en() { self.to_string() } else { self.message_zh() }
    }

    fn message_zh(&self) -> String {
        match self {
            PostError::Forbidden => "您的角色不能办理此事",
            PostError::NotFound => "这里没有这个账号或邀请",
            PostError::OwnPostEnded => "您自己的账号刚被改动，请重新登录",
            PostError::Role(role) => return format!("这里不能授予“{}”，请从列表中选择角色", role.words().0),
            PostError::NoRole => "请从列表中选择角色",
            PostError::Department => "主管部门人员须选择部门，其他角色不填",
            PostError::Township => "乡镇街道人员须选择本县的乡镇街道，其他角色不填",
            PostError::Institution => "本地没有登记这个信用代码的机构；机构人员必填，其他角色不填",
            PostError::Email => "请填邮箱，如 name@example.com；邀请链接发到这里",
            PostError::Name => "请填姓名，不超过 50 个字",
            PostError::ReasonTooLong => "原因超过 500 字，请缩短",
            PostError::AlreadyHere => "此人在这里已有账号；请改角色或重新启用",
            PostError::AlreadyInvited => "这个邮箱有一个待接受的邀请；请重新发送",
            PostError::OwnRole => "不能改自己的角色，请由另一位管理员办理",
            PostError::SameRole => "已经是这个角色",
            PostError::OtherKind => "机构账号只能在机构内改角色，单位账号只能在单位内改；请另行邀请",
            PostError::LastAdministrator => "这是最后一位管理员；请先任命另一位",
            PostError::NotActive => "账号已经停用",
            PostError::NotDisabled => "账号没有停用",
            PostError::Successor => "请选择同一单位在用的同事接手",
            PostError::ConflictOfInterest => "本单位的工作人员不能同时代表所监管的机构",
            PostError::Unconfirmed(_) => "这会立即结束其在这里的工作，请勾选确认",
            PostError::DeadLink => "这个链接不能用了：可能已过期、已使用、已撤回，或者复制不完整。请联系邀请人重新发送",
            PostError::Username => "登录名为 3 至 64 个字母、数字、点、连字符或下划线",
            PostError::Taken => "这个登录名已有人用；请换一个，是您本人的请直接登录",
            PostError::Password(error) => return error.zh(),
            PostError::Db(_) => "数据库出错，没有保存",
        }
        .to_owned()
    }
}

impl From<PostError> for Problem {
    fn from(error: PostError) -> Problem {
        let (zh, en) = (error.message(Lang::Zh), error.message(Lang::En));
        if let Some((path, rule)) = error.field() {
            return Problem::invalid(vec![FieldError::new(path, rule, zh, en)]);
        }
        match error {
            PostError::Forbidden => Problem::forbidden(),
            PostError::NotFound => Problem::not_found(),
            PostError::OwnPostEnded => Problem::new(StatusCode::UNAUTHORIZED, "session-ended", zh, en),
            PostError::DeadLink => Problem::new(StatusCode::NOT_FOUND, "accounts/dead-link", zh, en),
            PostError::AlreadyHere => Problem::conflict("accounts/already-here", zh, en),
            PostError::AlreadyInvited => Problem::conflict("accounts/already-invited", zh, en),
            PostError::LastAdministrator => Problem::conflict("accounts/last-administrator", zh, en),
            PostError::NotActive => Problem::conflict("accounts/not-active", zh, en),
            PostError::NotDisabled => Problem::conflict("accounts/not-disabled", zh, en),
            PostError::ConflictOfInterest => Problem::conflict("accounts/conflict-of-interest", zh, en),
            PostError::Db(error) => error.into(),
            _ => Problem::internal(),
        }
    }
}
