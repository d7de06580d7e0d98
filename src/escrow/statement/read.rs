//! The way in: one file, or a zip of files.

use serde::Serialize;

use super::{
    archive::{self, Content},
    detect,
    error::{Place, StatementError},
    model::{Document, Format, Limits},
};

/// What a file turned out to be; serialised, a document or an array of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum File {
    One(Document),
    /// A zip, read as its members.
    Members(Vec<Document>),
}

impl File {
    /// The documents, whatever they came in.
    pub fn documents(&self) -> &[Document] {
        match self {
            File::One(document) => std::slice::from_ref(document),
            File::Members(documents) => documents,
        }
    }

    /// Whether some statement's arithmetic does not hold.
    pub fn is_unbalanced(&self) -> bool {
        self.documents().iter().any(Document::is_unbalanced)
    }
}

/// Reads one statement file, or a zip that holds just one.
///
/// `name` tells `csv` from `txt`; `format` is detected when absent. Fails as a whole, with the place and the mend.
pub fn parse(name: &str, bytes: &[u8], format: Option<Format>, limits: &Limits) -> Result<Document, StatementError> {
    match parse_file(name, bytes, format, limits)? {
        File::One(document) => Ok(document),
        File::Members(mut documents) => match (documents.pop(), documents.is_empty()) {
            (Some(document), true) => Ok(document),
            _ => Err(StatementError::new(
                Place::File,
                "SEVERAL",
                ("压缩包中有多个对账单", "the zip holds several statements"),
                ("请一次提交一个对账单文件", "give one statement file at a time"),
            )),
        },
    }
}

/// Reads one statement file, or every member of a zip. One member that cannot be read refuses the whole zip; a zip in
/// a zip is refused.
pub fn parse_file(name: &str, bytes: &[u8], format: Option<Format>, limits: &Limits) -> Result<File, StatementError> {
    if !detect::is_zip(bytes) {
        return detect::document(name, bytes, format, None, limits).map(File::One);
    }
    let members = match archive::open(bytes, limits)? {
        Content::Workbook { largest } => {
            return detect::document(name, bytes, format, Some(largest), limits).map(File::One);
        }
        Content::Members(members) => members,
    };
    let mut limits = limits.clone();
    let mut documents = Vec::with_capacity(members.len());
    for (member, bytes) in members {
        let named = |error| StatementError { member: Some(member.clone()), ..error };
        let mut document = self::member(&member, &bytes, format, &limits).map_err(named)?;
        limits.spend(document.statements.iter());
        document.member = Some(member);
        documents.push(document);
    }
    Ok(File::Members(documents))
}

fn member(name: &str, bytes: &[u8], format: Option<Format>, limits: &Limits) -> Result<Document, StatementError> {
    if !detect::is_zip(bytes) {
        return detect::document(name, bytes, format, None, limits);
    }
    match archive::open(bytes, limits)? {
        Content::Workbook { largest } => detect::document(name, bytes, format, Some(largest), limits),
        Content::Members(_) => Err(StatementError::new(
            Place::File,
            "NESTED_ZIP",
            ("压缩包中还有压缩包", "there is a zip inside the zip"),
            ("请把对账单直接放入压缩包", "put the statements into one zip directly"),
        )),
    }
}
