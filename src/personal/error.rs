//! Why a value is not shown, a request not decided, or a person not found.

use actix_web::http::StatusCode;

use super::model::REASON;
use crate::{
    db::DbError,
    web::{FieldError, Lang, Problem},
};

/// Why nothing was shown or changed; each says how to mend it.
#[derive(Debug, thiserror::Error)]
pub enum PersonalError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("there is no such value")]
    NotFound,
    #[error("choose the duty for which you need to see it")]
    Purpose,
    #[error("say why, in {min} to {max} characters", min = REASON.start(), max = REASON.end())]
    Reason,
    #[error("say why you refuse")]
    Comment,
    #[error("you have seen {0} values today, which is the limit; go on tomorrow, or ask a colleague")]
    TooMany(i64),
    #[error("you have asked for this already; the decision is waited for")]
    AlreadyAsked,
    #[error("you asked for this yourself; a colleague decides")]
    OwnRequest,
    #[error("this request has been decided, or has run out")]
    Settled,
    #[error("give a telephone number, an identity number, an account number or an e-mail address in full")]
    Query,
    #[error("tick the box to say that you have checked who is asking")]
    NotSure,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PersonalError {
    /// The sentence in one language.
    pub fn message(&self, lang: Lang) -> String {
        if !lang.is_en() {
            return self.message_zh();
        }
        let text = self.to_string();
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    fn message_zh(&self) -> String {
        match self {
            PersonalError::Forbidden => "您的角色不能办理此事".to_owned(),
            PersonalError::NotFound => "没有找到这项信息".to_owned(),
            PersonalError::Purpose => "请选择查看的法定事由".to_owned(),
            PersonalError::Reason => format!("请写明理由，{} 至 {} 字", REASON.start(), REASON.end()),
            PersonalError::Comment => "请写明不同意的理由".to_owned(),
            PersonalError::TooMany(limit) => {
                format!("您今天已查看 {limit} 项，达到每日上限；请明天再查，或请同事办理")
            }
            PersonalError::AlreadyAsked => "已经申请过，正在等待审批".to_owned(),
            PersonalError::OwnRequest => "这是您自己的申请，须由同事审批".to_owned(),
            PersonalError::Settled => "这件申请已经审批过，或已过期".to_owned(),
            PersonalError::Query => "请完整填写电话、身份证号、账号或电子邮箱".to_owned(),
            PersonalError::NotSure => "请先核实申请人身份并勾选".to_owned(),
            PersonalError::Db(_) => "系统出了问题，已记录。请稍后再试".to_owned(),
        }
    }

    /// The field that it is about; empty for none.
    pub fn field(&self) -> &'static str {
        match self {
            PersonalError::Purpose => "purpose",
            PersonalError::Reason => "reason",
            PersonalError::Comment => "comment",
            PersonalError::Query => "person",
            PersonalError::NotSure => "sure",
            _ => "",
        }
    }

    /// Whether the form can be mended and sent again.
    pub fn is_mendable(&self) -> bool {
        !matches!(self, PersonalError::Forbidden | PersonalError::NotFound | PersonalError::Db(_))
    }
}

impl From<PersonalError> for Problem {
    fn from(error: PersonalError) -> Problem {
        let (zh, en) = (format!("{}。", error.message(Lang::Zh)), format!("{}.", error.message(Lang::En)));
        match error {
            PersonalError::Forbidden => Problem::forbidden(),
            PersonalError::NotFound => Problem::not_found(),
            PersonalError::TooMany(_) => Problem::new(StatusCode::TOO_MANY_REQUESTS, "personal/too-many", zh, en),
            PersonalError::AlreadyAsked => Problem::conflict("personal/already-asked", zh, en),
            PersonalError::OwnRequest => Problem::conflict("personal/own-request", zh, en),
            PersonalError::Settled => Problem::conflict("personal/settled", zh, en),
            PersonalError::Db(error) => error.into(),
            other => Problem::invalid(vec![FieldError::new(other.field(), "required", zh, en)]),
        }
    }
}
