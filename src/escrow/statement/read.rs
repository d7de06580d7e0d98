//! The way in: one file, or a zip of files.

use serde::Serialize;

use super::{
    archive::{self, Content},
    detect,
    error::{Place, StatementError},
    layout::Layout,
    model::{Document, Format, Limits},
    mt940,
    table::{self, Peeked},
    text,
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
/// `name` tells `csv` from `txt`; `format` is detected when absent; a table whose header one of `layouts` knows is read
/// as that says. Fails as a whole, with the place and the mend.
pub fn parse(
    name: &str,
    bytes: &[u8],
    format: Option<Format>,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<Document, StatementError> {
    match parse_file(name, bytes, format, layouts, limits)? {
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
pub fn parse_file(
    name: &str,
    bytes: &[u8],
    format: Option<Format>,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<File, StatementError> {
    if !detect::is_zip(bytes) {
        return detect::document(name, bytes, format, None, layouts, limits).map(File::One);
    }
    let members = match archive::open(bytes, limits)? {
        Content::Workbook { largest } => {
            return detect::document(name, bytes, format, Some(largest), layouts, limits).map(File::One);
        }
        Content::Members(members) => members,
    };
    let mut limits = limits.clone();
    let mut documents = Vec::with_capacity(members.len());
    for (member, bytes) in members {
        let named = |error| StatementError { member: Some(member.clone()), ..error };
        let mut document = self::member(&member, &bytes, format, layouts, &limits).map_err(named)?;
        limits.spend(document.statements.iter());
        document.member = Some(member);
        documents.push(document);
    }
    Ok(File::Members(documents))
}

/// A file as it lies in a zip, or one that is none: its name there, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `None` for the file itself.
    pub name: Option<String>,
    pub bytes: Vec<u8>,
}

/// The files that a file is: itself, or the members of a zip, so that each can be taken or refused by itself.
pub fn members(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<Member>, StatementError> {
    if !detect::is_zip(&bytes) || archive::is_workbook(&bytes) {
        return Ok(vec![Member { name: None, bytes }]);
    }
    match archive::open(&bytes, limits)? {
        Content::Workbook { .. } => Ok(vec![Member { name: None, bytes }]),
        Content::Members(members) => {
            Ok(members.into_iter().map(|(name, bytes)| Member { name: Some(name), bytes }).collect())
        }
    }
}

impl Member {
    /// Bytes that a workbook inside a zip says it unpacks to, none for any other file.
    ///
    /// Fails on a zip within a zip. What lies about its size is refused when it is read within what it said.
    pub fn claimed_bytes(&self) -> Result<Option<u64>, StatementError> {
        if self.name.is_none() || !detect::is_zip(&self.bytes) {
            return Ok(None);
        }
        if archive::is_workbook(&self.bytes) { Ok(Some(archive::claimed_bytes(&self.bytes))) } else { Err(nested()) }
    }
}

/// The first rows of a table, and which of them seems to be its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    pub sheet: Option<String>,
    /// Without blank rows; each with its number as an editor or a spreadsheet counts.
    pub rows: Vec<(u64, Vec<String>)>,
    /// Number of the row that looks most like a header.
    pub header: u64,
}

impl Peek {
    /// The account that the rows name, as they write it.
    pub fn account(&self) -> Option<String> {
        table::account_in(&self.rows, self.header)
    }
}

/// Looks into a table without understanding it; `None` for what is no table of at least three columns.
///
/// Of a workbook the sheet `sheet`, else the one whose header is likeliest.
pub fn peek(bytes: &[u8], sheet: Option<&str>, limits: &Limits) -> Result<Option<Peek>, StatementError> {
    let found = if detect::is_zip(bytes) {
        match archive::open(bytes, limits)? {
            Content::Workbook { largest } => table::peek_xlsx(bytes, largest, limits)?,
            Content::Members(_) => Vec::new(),
        }
    } else if detect::is_compound(bytes) {
        table::peek_xls(bytes, limits)?
    } else if detect::looks_like_xml(bytes) {
        Vec::new()
    } else {
        let (content, _) = text::decode(bytes, false)?;
        if mt940::looks_like(&content) { Vec::new() } else { table::peek_text(&content, limits)? }
    };
    let wanted = |found: &Peeked| sheet.is_none() || found.sheet.as_deref() == sheet;
    let likely = found.into_iter().filter(wanted).filter_map(|found| {
        let wide = found.rows.iter().filter(|(_, cells)| cells.len() >= COLUMNS_LEAST);
        // The first of equals.
        let (likeness, header) =
            wide.rev().map(|(number, cells)| (table::likeness(cells), *number)).max_by_key(|l| l.0)?;
        Some((likeness, Peek { sheet: found.sheet, rows: found.rows, header }))
    });
    Ok(likely.max_by_key(|(likeness, _)| *likeness).map(|(_, peek)| peek))
}

/// A date, an amount and something to know the line by.
const COLUMNS_LEAST: usize = 3;

fn member(
    name: &str,
    bytes: &[u8],
    format: Option<Format>,
    layouts: &[Layout],
    limits: &Limits,
) -> Result<Document, StatementError> {
    if !detect::is_zip(bytes) {
        return detect::document(name, bytes, format, None, layouts, limits);
    }
    match archive::open(bytes, limits)? {
        Content::Workbook { largest } => detect::document(name, bytes, format, Some(largest), layouts, limits),
        Content::Members(_) => Err(nested()),
    }
}

fn nested() -> StatementError {
    StatementError::new(
        Place::File,
        "NESTED_ZIP",
        ("压缩包中还有压缩包", "there is a zip inside the zip"),
        ("请把对账单直接放入压缩包", "put the statements into one zip directly"),
    )
}
