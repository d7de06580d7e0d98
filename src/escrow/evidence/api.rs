//! Documents over HTTP: the file itself, and steps that carry files.

use actix_web::{FromRequest, HttpRequest, HttpResponse, http::header::HeaderName, web};
use serde::{Deserialize, Serialize};

use super::{
    commands,
    model::{Attachment, FileKind},
};
use crate::{
    escrow::model::{Conclusion, Step},
    identity::{Action, Caller},
    web::{
        Access, FieldError, Input, Problem, Route,
        attached::{self, Attached, Sent},
        page::State,
    },
};

/// Its routes.
pub fn routes() -> Vec<Route> {
    vec![Route::get("/api/v1/warnings/{id}/documents/{document}", Access::May(Action::ReadEscrow), || {
        web::get().to(download)
    })]
}

/// A document as the API tells of it.
#[derive(Debug, Serialize)]
pub struct DocumentView {
    id: i64,
    /// Null once it was erased.
    name: Option<String>,
    kind: FileKind,
    bytes: i32,
    sha256: String,
    erased: bool,
}

impl DocumentView {
    /// As the institution reads it (`own`), or as an official does.
    pub fn of(document: &Attachment, own: bool) -> DocumentView {
        DocumentView {
            id: document.id,
            name: document.called(own),
            kind: document.kind,
            bytes: document.size_bytes,
            sha256: hex::encode(&document.sha256),
            erased: document.erased_at.is_some(),
        }
    }
}

/// The file, for whoever may read the action that it belongs to. It is saved and not shown, so that nothing in it acts on
/// a page of ours.
pub(super) async fn download(
    state: State,
    caller: Caller,
    path: web::Path<(i64, i64)>,
) -> Result<HttpResponse, Problem> {
    let (warning, id) = path.into_inner();
    let (document, bytes) = commands::read(&state, &caller, warning, id).await?;
    let name = document.called(caller.actor.role.is_institution()).unwrap_or_default();
    let plain = document.kind.named(&format!("document-{id}"));
    let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
    Ok(HttpResponse::Ok()
        .content_type(document.kind.media_type())
        .insert_header(("content-disposition", format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")))
        .insert_header(("content-security-policy", "sandbox; default-src 'none'"))
        .insert_header((HeaderName::from_static("x-download-options"), "noopen"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        .body(bytes))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionRequest {
    action: Step,
    #[serde(default)]
    comment: String,
    version: Option<i32>,
    to: Option<i64>,
    conclusion: Option<Conclusion>,
}

/// A step about a warning as a program sends it: JSON, or a form with the same fields and files named `file`.
#[derive(Debug)]
pub struct Asked {
    pub action: Step,
    pub comment: String,
    /// The version of the warning that the caller has read; one that has changed since is refused with 409.
    pub version: Option<i32>,
    /// The post of the colleague, for `hand_over`.
    pub to: Option<i64>,
    /// For `resolve`: whether it was `founded`, or `unfounded` and a false alarm.
    pub conclusion: Option<Conclusion>,
    pub files: Vec<Sent>,
    pub limit: usize,
}

impl Asked {
    /// Reads it off a request.
    pub async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Asked, Problem> {
        let mut payload = payload.into_inner();
        if attached::is_multipart(request) {
            return of_form(Attached::from_request(request, &mut payload).await?);
        }
        let Input(asked) = Input::<ActionRequest>::from_request(request, &mut payload).await?;
        let ActionRequest { action, comment, version, to, conclusion } = asked;
        Ok(Asked { action, comment, version, to, conclusion, files: Vec::new(), limit: 0 })
    }
}

fn of_form(sent: Attached) -> Result<Asked, Problem> {
    let wrong = |path: &str, zh: &str, en: &str| Problem::invalid(vec![FieldError::new(path, path, zh, en)]);
    let known = ["action", "comment", "version", "to", "conclusion", "_csrf"];
    if let Some((name, _)) = sent.form.pairs().iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(wrong(name, "没有这个字段", "there is no such field"));
    }
    let number = |name: &str| match sent.form.get(name) {
        "" => Ok(None),
        text => text.parse::<i64>().map(Some).map_err(|_| wrong(name, "应为整数", "a whole number")),
    };
    let version = number("version")?.map(i32::try_from).transpose();
    Ok(Asked {
        action: sent.form.get("action").parse().map_err(|_| {
            let known = "acknowledge explain investigate resolve escalate note hand_over";
            wrong("action", &format!("须为以下之一：{known}"), &format!("one of {known}"))
        })?,
        comment: sent.form.get("comment").to_owned(),
        version: version.map_err(|_| wrong("version", "应为整数", "a whole number"))?,
        to: number("to")?,
        conclusion: match sent.form.get("conclusion") {
            "" => None,
            said => Some(
                said.parse().map_err(|_| wrong("conclusion", "须为 founded 或 unfounded", "founded or unfounded"))?,
            ),
        },
        files: sent.files,
        limit: sent.limit,
    })
}
