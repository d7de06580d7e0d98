//! Uploaded files, within the operator's limit, with the form fields that came along.

use std::{
    fs::File,
    future::Future,
    io::{Seek, Write},
    pin::Pin,
};

use actix_multipart::Multipart;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;

use super::{AppState, Problem, SafeForm, extract};
use crate::db::DbError;

const FIELD_MAX: usize = 64 * 1024;
const FIELDS_MAX: usize = 100;

/// From this size on a file that may lie on the disk does.
const SPOOLED_FROM: usize = 16 << 20;

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

/// The same for who can read a file that lies on the disk, as a large one does: it has no name there and goes with its reader.
#[derive(Debug)]
pub struct Spooling {
    /// Without the bytes of a file that is spooled.
    pub upload: Upload,
    pub spooled: Option<File>,
}

impl FromRequest for Spooling {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Spooling, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (upload, spooled) = receive(&request, payload, SPOOLED_FROM).await?;
            Ok(Spooling { upload, spooled })
        })
    }
}

/// Where the bytes of a file go.
enum Sink {
    Memory(Vec<u8>),
    Disk(File, usize),
}

impl Sink {
    fn len(&self) -> usize {
        match self {
            Sink::Memory(bytes) => bytes.len(),
            Sink::Disk(_, written) => *written,
        }
    }

    fn add(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        match self {
            Sink::Memory(bytes) => bytes.extend_from_slice(chunk),
            Sink::Disk(file, written) => {
                file.write_all(chunk).map_err(spooling)?;
                *written += chunk.len();
            }
        }
        Ok(())
    }
}

/// The disk took no more: a fault of ours.
fn spooling(error: std::io::Error) -> Problem {
    Problem::from(DbError::Pool(format!("an upload could not be kept on the disk: {error}")))
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::bad_request(
        format!("上传的内容无法读取：{error}。请重新选择文件再传。"),
        format!("the upload cannot be read: {error}; choose the file again"),
    )
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Upload, Problem> {
    Ok(receive(request, payload, usize::MAX).await?.0)
}

/// Takes in a form; its file lies on the disk where the request is of `spooled_from` bytes or more.
async fn receive(
    request: &HttpRequest,
    payload: Payload,
    spooled_from: usize,
) -> Result<(Upload, Option<File>), Problem> {
    let limit = request.app_data::<web::Data<AppState>>().map_or(FIELD_MAX, |state| state.max_upload());
    let declared = request.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit.saturating_add(FIELD_MAX)) {
        return Err(extract::too_large(limit));
    }
    let mut multipart = Multipart::new(request.headers(), payload);
    let mut file: Option<(String, Sink)> = None;
    let mut fields = Vec::new();
    while let Some(field) = multipart.next().await {
        let mut field = field.map_err(broken)?;
        let name = field.name().unwrap_or_default().to_owned();
        let file_name = field.content_disposition().and_then(|d| d.get_filename()).map(str::to_owned);
        let limit_here = if file_name.is_some() { limit } else { FIELD_MAX };
        // Nearly all of a request is its file. A buffer that grew with it would be copied, and its memory taken, twice.
        let expected = if file_name.is_some() { declared.unwrap_or_default().min(limit) } else { 0 };
        let mut sink = match request.app_data::<web::Data<AppState>>() {
            Some(state) if expected >= spooled_from => {
                Sink::Disk(tempfile::tempfile_in(&state.directory).map_err(spooling)?, 0)
            }
            _ => Sink::Memory(Vec::with_capacity(expected)),
        };
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(broken)?;
            if sink.len() + chunk.len() > limit_here {
                return Err(extract::too_large(limit_here));
            }
            sink.add(&chunk)?;
        }
        match (file_name, sink) {
            (Some(file_name), sink) if file.is_none() => {
                let bare = file_name.rsplit(['/', '\\']).next().unwrap_or_default().chars().take(200).collect();
                file = Some((bare, sink));
            }
            (Some(_), _) => return Err(broken("一次只传一个文件 one file at a time")),
            (None, Sink::Memory(bytes)) if fields.len() < FIELDS_MAX => {
                fields.push((name, String::from_utf8_lossy(&bytes).into_owned()));
            }
            (None, _) => return Err(broken("too many fields")),
        }
    }
    let form = SafeForm::from_pairs(fields);
    let header = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
    extract::check_csrf(request, header.or(Some(form.get("_csrf"))))?;
    let (file_name, sink) = file.filter(|(_, sink)| sink.len() > 0).ok_or_else(|| {
        Problem::bad_request(
            "没有收到文件，或文件是空的。请选择文件再传。",
            "No file was received, or it is empty. Choose a file and send it again.",
        )
    })?;
    match sink {
        Sink::Memory(bytes) => Ok((Upload { file_name, bytes, form }, None)),
        Sink::Disk(mut spooled, _) => {
            spooled.rewind().map_err(spooling)?;
            Ok((Upload { file_name, bytes: Vec::new(), form }, Some(spooled)))
        }
    }
}
