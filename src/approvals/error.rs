//! Why a proposal is not made or not decided.

use actix_web::http::StatusCode;

use crate::{
    db::DbError,
    web::{FieldError, Lang, Problem},
};

/// A refusal; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("there is no such proposal in your bureau")]
    NotFound,
    #[error("the same is proposed already and waits for a colleague's decision")]
    AlreadyPending,
    #[error("you proposed this yourself; a colleague must decide it")]
    OwnProposal,
    #[error("only the one who proposed it takes it back; reject it instead")]
    NotYours,
    #[error("the proposal ran out without a decision; propose it again")]
    Expired,
    /// By whom, where that is known.
    #[error("the proposal is decided already{}; reload the page", .0.as_ref().map(|by| format!(" by {by}")).unwrap_or_default())]
    AlreadyDecided(Option<String>),
    #[error("give the reason; it becomes part of the record")]
    ReasonMissing,
    #[error("say why the proposal is rejected; its author reads it")]
    CommentMissing,
    /// In which field.
    #[error("the reason or comment is longer than 500 characters; shorten it")]
    TooLong(&'static str),
    /// What the feature says.
    #[error("{}", .0.detail_en)]
    Refused(Box<Problem>),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ApprovalError {
    /// The sentence in one language.
    pub fn message(&self, lang: Lang) -> String {
        match self {
            ApprovalError::Refused(problem) => match problem.errors.first() {
                Some(first) => lang.t(&first.message_zh, &first.message_en).to_owned(),
                None => lang.t(&problem.detail_zh, &problem.detail_en).to_owned(),
            },
            _ if lang.is_en() => self.to_string(),
            _ => self.message_zh(),
        }
    }

    fn message_zh(&self) -> String {
        match self {
            ApprovalError::Forbidden => "您的角色不能办理此事",
            ApprovalError::NotFound => "本局没有这件提议",
            ApprovalError::AlreadyPending => "同样的提议已经在等同事审批，不用重复提议",
            ApprovalError::OwnProposal => "这是您自己提议的，须由另一位同事审批",
            ApprovalError::NotYours => "只有提议人能撤回；您可以不同意",
            ApprovalError::Expired => "提议到期没有审批，已经失效；请重新提议",
            ApprovalError::AlreadyDecided(None) => "这件提议已经办结；请刷新页面",
            ApprovalError::AlreadyDecided(Some(by)) => return format!("这件提议已由{by}审批；请刷新页面"),
            ApprovalError::ReasonMissing => "请写明理由；理由记入档案",
            ApprovalError::CommentMissing => "不同意时请写明原因，提议人会看到",
            ApprovalError::TooLong(_) => "理由或意见超过 500 字；请缩短",
            ApprovalError::Refused(problem) => return problem.detail_zh.clone(),
            ApprovalError::Db(_) => "数据库出错，没有保存",
        }
        .to_owned()
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Problem {
        let (zh, en) = (error.message(Lang::Zh), error.message(Lang::En));
        let forbidden = |kind, zh, en| Problem::new(StatusCode::FORBIDDEN, kind, zh, en);
        match error {
            ApprovalError::Forbidden => Problem::forbidden(),
            ApprovalError::NotFound => Problem::not_found(),
            ApprovalError::AlreadyPending => Problem::conflict("approvals/already-pending", zh, en),
            ApprovalError::OwnProposal => forbidden("approvals/own-proposal", zh, en),
            ApprovalError::NotYours => forbidden("approvals/not-yours", zh, en),
            ApprovalError::Expired => Problem::conflict("approvals/expired", zh, en),
            ApprovalError::AlreadyDecided(_) => Problem::conflict("approvals/already-decided", zh, en),
            ApprovalError::ReasonMissing => Problem::invalid(vec![FieldError::new("reason", "REQUIRED", zh, en)]),
            ApprovalError::CommentMissing => Problem::invalid(vec![FieldError::new("comment", "REQUIRED", zh, en)]),
            ApprovalError::TooLong(path) => Problem::invalid(vec![FieldError::new(path, "TOO_LONG", zh, en)]),
            ApprovalError::Refused(problem) => *problem,
            ApprovalError::Db(error) => error.into(),
        }
    }
}
