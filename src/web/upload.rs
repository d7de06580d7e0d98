//! Uploaded files, within the operator's limit, with the form fields that came along.

use std::{
    fs::File,
    future::Future,
    io::{self, Read, Seek, Write},
    path::Path,
    pin::Pin,
};

use actix_multipart::Multipart;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;

use super::{AppState, Problem, SafeForm, extract};

const FIELD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 100;

/// A multipart form with one file.
#[derive(Debug)]
pub struct Upload {
    /// As the sender named it, without any folder.
    pub file_name: String,
    pub bytes: Vec<u8>,
    /// The other fields.
    pub form: SafeForm,
}

impl FromRequest for Upload {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Upload, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { read(&request, payload).await })
    }
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::bad_request(
        format!("上传的内容无法读取：{error}。请重新选择文件再传。"),
        format!("the upload cannot be read: {error}; choose the file again"),
    )
}

/// From this size on an upload that may lie on the disk does.
pub const SPOOLED_FROM: usize = 16 << 20;

/// What is in a file.
#[derive(Debug)]
pub enum Content {
    Bytes(Vec<u8>),
    /// On the disk, where it has no name and goes with its reader.
    Spooled(File),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Content {
        Content::Bytes(bytes)
    }
}

impl Content {
    /// All of it, in memory.
    pub fn read(self) -> io::Result<Vec<u8>> {
        match self {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Spooled(mut file) => {
                let mut bytes = Vec::with_capacity(usize::try_from(file.metadata()?.len()).unwrap_or_default());
                file.rewind()?;
                file.read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

/// Where a file goes that comes in.
struct Sink {
    content: Content,
    len: usize,
}

impl Sink {
    /// For a file of so many bytes, in memory unless there is a folder for what is large.
    fn new(expected: usize, folder: Option<&Path>) -> Result<Sink, Problem> {
        let content = match folder.filter(|_| expected >= SPOOLED_FROM) {
            Some(folder) => Content::Spooled(tempfile::tempfile_in(folder).map_err(|error| no_room(&error))?),
            // A buffer that grew with it would be copied, and its memory taken, twice.
            None => Content::Bytes(Vec::with_capacity(expected)),
        };
        Ok(Sink { content, len: 0 })
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        self.len += chunk.len();
        match &mut self.content {
            Content::Bytes(bytes) => bytes.extend_from_slice(chunk),
            Content::Spooled(file) => file.write_all(chunk).map_err(|error| no_room(&error))?,
        }
        Ok(())
    }
}

/// The disk took no more: a fault of ours, told in the log.
fn no_room(error: &io::Error) -> Problem {
    tracing::error!(%error, "an upload could not be kept on the disk");
    Problem::internal()
}

/// A multipart form with one file or several.
#[derive(Debug)]
pub struct Uploads {
    /// Names, without any folder, and contents; at least one of them is not empty.
    pub files: Vec<(String, Content)>,
    /// The other fields.
    pub form: SafeForm,
}

impl FromRequest for Uploads {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Uploads, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let folder = request.app_data::<web::Data<AppState>>().map(|state| state.directory.clone());
            read_all(&request, payload, FILES_MAX, folder.as_deref()).await
        })
    }
}

/// Files of one form.
const FILES_MAX: usize = 200;

async fn read(request: &HttpRequest, payload: Payload) -> Result<Upload, Problem> {
    let Uploads { mut files, form } = read_all(request, payload, 1, None).await?;
    let (file_name, content) = files.pop().ok_or_else(no_file)?;
    let bytes = content.read().map_err(|error| no_room(&error))?;
    Ok(Upload { file_name, bytes, form })
}

fn too_many(files_max: usize) -> Problem {
    if files_max == 1 {
        return Problem::bad_request("一次只能传一个文件。请分别上传。", "one file at a time; send them one by one");
    }
    Problem::bad_request(
        format!("一次最多传 {files_max} 个文件。请分几次上传，或打成压缩包。"),
        format!("at most {files_max} files at a time; send them in several goes, or as a zip"),
    )
}

fn no_file() -> Problem {
    Problem::bad_request(
        "没有收到文件，或文件是空的。请选择文件再传。",
        "No file was received, or it is empty. Choose a file and send it again.",
    )
}

/// `folder`: where a large file may lie.
async fn read_all(
    request: &HttpRequest,
    payload: Payload,
    files_max: usize,
    folder: Option<&Path>,
) -> Result<Uploads, Problem> {
    let limit = request.app_data::<web::Data<AppState>>().map_or(FIELD_MAX, |state| state.max_upload());
    let declared = request.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit.saturating_add(FIELD_MAX)) {
        return Err(extract::too_large(limit));
    }
    let mut multipart = Multipart::new(request.headers(), payload);
    let mut files: Vec<(String, Sink)> = Vec::new();
    let mut left = limit;
    let mut fields = Vec::new();
    while let Some(field) = multipart.next().await {
        let mut field = field.map_err(broken)?;
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.content_disposition().and_then(|d| d.get_filename()).map(str::to_owned);
        let limit_here = if file_name.is_some() { left } else { FIELD_MAX };
        // Nearly all of a request is its file.
        let expected =
            if file_name.is_some() && files.is_empty() { declared.unwrap_or_default().min(limit) } else { 0 };
        let mut sink = Sink::new(expected, folder.filter(|_| file_name.is_some()))?;
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(broken)?;
            if sink.len + chunk.len() > limit_here {
                return Err(extract::too_large(if file_name.is_some() { limit } else { FIELD_MAX }));
            }
            sink.add(&chunk)?;
        }
        match (file_name, sink) {
            (Some(file_name), sink) if files.len() < files_max => {
                let bare = file_name.rsplit(['/', '\\']).next().unwrap_or_default().chars().take(200).collect();
                left = left.saturating_sub(sink.len);
                files.push((bare, sink));
            }
            (Some(_), _) => return Err(too_many(files_max)),
            (None, Sink { content: Content::Bytes(bytes), .. }) if fields.len() < FIELDS_MAX => {
                fields.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
            (None, _) => {
                return Err(Problem::bad_request(
                    format!("表单的字段超过 {FIELDS_MAX} 个。请从页面上重新提交。"),
                    format!("the form has more than {FIELDS_MAX} fields; send it again from the page"),
                ));
            }
        }
    }
    let form = SafeForm::from_pairs(fields);
    let header = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    extract::check_csrf(request, header.or(Some(form.get("_csrf"))))?;
    // A field in which no file was chosen has no name either; an empty file among others is told of by its name.
    let nothing = files.iter().all(|(_, sink)| sink.len == 0);
    let files = files.into_iter().filter(|(name, sink)| sink.len > 0 || !name.is_empty());
    let files: Vec<(String, Content)> = files.map(|(name, sink)| (name, sink.content)).collect();
    if nothing { Err(no_file()) } else { Ok(Uploads { files, form }) }
}
