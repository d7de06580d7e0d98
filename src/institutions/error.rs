//! Why something about the register could not be done.

use actix_web::http::StatusCode;

use super::import::{ImportError, UnknownCell};
use crate::{
    db::DbError,
    web::{FieldError, Problem},
};

/// Each says how to mend it; `Display` is the English sentence.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("your role may not do this")]
    Forbidden,
    #[error("there is no such institution or import in your county")]
    NotFound,
    #[error(transparent)]
    File(#[from] ImportError),
    #[error("{bad} rows are refused and nothing was imported; mend them, or import the good rows only")]
    NotClean { bad: usize },
    #[error("no row is good, so there is nothing to import; mend the rows first")]
    NothingGood,
    #[error("a colleague has changed this sheet in the meantime; look at it as it stands now, then go on")]
    Changed,
    #[error("this import is finished; upload the file again to import more")]
    Settled,
    #[error("{0}; reload the page and mend the cell there")]
    Cell(#[from] UnknownCell),
    #[error("institutions are kept by their county's bureau; sign in there to import them")]
    NotACounty,
    #[error("some fields are wrong")]
    Invalid(Vec<FieldError>),
    #[error("the region is not your county's; leave it out or give your own")]
    OtherRegion,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl RegisterError {
    /// The sentence in Chinese.
    pub fn message_zh(&self) -> String {
        match self {
            RegisterError::Forbidden => "您的角色不能办理此事".into(),
            RegisterError::NotFound => "本县没有这家机构或这次导入".into(),
            RegisterError::File(error) => error.message_zh(),
            RegisterError::NotClean { bad } => format!("有 {bad} 行不合格，没有导入任何一行；请改正，或只导入合格的行"),
            RegisterError::NothingGood => "没有合格的行，无可导入；请先改正".into(),
            RegisterError::Changed => "同事刚刚改过这张表；请看现在的内容再继续".into(),
            RegisterError::Settled => "这次导入已经结束；要再导入请重新上传".into(),
            RegisterError::Cell(cell) => format!("表中没有第 {} 行“{}”这一格；请刷新页面后再改", cell.row, cell.column),
            RegisterError::NotACounty => "机构由所在县（市、区）教育局导入；请用该局账号登录".into(),
            RegisterError::Invalid(_) => "有的内容须改正".into(),
            RegisterError::OtherRegion => "行政区划不是本县；请去掉，或填本县代码".into(),
            RegisterError::Db(_) => "数据库出错，没有保存".into(),
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Problem {
        let (zh, en) = (error.message_zh(), error.to_string());
        let unprocessable = |kind| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, zh.clone(), en.clone());
        match error {
            RegisterError::Forbidden => Problem::forbidden(),
            RegisterError::Invalid(errors) => Problem::invalid(errors),
            RegisterError::NotFound => Problem::not_found(),
            RegisterError::File(file) => unprocessable("institutions/file").with_errors(vec![FieldError::new(
                "file",
                file.code(),
                zh.clone(),
                en.clone(),
            )]),
            RegisterError::NotClean { .. } => unprocessable("institutions/not-clean"),
            RegisterError::NothingGood => unprocessable("institutions/nothing-good"),
            RegisterError::Cell(_) => unprocessable("institutions/unknown-cell"),
            RegisterError::OtherRegion => unprocessable("institutions/other-region")
                .with_errors(vec![FieldError::new("region", "OTHER_REGION", zh.clone(), en.clone())]),
            RegisterError::Changed => Problem::conflict("institutions/changed", zh, en),
            RegisterError::Settled => Problem::conflict("institutions/settled", zh, en),
            RegisterError::NotACounty => Problem::new(StatusCode::FORBIDDEN, "institutions/not-a-county", zh, en),
            RegisterError::Db(error) => error.into(),
        }
    }
}
