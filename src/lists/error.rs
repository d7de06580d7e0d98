//! Why a step on the lists was not proposed or decided.

use actix_web::http::StatusCode;

use crate::{
    approvals::ApprovalError,
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
    #[error("another step about this institution was approved in the same go; decide this one by itself")]
    OneAtATime,
    #[error("choose the ground of the blacklisting")]
    GroundMissing,
    #[error("only a blacklisting has a ground; leave it out")]
    GroundNotApplicable,
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ListError {
    /// The field of a form that must be mended, if it is one.
    pub fn field(&self) -> &'static str {
        match self {
            ListError::Approval(ApprovalError::ReasonMissing | ApprovalError::TooLong(_)) => "reason",
            ListError::GroundMissing | ListError::GroundNotApplicable => "ground",
            _ => "",
        }
    }

    /// The sentence in one language.
    pub fn message(&self, lang: Lang) -> String {
        match self {
            ListError::Approval(error) => error.message(lang),
            _ if lang.is_en() => self.to_string(),
            _ => self.message_zh(),
        }
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
            ListError::OneAtATime => "同一机构的另一事项刚刚同意；请单独审批这一件",
            ListError::Approval(error) => return error.message(Lang::Zh),
            ListError::GroundMissing => "列入黑名单须选择情形",
            ListError::GroundNotApplicable => "只有列入黑名单才有情形；请去掉",
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
            ListError::OneAtATime => Problem::conflict("lists/one-at-a-time", zh, en),
            ListError::Approval(error) => error.into(),
            ListError::GroundMissing => field("ground", "REQUIRED"),
            ListError::GroundNotApplicable => field("ground", "NOT_APPLICABLE"),
            ListError::Db(error) => error.into(),
        }
    }
}
