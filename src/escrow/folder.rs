//! A folder into which banks or people put statements: what is whole is taken in by the same way as an upload, then moved to
//! `done`, or to `refused` beside a text that says in both languages what is wrong, where, and how to mend it.
//!
//! Broken off between any two steps nothing is lost and nothing enters twice: a file is first moved to `.taking`, stays there
//! until all that follows is done, and is taken up from there again; an entry enters once, however often it comes.

use std::{
    collections::HashMap,
    fmt::Write,
    fs::{self, File, Metadata, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use super::{
    ingest::{IngestError, Target},
    statement::StatementError,
    upload::{self, Fate, Taken, Wishes},
};
use crate::{
    identity::{Actor, Caller},
    web::AppState,
};

/// Files that are being taken in.
const TAKING: &str = ".taking";
const DONE: &str = "done";
const REFUSED: &str = "refused";
const LOCK: &str = ".mingjian.lock";
/// Endings of files that are still on their way, as programs name them.
const UNFINISHED: [&str; 6] = [".part", ".partial", ".tmp", ".crdownload", ".filepart", "~"];

/// Why a folder cannot be watched; says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{0} is watched by another process already; stop it first, or watch another folder")]
    Watched(PathBuf),
    #[error("{0}: {1}; give a folder in which files can be read, moved and written")]
    Io(PathBuf, io::Error),
    #[error("the database is away; files wait in .taking and are taken up again: {0}")]
    Away(IngestError),
}

/// A watched folder, locked as long as this lives.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    _lock: File,
    /// How each file was at the last look.
    seen: HashMap<String, Look>,
}

/// What tells whether a file is still being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Look {
    fn of(metadata: &Metadata) -> Look {
        Look { bytes: metadata.len(), changed: metadata.modified().ok() }
    }
}

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Its name in the folder it is in now.
    pub file: String,
    pub refused: bool,
    pub inserted: i64,
    pub duplicates: i64,
}

/// For whom, and for which account.
#[derive(Debug, Clone)]
pub struct Whose {
    pub tenant: i32,
    /// The number of the account that every file is for; `None`: each statement names its own.
    pub account: Option<String>,
}

impl Folder {
    /// Makes the folders inside and takes the lock.
    pub fn open(root: &Path) -> Result<Folder, FolderError> {
        let fault = |path: &Path, error: io::Error| FolderError::Io(path.to_owned(), error);
        for inner in [DONE, REFUSED, TAKING] {
            let path = root.join(inner);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fault(&path, error)),
                _ => {}
            }
        }
        let path = root.join(LOCK);
        let options = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = options.map_err(|error| fault(&path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Folder { root: root.to_owned(), _lock: lock, seen: HashMap::new() }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Watched(root.to_owned())),
            Err(TryLockError::Error(error)) => Err(fault(&path, error)),
        }
    }

    /// Looks once: takes up what was left, and takes in every file that is as it was at the look before.
    ///
    /// Fails where the folder cannot be read or the database is away; the rest waits for the next look.
    pub async fn look(&mut self, state: &AppState, whose: &Whose) -> Result<Vec<Settled>, FolderError> {
        let mut settled = Vec::new();
        for name in self.names(&self.root.join(TAKING))?.into_keys() {
            settled.push(self.take(state, whose, &name).await?);
        }
        let found = self.names(&self.root)?;
        let mut whole: Vec<&String> =
            found.iter().filter(|(name, look)| self.seen.get(*name) == Some(look)).map(|(name, _)| name).collect();
        whole.sort();
        for name in whole {
            let (from, to) = (self.root.join(name), self.root.join(TAKING).join(name));
            match fs::rename(&from, &to) {
                // Somebody took it away again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(FolderError::Io(from, error)),
                Ok(()) => settled.push(self.take(state, whose, name).await?),
            }
        }
        self.seen = found;
        Ok(settled)
    }

    /// Plain files by name that are not hidden and do not say that they are unfinished.
    fn names(&self, folder: &Path) -> Result<HashMap<String, Look>, FolderError> {
        let fault = |error| FolderError::Io(folder.to_owned(), error);
        let mut found = HashMap::new();
        for entry in fs::read_dir(folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            // What is gone between the two calls is gone; what a link leads to is none of our business.
            let Ok(metadata) = entry.metadata() else { continue };
            let Ok(name) = entry.file_name().into_string() else { continue };
            let unfinished = UNFINISHED.iter().any(|end| name.to_ascii_lowercase().ends_with(end));
            if metadata.is_file() && !name.starts_with('.') && !unfinished {
                found.insert(name, Look::of(&metadata));
            }
        }
        Ok(found)
    }

    /// Takes in one file that lies in `.taking`, and moves it to where it belongs.
    async fn take(&self, state: &AppState, whose: &Whose, name: &str) -> Result<Settled, FolderError> {
        let path = self.root.join(TAKING).join(name);
        let fault = |error| FolderError::Io(path.clone(), error);
        let taken = loop {
            let before = Look::of(&fs::symlink_metadata(&path).map_err(fault)?);
            let taken = self.take_in(state, whose, name, &path, before).await?;
            // Whoever had it open may have written on: then what was read was not all of it.
            if Look::of(&fs::symlink_metadata(&path).map_err(fault)?) == before {
                break taken;
            }
        };
        let (mut inserted, mut duplicates) = (0, 0);
        for part in taken.iter().filter_map(|one| if let Fate::Kept(parts) = &one.fate { Some(parts) } else { None }) {
            inserted += part.iter().map(|part| part.inserted).sum::<i64>();
            duplicates += part.iter().map(|part| part.duplicates).sum::<i64>();
        }
        let refused = taken.is_empty() || taken.iter().any(|one| !matches!(one.fate, Fate::Kept(_)));
        let folder = self.root.join(if refused { REFUSED } else { DONE });
        let file = free_name(&folder, name);
        if refused {
            // First the text: a refused file never lies there without its reason.
            let text = folder.join(format!("{file}.txt"));
            let beside = folder.join(format!(".{file}.txt.tmp"));
            let write = fs::write(&beside, reasons(name, taken)).and_then(|()| fs::rename(&beside, &text));
            write.map_err(|error| FolderError::Io(text.clone(), error))?;
        }
        fs::rename(&path, folder.join(&file)).map_err(fault)?;
        Ok(Settled { file, refused, inserted, duplicates })
    }

    async fn take_in(
        &self,
        state: &AppState,
        whose: &Whose,
        name: &str,
        path: &Path,
        look: Look,
    ) -> Result<Vec<Taken>, FolderError> {
        let limit = state.max_unpacked();
        if look.bytes > limit {
            let error = StatementError::too_many_bytes(limit);
            return Ok(vec![Taken { name: name.to_owned(), fate: Fate::Refused(error.into()) }]);
        }
        let bytes = fs::read(path).map_err(|error| FolderError::Io(path.to_owned(), error))?;
        let actor = Actor::system(whose.tenant);
        let caller = Caller { actor, request_id: "folder".to_owned(), now: state.clock.now() };
        let wishes = Wishes { target: whose.account.clone().map(Target::Number), ..Wishes::default() };
        upload::take_in(state, &caller, name, bytes, &wishes).await.map_err(FolderError::Away)
    }
}

/// A name that nothing in the folder has, the file's own where that is free.
fn free_name(folder: &Path, name: &str) -> String {
    let (stem, ending) = name.rsplit_once('.').map_or((name, String::new()), |(stem, end)| (stem, format!(".{end}")));
    let others = (2..).map(|number| format!("{stem} ({number}){ending}"));
    let mut names = std::iter::once(name.to_owned()).chain(others);
    names.find(|name| !folder.join(name).exists()).unwrap_or_else(|| name.to_owned())
}

/// What is said of a refused file, in both languages.
fn reasons(name: &str, taken: Vec<Taken>) -> String {
    let mut text = format!("{name}\n\n");
    let mut line = |zh: String, en: String| {
        // Writing to a string does not fail.
        let _ = write!(text, "{zh}\n{en}\n\n");
    };
    let several = taken.len() > 1;
    for Taken { name, fate } in taken {
        let (of_zh, of_en) = if several { (format!("{name}："), format!("{name}: ")) } else { Default::default() };
        match fate {
            Fate::Kept(parts) => {
                let inserted: i64 = parts.iter().map(|part| part.inserted).sum();
                let duplicates: i64 = parts.iter().map(|part| part.duplicates).sum();
                line(
                    format!("{of_zh}已入账，新 {inserted} 笔，已有 {duplicates} 笔。"),
                    format!("{of_en}Kept: {inserted} new entries, {duplicates} known already."),
                );
            }
            Fate::Refused(error) => {
                for (zh, en) in upload::told(error) {
                    line(format!("{of_zh}没有入账。{zh}"), format!("{of_en}Not kept. {en}"));
                }
            }
            Fate::PutBy(..) => {}
        }
    }
    line(
        "改好后把文件放回原来的文件夹即可；已经入账的流水不会重复。列名认不得的，请在“上传对账单”页面说明一次。".to_owned(),
        "Mend the file and put it back into the folder; what was kept does not enter twice. Where columns are not understood, \
         tell once on the page \"Upload statements\" what they mean."
            .to_owned(),
    );
    text
}

/// Watches until `ended` is over, or with `once` until what is there has been looked at; `tell` hears of every file.
///
/// While the database is away it tries again; with `once` it fails.
pub async fn watch(
    state: &AppState,
    folder: &mut Folder,
    whose: &Whose,
    (every, once): (Duration, bool),
    ended: impl Future<Output = ()>,
    mut tell: impl FnMut(&Settled),
) -> Result<(), FolderError> {
    tokio::pin!(ended);
    let mut looks = 0;
    loop {
        match folder.look(state, whose).await {
            Ok(settled) => settled.iter().for_each(&mut tell),
            Err(error @ FolderError::Away(_)) if !once => tracing::warn!(%error, "trying again"),
            Err(error) => return Err(error),
        }
        looks += 1;
        if once && looks == 2 {
            return Ok(());
        }
        tokio::select! {
            () = &mut ended => return Ok(()),
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_do_not_watch_one_folder() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::open(root.path()).unwrap();
        assert!(matches!(Folder::open(root.path()), Err(FolderError::Watched(_))));
        drop(first);
        assert!(Folder::open(root.path()).is_ok());
        assert!(matches!(Folder::open(&root.path().join("nowhere")), Err(FolderError::Io(..))));
    }

    #[test]
    fn unfinished_and_hidden_files_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        for name in ["a.xml", "b.csv.part", "c.TMP", ".d.xml", "e~", "f.txt"] {
            fs::write(root.path().join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", root.path().join("g.xml")).unwrap();
        let mut names: Vec<String> = folder.names(root.path()).unwrap().into_keys().collect();
        names.sort();
        assert_eq!(names, ["a.xml", "f.txt"]);
    }

    #[test]
    fn nothing_in_done_is_written_over() {
        let root = tempfile::tempdir().unwrap();
        for (name, expected) in
            [("a.xml", "a.xml"), ("a.xml", "a (2).xml"), ("a.xml", "a (3).xml"), ("b", "b"), ("b", "b (2)")]
        {
            let free = free_name(root.path(), name);
            assert_eq!(free, expected);
            fs::write(root.path().join(free), "x").unwrap();
        }
    }
}
