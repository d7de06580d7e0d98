//! Forms to which people attach files: several at once, each within a limit, and none of them required.
//!
//! A file that is too large does not take the form with it: its bytes are let go, its size is told, and what was typed stays.

use std::{future::Future, pin::Pin};

use actix_multipart::Multipart;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;

use super::{AppState, Problem, SafeForm, extract};

/// Most bytes of one file; the operator's limit of an upload may be lower.
pub const FILE_MAX: usize = 10 << 20;
/// Most files of one form.
pub const FILES_MAX: usize = 5;

const FIELD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 100;
/// Beyond this nobody reads on: a form of so many bytes was not filled in by a person.
const BODY_MAX: usize = 4 * FILES_MAX * FILE_MAX;

/// One file as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// As the sender named it, without any folder.
    pub name: String,
    /// Empty where the file is larger than its limit.
    pub bytes: Vec<u8>,
    /// How large it is.
    pub size: usize,
}

/// A form with what is attached to it. A form without any file may come as any form does.
#[derive(Debug, Clone, Default)]
pub struct Attached {
    pub form: SafeForm,
    pub files: Vec<Sent>,
    /// Most bytes of one file, as it holds here.
    pub limit: usize,
}

impl FromRequest for Attached {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Attached, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if is_multipart(&request) {
                return read(&request, payload).await;
            }
            let form = SafeForm::from_request(&request, &mut payload).await?;
            Ok(Attached { form, files: Vec::new(), limit: limit(&request) })
        })
    }
}

/// Whether a request says that its body is a form with files.
pub fn is_multipart(request: &HttpRequest) -> bool {
    let of_files = |value: &str| value.trim_start().to_ascii_lowercase().starts_with("multipart/form-data");
    request.headers().get("content-type").and_then(|value| value.to_str().ok()).is_some_and(of_files)
}

fn limit(request: &HttpRequest) -> usize {
    request.app_data::<web::Data<AppState>>().map_or(FILE_MAX, |state| state.max_upload().min(FILE_MAX))
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::bad_request(
        format!("上传的内容无法读取：{error}。请重新选择文件再传。"),
        format!("the upload cannot be read: {error}; choose the files again"),
    )
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Attached, Problem> {
    let limit = limit(request);
    let mut multipart = Multipart::new(request.headers(), payload);
    let (mut files, mut fields, mut taken) = (Vec::<Sent>::new(), Vec::new(), 0_usize);
    while let Some(field) = multipart.next().await {
        let mut field = field.map_err(broken)?;
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.content_disposition().and_then(|d| d.get_filename()).map(str::to_owned);
        // Files beyond the number are counted, and not kept.
        let kept_max = match &file_name {
            Some(_) if files.len() < FILES_MAX => limit,
            Some(_) => 0,
            None => FIELD_MAX,
        };
        let (mut bytes, mut size) = (Vec::new(), 0_usize);
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(broken)?;
            size += chunk.len();
            taken += chunk.len();
            if taken > BODY_MAX {
                return Err(extract::too_large(BODY_MAX));
            }
            if size <= kept_max {
                bytes.extend_from_slice(&chunk);
            } else {
                bytes = Vec::new();
            }
        }
        match file_name {
            // A browser sends a field of files without any as one without a name.
            Some(file_name) if file_name.is_empty() && size == 0 => {}
            Some(file_name) => files.push(Sent { name: bare(&file_name), bytes, size }),
            None if size > FIELD_MAX => return Err(extract::too_large(FIELD_MAX)),
            None if fields.len() < FIELDS_MAX => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                extract::without_nul(&name, &text)?;
                fields.push((name, text));
            }
            None => return Err(broken("too many fields")),
        }
    }
    let form = SafeForm::from_pairs(fields);
    let header = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    extract::check_csrf(request, header.or(Some(form.get("_csrf"))))?;
    Ok(Attached { form, files, limit })
}

/// The name without any folder, of one line.
fn bare(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(150).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_folder_and_one_line() {
        for (sent, kept) in [
            ("发票.pdf", "发票.pdf"),
            ("C:\\Users\\x\\发票.pdf", "发票.pdf"),
            ("../../etc/passwd", "passwd"),
            ("a\r\nb.pdf", "ab.pdf"),
            ("", ""),
        ] {
            assert_eq!(bare(sent), kept, "{sent}");
        }
        assert_eq!(bare(&"长".repeat(300)).chars().count(), 150);
    }
}
