//! Errors on their way out: RFC 9457 for programs, a page for people.
//!
//! Handlers return [`Problem`]; the gate turns it into a page where a person asked. What PostgreSQL or the file system
//! said is logged with the request's id and never shown.

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::db::DbError;

/// One thing wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where, e.g. `course.sessions[0].end` or the name of a form field.
    pub path: String,
    pub rule: String,
    pub message_zh: String,
    pub message_en: String,
}

impl FieldError {
    /// One error of a field.
    pub fn new(path: &str, rule: &str, zh: impl Into<String>, en: impl Into<String>) -> FieldError {
        FieldError { path: path.to_owned(), rule: rule.to_owned(), message_zh: zh.into(), message_en: en.into() }
    }
}

/// An answer that is not what was asked for.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    /// Last part of the `type` URI, e.g. `escrow/entry-conflict`.
    pub kind: &'static str,
    pub detail_zh: String,
    pub detail_en: String,
    pub errors: Vec<FieldError>,
    /// More members of the problem document, e.g. both versions of a conflict.
    pub more: Option<serde_json::Value>,
    /// Fields of a form that was too old, for sending them once more from the page that says so.
    pub kept: Vec<(String, String)>,
    /// Seconds after which to try again.
    pub retry_after_s: Option<i64>,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.kind, self.detail_en)
    }
}

impl Problem {
    /// Any problem.
    pub fn new(status: StatusCode, kind: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem {
            status,
            kind,
            detail_zh: zh.into(),
            detail_en: en.into(),
            errors: Vec::new(),
            more: None,
            kept: Vec::new(),
            retry_after_s: None,
        }
    }

    /// 404, also for what lies outside the caller's scope.
    pub fn not_found() -> Problem {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "没有找到。请核对地址或编号。",
            "Not found. Check the address or the number.",
        )
    }

    /// 401: nobody is signed in.
    pub fn unauthorized() -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "请先登录。", "Sign in first.")
    }

    /// 403: signed in, but the role may not do this.
    pub fn forbidden() -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "forbidden", "您的角色不能办理此事。", "Your role may not do this.")
    }

    /// 400: the request cannot be read.
    pub fn bad_request(zh: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", zh, en)
    }

    /// 429: the next attempt is taken after a while.
    pub fn too_many(wait: chrono::Duration) -> Problem {
        let seconds = wait.num_seconds().max(0) + 1;
        let minutes = (seconds + 59) / 60;
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-attempts",
            format!("尝试次数过多，请在 {minutes} 分钟后再试。"),
            format!("Too many attempts. Try again in {minutes} min."),
        );
        problem.retry_after_s = Some(seconds);
        problem
    }

    /// 409: what is there does not allow it.
    pub fn conflict(kind: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, kind, zh, en)
    }

    /// 422: read, but not right; one entry a fault.
    pub fn invalid(errors: Vec<FieldError>) -> Problem {
        let mut problem = Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "有几处须改正，见下。",
            "Some fields need mending, see below.",
        );
        problem.errors = errors;
        problem
    }

    /// With errors of fields.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Problem {
        self.errors = errors;
        self
    }

    /// With more members in the problem document.
    pub fn with_more(mut self, more: serde_json::Value) -> Problem {
        match (&mut self.more, more) {
            (Some(serde_json::Value::Object(kept)), serde_json::Value::Object(more)) => kept.extend(more),
            (kept, more) => *kept = Some(more),
        }
        self
    }

    /// The document of RFC 9457; details in both languages.
    pub fn document(&self) -> serde_json::Value {
        let errors: Vec<_> = self
            .errors
            .iter()
            .map(|e| json!({"path": e.path, "rule": e.rule, "message": format!("{} {}", e.message_zh, e.message_en), "message_zh": e.message_zh, "message_en": e.message_en}))
            .collect();
        let mut document = json!({
            "type": format!("/problems/{}", self.kind),
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail_en,
            "detail_zh": self.detail_zh,
        });
        if !errors.is_empty() {
            document["errors"] = json!(errors);
        }
        if let (Some(object), Some(serde_json::Value::Object(more))) = (document.as_object_mut(), self.more.clone()) {
            object.extend(more);
        }
        document
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after_s {
            response.insert_header(("retry-after", seconds.to_string()));
        }
        response.content_type("application/problem+json").json(self.document())
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Problem {
        match error {
            DbError::Diesel(diesel::result::Error::NotFound) => Problem::not_found(),
            DbError::Pool(reason) => {
                tracing::error!(%reason, "no database connection");
                Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "database-unavailable",
                    "数据库暂时连不上，请稍后再试。已填内容没有保存。",
                    "The database cannot be reached for the moment; try again shortly. Nothing was saved.",
                )
            }
            other => {
                tracing::error!(error = ?other, "database error");
                Problem::internal()
            }
        }
    }
}

impl Problem {
    /// 500: our fault; the log has the rest.
    pub fn internal() -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "系统出了问题，已记录。请稍后再试。",
            "Something went wrong on our side and was logged. Try again shortly.",
        )
    }
}
