//! Why a step on the lists was not proposed or decided.

use actix_web::http::StatusCode;

use crate::{
    db::DbError,
    kernel::{Finding, finding::Severity},
    web::{FieldError, Lang, Problem},
};

/// Each says how to mend it; `Display` is the English sentence, [`ListError::message`] either.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("there is no such institution or proposal in your county")]
    NotFound,
    #[error("the rules do not allow this step: {}", .0.iter().map(|f| f.message_en.as_str()).collect::<Vec<_>>().join("; "))]
    Blocked(Vec<Finding>),
    #[error("the same step is proposed already and waits for a colleague's decision")]
    AlreadyPending,
    #[error("you proposed this yourself; a colleague must decide it")]
    OwnProposal,
    #[error("the proposal ran out after 7 days without a decision; propose it again")]
    Expired,
    #[error("the proposal is decided already; reload the page")]
    AlreadyDecided,
    #[error("give the reason; it becomes part of the record and parents may read it")]
    ReasonMissing,
    #[error("the reason or comment is longer than 500 characters; shorten it")]
    TooLong,
    #[error("choose the ground of the blacklisting")]
    GroundMissing,
    #[error("only a blacklisting has a ground; leave it out")]
    GroundNotApplicable,
    #[error("say why the proposal is rejected; its author reads it")]
    CommentMissing,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for ListError {
    fn from(error: diesel::result::Error) -> Self {
        ListError::Db(error.into())
    }
}

impl ListError {
    /// The field of a form that must be mended, if it is one.
    pub fn field(&self) -> &'static str {
        match self {
            ListError::ReasonMissing | ListError::TooLong => "reason",
            ListError::GroundMissing | ListError::GroundNotApplicable => "ground",
            ListError::CommentMissing => "comment",
            _ => "",
        }
    }

    /// The sentence in one language.
    pub fn message(&self, lang: Lang) -> String {
        if lang.is_en() { self.to_string() } else { self.message_zh() }
    }

    fn message_zh(&self) -> String {
        match self {
            ListError::Forbidden => "您的角色不能办理此事",
            ListError::NotFound => "本县没有这家机构或这件提议",
            ListError::Blocked(findings) => {
                let told: Vec<&str> = findings
                    .iter()
                    .filter(|finding| finding.severity == Severity::Block)
                    .map(|finding| finding.message_zh.as_str())
                    .collect();
                return format!("不符合条件：{}", told.join("；"));
            }
            ListError::AlreadyPending => "同样的提议已经在等同事审批，不用重复提议",
            ListError::OwnProposal => "这是您自己提议的，须由另一位同事审批",
            ListError::Expired => "提议满 7 天没有审批，已经失效；请重新提议",
            ListError::AlreadyDecided => "这件提议已经审批过了；请刷新页面",
            ListError::ReasonMissing => "请写明理由；理由记入档案，家长可能看到",
            ListError::TooLong => "理由或意见超过 500 字；请缩短",
            ListError::GroundMissing => "列入黑名单须选择情形",
            ListError::GroundNotApplicable => "只有列入黑名单才有情形；请去掉",
            ListError::CommentMissing => "不同意时请写明原因，提议人会看到",
            ListError::Db(_) => "数据库出错，没有保存",
        }
        .to_owned()
    }
}

/// A blocking finding as an error of a field.
fn field_error(finding: &Finding) -> FieldError {
    let zh = format!("{}。{}。", finding.message_zh, finding.fix_zh);
    let en = format!("{}. {}.", finding.message_en, finding.fix_en);
    FieldError::new(&finding.path, &finding.rule, zh, en)
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Problem {
        let (zh, en) = (error.message(Lang::Zh), error.message(Lang::En));
        let field = |path: &str, rule: &str| {
            let (zh, en) = (zh.clone(), en.clone());
            Problem::invalid(vec![FieldError::new(path, rule, zh, en)])
        };
        match error {
            ListError::Forbidden => Problem::forbidden(),
            ListError::NotFound => Problem::not_found(),
            ListError::Blocked(findings) => {
                let errors = findings.iter().filter(|f| f.severity == Severity::Block).map(field_error).collect();
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "lists/not-allowed", zh, en)
                    .with_errors(errors)
                    .with_more(serde_json::json!({ "findings": findings }))
            }
            ListError::AlreadyPending => Problem::conflict("lists/already-pending", zh, en),
            ListError::OwnProposal => Problem::new(StatusCode::FORBIDDEN, "lists/own-proposal", zh, en),
            ListError::Expired => Problem::conflict("lists/expired", zh, en),
            ListError::AlreadyDecided => Problem::conflict("lists/already-decided", zh, en),
            ListError::ReasonMissing => field("reason", "REQUIRED"),
            ListError::TooLong => field("reason", "TOO_LONG"),
            ListError::GroundMissing => field("ground", "REQUIRED"),
            ListError::GroundNotApplicable => field("ground", "NOT_APPLICABLE"),
            ListError::CommentMissing => field("comment", "REQUIRED"),
            ListError::Db(error) => error.into(),
        }
    }
}
