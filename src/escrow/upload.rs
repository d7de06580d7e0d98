//! Statement files from a person's hands, a program or a folder into the books: one way for all of them.
//!
//! Each file, and each member of a zip, stands for itself: the good ones go in, what is wrong with the others is told.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    drafts,
    ingest::{self, Delivery, Incoming, IngestError, LargeFile, Received, Target},
    layouts, oversight,
    statement::{self, Document, Format, Layout, Limits, Member, StatementError},
};
use crate::{
    db::DbError,
    identity::{Action, Caller, may},
    web::{AppState, Problem, upload::Content},
};

/// So much of a large file is looked through for the account that it names.
const BEGINNING: u64 = 1 << 20;

/// What is done with a table whose columns are not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unclear {
    /// It is refused, as every other file that cannot be read.
    #[default]
    Refuse,
    /// It is put by until somebody says what its columns mean.
    PutBy,
    /// So is every other table: somebody wants to see the columns first.
    PutByAll,
}

/// How files are to be taken in.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// `None`: found out from the file.
    pub format: Option<Format>,
    /// The account that all of it must be for; `None`: each statement names its own.
    pub target: Option<Target>,
    /// Somebody decided that a file whose arithmetic does not hold enters the books all the same.
    pub accept_unbalanced: bool,
    /// What the columns mean; `None`: as is remembered.
    pub layout: Option<Layout>,
    pub unclear: Unclear,
}

/// What became of one file.
#[derive(Debug)]
pub enum Fate {
    /// In the books, by account.
    Kept(Vec<Received>),
    /// Put by, under this number, because of what is said.
    PutBy(i64, Option<StatementError>),
    Refused(IngestError),
}

/// A file, or a member of a zip, and what became of it.
#[derive(Debug)]
pub struct Taken {
    pub name: String,
    pub fate: Fate,
}

/// Reads a file, or each member of a zip, and takes it in.
///
/// Fails as a whole only where the role may not do this or the database is away; what went in before stays in, and to
/// send all of it again does no harm.
pub async fn take_in(
    state: &AppState,
    caller: &Caller,
    name: &str,
    content: impl Into<Content>,
    wishes: &Wishes,
) -> Result<Vec<Taken>, IngestError> {
    if !may(caller.actor.role, Action::UploadStatement) {
        return Err(IngestError::Forbidden);
    }
    let mut limits = limits(state);
    let bytes = match content.into() {
        Content::Bytes(bytes) => bytes,
        Content::Spooled(file) => match flowed(state, caller, name, file, wishes).await? {
            Flowed::Over(fate) => return Ok(vec![Taken { name: name.to_owned(), fate }]),
            Flowed::Whole(bytes) => bytes,
        },
    };
    let unpacked = {
        let limits = limits.clone();
        tokio::task::spawn_blocking(move || statement::members(bytes, &limits)).await
    };
    let members = match unpacked.map_err(|e| DbError::Pool(e.to_string()))? {
        Ok(members) => members,
        Err(error) => return Ok(vec![Taken { name: name.to_owned(), fate: Fate::Refused(error.into()) }]),
    };
    let mut taken = Vec::with_capacity(members.len());
    // The workbooks of a zip share what one file may unpack to.
    let (most, mut left) = (limits.max_bytes_unpacked, limits.max_bytes_unpacked);
    for member in members {
        let name = member.name.as_ref().map_or_else(|| name.to_owned(), |member| format!("{name}: {member}"));
        let claim = member.claimed_bytes().and_then(|claimed| {
            let too_many = || StatementError::too_many_unpacked(most);
            left = left.checked_sub(claimed.unwrap_or_default()).ok_or_else(too_many)?;
            Ok(claimed.unwrap_or(most))
        });
        limits.max_bytes_unpacked = match claim {
            Ok(claimed) => claimed,
            Err(error) => {
                taken.push(Taken { name, fate: Fate::Refused(error.into()) });
                continue;
            }
        };
        let Member { name: member, bytes } = member;
        let bytes = Arc::new(bytes);
        let layouts = layouts_of(state, caller, &bytes, wishes).await?;
        let reading = Reading { name: name.clone(), member, bytes, layouts, limits: limits.clone() };
        let (fate, entries) = one(state, caller, reading, wishes).await?;
        limits.max_entries = limits.max_entries.saturating_sub(entries);
        taken.push(Taken { name, fate });
    }
    Ok(taken)
}

/// What the columns of a file mean that is, or begins with, `bytes`: what was told just now goes first; the other sheets of a
/// workbook are read by what is remembered.
async fn layouts_of(
    state: &AppState,
    caller: &Caller,
    bytes: &Arc<Vec<u8>>,
    wishes: &Wishes,
) -> Result<Vec<Layout>, IngestError> {
    let known = match &wishes.target {
        Some(target) => layouts::for_reading(state, caller, Some(target)).await?,
        None => layouts::for_file(state, caller, bytes).await?,
    };
    Ok(wishes.layout.iter().cloned().chain(known).collect())
}

/// The beginning of a file that lies on the disk, by whole lines; of anything but text that is as good as nothing.
fn beginning(mut file: &File) -> std::io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes)?;
    file.rewind()?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.truncate(whole);
    Ok(bytes)
}

/// What became of a file that lies on the disk.
enum Flowed {
    Over(Fate),
    /// It has to be read as a whole.
    Whole(Vec<u8>),
}

/// Takes a file that lies on the disk in while it is read, where that can be.
async fn flowed(
    state: &AppState,
    caller: &Caller,
    name: &str,
    file: File,
    wishes: &Wishes,
) -> Result<Flowed, IngestError> {
    let begins = beginning(&file).map_err(|e| DbError::Pool(e.to_string()))?;
    let layouts = layouts_of(state, caller, &Arc::new(begins), wishes).await?;
    let large = LargeFile {
        name: name.to_owned(),
        file,
        format: wishes.format,
        target: wishes.target.clone(),
        layouts,
        accept_unbalanced: wishes.accept_unbalanced,
    };
    match ingest::flow(state, caller, &limits(state), &large).await {
        Ok(Some(received)) => {
            oversight::after_delivery(state, caller.actor.tenant, &received, caller.now).await;
            Ok(Flowed::Over(Fate::Kept(received)))
        }
        Ok(None) => {
            let whole = tokio::task::spawn_blocking(move || Content::Spooled(large.file).read()).await;
            let whole = whole.map_err(|e| DbError::Pool(e.to_string()))?;
            Ok(Flowed::Whole(whole.map_err(|e| DbError::Pool(e.to_string()))?))
        }
        Err(error @ IngestError::Db(_)) => Err(error),
        Err(error) => Ok(Flowed::Over(Fate::Refused(error))),
    }
}

/// What is said of a refusal, in Chinese and in English: each fault once, with its place.
pub fn told(error: IngestError) -> Vec<(String, String)> {
    if let IngestError::Statement(error) = &error {
        let (place_zh, place_en) = (error.path_zh(), error.path());
        let mark = if place_zh.is_empty() { "" } else { "：" };
        return vec![(
            format!("{place_zh}{mark}{}", error.message_zh()),
            format!("{place_en}: {}", error.message_en()),
        )];
    }
    let problem = Problem::from(error);
    if problem.errors.is_empty() {
        return vec![(problem.detail_zh, problem.detail_en)];
    }
    let faults = problem.errors.into_iter();
    faults.map(|e| (format!("{}：{}", e.path, e.message_zh), format!("{}: {}", e.path, e.message_en))).collect()
}

/// What a file may cost.
pub(super) fn limits(state: &AppState) -> Limits {
    Limits { max_bytes_unpacked: state.max_unpacked(), max_entries: state.service.max_entries, ..Limits::default() }
}

/// One file to be read.
struct Reading {
    name: String,
    /// Its name in a zip.
    member: Option<String>,
    bytes: Arc<Vec<u8>>,
    layouts: Vec<Layout>,
    limits: Limits,
}

/// What reading one file came to.
enum Read {
    Delivery(Delivery),
    /// A table whose columns somebody must tell.
    Unclear(Arc<Vec<u8>>, Option<StatementError>),
}

/// Takes one file in; also how many entries it had.
async fn one(
    state: &AppState,
    caller: &Caller,
    reading: Reading,
    wishes: &Wishes,
) -> Result<(Fate, usize), IngestError> {
    let name = reading.name.clone();
    let wanted = wishes.clone();
    let read = tokio::task::spawn_blocking(move || reading.read(wanted)).await;
    let delivery = match read.map_err(|e| DbError::Pool(e.to_string()))? {
        Ok(Read::Delivery(delivery)) => delivery,
        Ok(Read::Unclear(bytes, problem)) => {
            let id = drafts::put_by(state, caller, &name, Arc::unwrap_or_clone(bytes), wishes.target.as_ref()).await?;
            return Ok((Fate::PutBy(id, problem), 0));
        }
        Err(error @ IngestError::Db(_)) => return Err(error),
        Err(error) => {
            oversight::after_refusal(state, caller, &error, Some(&name)).await;
            return Ok((Fate::Refused(error), 0));
        }
    };
    let entries = delivery.statements.iter().map(|statement| statement.entries.len()).sum();
    match ingest::receive(state, caller, delivery).await {
        Ok(received) => {
            oversight::after_delivery(state, caller.actor.tenant, &received, caller.now).await;
            Ok((Fate::Kept(received), entries))
        }
        Err(error @ IngestError::Db(_)) => Err(error),
        Err(error) => {
            oversight::after_refusal(state, caller, &error, Some(&name)).await;
            Ok((Fate::Refused(error), entries))
        }
    }
}

impl Reading {
    fn read(self, wishes: Wishes) -> Result<Read, IngestError> {
        let Reading { name, member, bytes, layouts, limits } = self;
        let has_columns = || matches!(statement::peek(&bytes, None, &limits), Ok(Some(_)));
        if wishes.unclear == Unclear::PutByAll && has_columns() {
            return Ok(Read::Unclear(bytes, None));
        }
        // The digest of a large file takes as long as a good part of reading it, and needs nothing of it.
        let (document, sha256) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| <[u8; 32]>::from(Sha256::digest(bytes.as_slice())));
            let document = statement::parse(&name, &bytes, wishes.format, &layouts, &limits);
            (document, digest.join())
        });
        // A sheet that nobody could read is asked for before the others go in.
        let document = document.and_then(|mut document| {
            if document.unread.is_empty() { Ok(document) } else { Err(document.unread.swap_remove(0)) }
        });
        let document = match document {
            Ok(document) => document,
            Err(error) => {
                let error = StatementError { member: member.or(error.member), ..error };
                if wishes.unclear != Unclear::Refuse && error.is_about_columns() && has_columns() {
                    return Ok(Read::Unclear(bytes, Some(error)));
                }
                return Err(error.into());
            }
        };
        let sha256 = sha256.map_err(|_| DbError::Pool("a digest broke off".to_owned()))?;
        deliver(document, &name, sha256, wishes).map(Read::Delivery)
    }
}

/// What is taken in of a document. One whose balances do not agree with its entries stays out until somebody decides.
fn deliver(document: Document, name: &str, sha256: [u8; 32], wishes: Wishes) -> Result<Delivery, IngestError> {
    if document.is_unbalanced() && !wishes.accept_unbalanced {
        let jumps = document.statements.into_iter().flat_map(|statement| {
            let statement = Incoming::from(statement);
            let own = statement.account.map(Target::Number);
            let target = wishes.target.clone().or(own);
            statement.jumps.into_iter().map(move |jump| (target.clone(), jump))
        });
        return Err(IngestError::Unbalanced(jumps.collect()));
    }
    if document.lacks_its_end() && !wishes.accept_unbalanced {
        return Err(IngestError::CutOff);
    }
    Ok(Delivery::of_document(document, name, sha256, wishes.target))
}
