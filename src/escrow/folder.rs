//! A folder into which banks or people put statements: what is whole is taken in by the same way as an upload, then moved to
//! `done`, or to `refused` beside a text that says in both languages what is wrong, where, and how to mend it.
//!
//! Broken off between any two steps nothing is lost and nothing enters twice: a file is first moved to `.taking`, stays there
//! until all that follows is done, and is taken up from there again; an entry enters once, however often it comes.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    ffi::{OsStr, OsString},
    fmt::Write,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use encoding_rs::GB18030;
use nix::fcntl::OFlag;
use serde::Serialize;

use super::{
    ingest::{IngestError, Target},
    statement::StatementError,
    upload::{self, Fate, Taken, Wishes},
};
use crate::{
    db::Scope,
    identity::{Actor, Caller},
    web::{
        AppState,
        upload::{Content, SPOOLED_FROM},
    },
};

/// Files that are being taken in.
const TAKING: &str = ".taking";
const DONE: &str = "done";
const REFUSED: &str = "refused";
const LOCK: &str = ".mingjian.lock";
/// Endings of files that are still on their way, as programs name them.
const UNFINISHED: [&str; 6] = [".part", ".partial", ".tmp", ".crdownload", ".filepart", "~"];
/// Longest name in bytes that a file keeps: what is added to it still fits into a name of 255.
const NAME_MAX: usize = 200;
/// So many files in `done` are looked at again, so long after they were taken in: whoever wrote one may not have been ready.
const WATCHED_MAX: usize = 1_000;
const WATCHED_FOR: Duration = Duration::from_secs(3_600);

/// Why a folder cannot be watched; says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{0} is watched by another process already; stop it first, or watch another folder")]
    Watched(PathBuf),
    #[error("{0} is a link; links are not followed: remove it, or watch another folder")]
    Link(PathBuf),
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
    /// How long a file must have been left alone.
    rest: Duration,
    /// How each file was at the last look.
    seen: HashMap<OsString, Look>,
    /// Files in `done` as they were when they were read, and when that was.
    taken: VecDeque<(OsString, Look, SystemTime)>,
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

    /// Whether nobody wrote for so long; a file without a time, or with one in the future, is taken at its word.
    fn has_rested(&self, rest: Duration) -> bool {
        let age = self.changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_none_or(|age| age >= rest)
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
    /// Makes the folders inside, takes the lock, and ends what was broken off. A file is whole when it is the same at two
    /// looks and nobody wrote to it for `rest`.
    pub fn open(root: &Path, rest: Duration) -> Result<Folder, FolderError> {
        let fault = |path: &Path, error: io::Error| FolderError::Io(path.to_owned(), error);
        for inner in [DONE, REFUSED, TAKING] {
            let path = root.join(inner);
            match fs::create_dir(&path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fault(&path, error)),
                _ => {}
            }
            if !fs::symlink_metadata(&path).map_err(|error| fault(&path, error))?.is_dir() {
                return Err(FolderError::Link(path));
            }
        }
        let path = root.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&path)
            .map_err(|error| fault(&path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FolderError::Watched(root.to_owned())),
            Err(TryLockError::Error(error)) => return Err(fault(&path, error)),
        }
        let folder = Folder { root: root.to_owned(), _lock: lock, rest, seen: HashMap::new(), taken: VecDeque::new() };
        folder.end_what_was_broken_off()?;
        Ok(folder)
    }

    /// A reason whose file was moved gets its name; one whose file was not is written again with it.
    fn end_what_was_broken_off(&self) -> Result<(), FolderError> {
        let refused = self.root.join(REFUSED);
        let fault = |error| FolderError::Io(refused.clone(), error);
        for entry in fs::read_dir(&refused).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let Some(file) = name.as_bytes().strip_prefix(b".").and_then(|name| name.strip_suffix(b".txt.tmp")) else {
                continue;
            };
            let beside = refused.join(&name);
            if refused.join(OsStr::from_bytes(file)).exists() {
                fs::rename(&beside, refused.join(reason_name(OsStr::from_bytes(file)))).map_err(fault)?;
            } else {
                fs::remove_file(&beside).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// Looks once: takes up what was left, and takes in every file that is whole; also whether some are not yet.
    ///
    /// Fails where the folder itself cannot be used or the database is away; the rest waits for the next look.
    pub async fn look(&mut self, state: &AppState, whose: &Whose) -> Result<(Vec<Settled>, bool), FolderError> {
        self.take_back_what_grew()?;
        let mut settled = Vec::new();
        for name in self.names(&self.root.join(TAKING))?.into_keys() {
            settled.push(self.take(state, whose, &name).await?);
        }
        let found = self.names(&self.root)?;
        let is_whole = |name: &OsString, look: &Look| self.seen.get(name) == Some(look) && look.has_rested(self.rest);
        let mut whole: Vec<OsString> =
            found.iter().filter(|(name, look)| is_whole(name, look)).map(|(name, _)| name.clone()).collect();
        whole.sort();
        let waiting = found.len() > whole.len();
        self.seen = found;
        for name in whole {
            let (from, to) = (self.root.join(&name), self.root.join(TAKING).join(&name));
            match fs::rename(&from, &to) {
                // Somebody took it away again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(FolderError::Io(from, error)),
                Ok(()) => settled.push(self.take(state, whose, &name).await?),
            }
        }
        Ok((settled, waiting))
    }

    /// Puts back what somebody wrote on with after it had been taken in: its new lines are read, the others are known.
    fn take_back_what_grew(&mut self) -> Result<(), FolderError> {
        let now = SystemTime::now();
        self.taken.retain(|(_, _, at)| now.duration_since(*at).is_ok_and(|age| age < WATCHED_FOR));
        let done = self.root.join(DONE);
        let grew = |name: &OsStr, look: &Look| {
            fs::symlink_metadata(done.join(name)).is_ok_and(|metadata| Look::of(&metadata) != *look)
        };
        let (back, taken) = self.taken.drain(..).partition(|(name, look, _)| grew(name, look));
        self.taken = taken;
        let back: VecDeque<(OsString, Look, SystemTime)> = back;
        for (name, _, _) in back {
            let to = self.root.join(free_name(&self.root, &name));
            fs::rename(done.join(&name), &to).map_err(|error| FolderError::Io(to.clone(), error))?;
        }
        Ok(())
    }

    /// Plain files by name that are not hidden and do not say that they are unfinished.
    fn names(&self, folder: &Path) -> Result<HashMap<OsString, Look>, FolderError> {
        let fault = |error| FolderError::Io(folder.to_owned(), error);
        let mut found = HashMap::new();
        for entry in fs::read_dir(folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            // What is gone between the two calls is gone; what a link leads to is none of our business.
            let Ok(metadata) = entry.metadata() else { continue };
            let name = entry.file_name();
            let lower = name.as_bytes().to_ascii_lowercase();
            let unfinished = UNFINISHED.iter().any(|end| lower.ends_with(end.as_bytes()));
            if metadata.is_file() && !lower.starts_with(b".") && !unfinished {
                found.insert(name, Look::of(&metadata));
            }
        }
        Ok(found)
    }

    /// Takes in one file that lies in `.taking`, and moves it to where it belongs.
    async fn take(&mut self, state: &AppState, whose: &Whose, name: &OsStr) -> Result<Settled, FolderError> {
        let path = self.root.join(TAKING).join(name);
        let fault = |error| FolderError::Io(path.clone(), error);
        let shown = shown(name);
        let (taken, look) = loop {
            let (read, look) = match read(&path, state.max_unpacked()) {
                Ok((content, look)) => (Ok(content), look),
                Err(why) => (Err(why), Look::of(&fs::symlink_metadata(&path).map_err(fault)?)),
            };
            let taken = match read {
                Ok(content) => take_in(state, whose, &shown, content).await?,
                Err(why) => Told::Lines(vec![why]),
            };
            // Whoever had it open may have written on: then what was read was not all of it.
            if Look::of(&fs::symlink_metadata(&path).map_err(fault)?) == look {
                break (taken, look);
            }
        };
        let (mut inserted, mut duplicates) = (0, 0);
        for part in taken.kept() {
            inserted += part.iter().map(|part| part.inserted).sum::<i64>();
            duplicates += part.iter().map(|part| part.duplicates).sum::<i64>();
        }
        let refused = taken.is_refusal();
        let folder = self.root.join(if refused { REFUSED } else { DONE });
        let file = free_name(&folder, name);
        let beside = folder.join(beside_name(&file));
        if refused {
            // First the text: a refused file never lies there without its reason, and whoever starts next ends the rest.
            fs::write(&beside, reasons(&shown, taken)).map_err(|error| FolderError::Io(beside.clone(), error))?;
        }
        fs::rename(&path, folder.join(&file)).map_err(fault)?;
        if refused {
            fs::rename(&beside, folder.join(reason_name(&file))).map_err(fault)?;
        } else {
            self.taken.push_back((file.clone(), look, SystemTime::now()));
            if self.taken.len() > WATCHED_MAX {
                self.taken.pop_front();
            }
        }
        Ok(Settled { file: self::shown(&file).into_owned(), refused, inserted, duplicates })
    }
}

/// What is told of one file.
enum Told {
    Taken(Vec<Taken>),
    /// It was not even read; why, in Chinese and in English.
    Lines(Vec<(String, String)>),
}

impl Told {
    fn kept(&self) -> impl Iterator<Item = &Vec<super::ingest::Received>> {
        let taken = if let Told::Taken(taken) = self { taken.as_slice() } else { &[] };
        taken.iter().filter_map(|one| if let Fate::Kept(parts) = &one.fate { Some(parts) } else { None })
    }

    fn is_refusal(&self) -> bool {
        match self {
            Told::Taken(taken) => taken.is_empty() || taken.iter().any(|one| !matches!(one.fate, Fate::Kept(_))),
            Told::Lines(_) => true,
        }
    }
}

/// Opens a plain file: no link, no pipe, nothing larger than allowed; a large one is read only while it is taken in. Else why
/// not, in Chinese and in English.
fn read(path: &Path, limit: u64) -> Result<(Content, Look), (String, String)> {
    let unread = |error: io::Error| {
        (
            format!("文件读不了（{error}）。请检查文件权限后重新放入。"),
            format!("the file cannot be read ({error}); check its permissions and put it in again"),
        )
    };
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path).map_err(unread)?;
    let metadata = file.metadata().map_err(unread)?;
    if !metadata.is_file() {
        let (zh, en) = ("这不是普通文件。", "this is no plain file");
        return Err((zh.to_owned(), en.to_owned()));
    }
    let look = Look::of(&metadata);
    if look.bytes > limit {
        let error = StatementError::too_many_bytes(limit);
        return Err((error.message_zh(), error.message_en()));
    }
    if look.bytes >= SPOOLED_FROM as u64 {
        return Ok((Content::Spooled(file), look));
    }
    let mut bytes = Vec::new();
    (&mut file).take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unread)?;
    Ok((bytes.into(), look))
}

async fn take_in(state: &AppState, whose: &Whose, name: &str, content: Content) -> Result<Told, FolderError> {
    let actor = Actor::system(whose.tenant);
    let caller = Caller { actor, request_id: "folder".to_owned(), now: state.clock.now() };
    let wishes = Wishes { target: whose.account.clone().map(Target::Number), ..Wishes::default() };
    match upload::take_in(state, &caller, name, content, &wishes).await {
        Ok(taken) => Ok(Told::Taken(taken)),
        // Where the database answers otherwise it is this file, and the others must not wait for it.
        Err(error) if is_there(state, whose.tenant).await => {
            tracing::error!(%error, file = name, "a file could not be taken in");
            Ok(Told::Lines(vec![(
                "系统没能处理这个文件，已记入运行日志。请联系运维人员。".to_owned(),
                "the file could not be dealt with; the log of the service has more: ask whoever runs it".to_owned(),
            )]))
        }
        Err(error) => Err(FolderError::Away(error)),
    }
}

async fn is_there(state: &AppState, tenant: i32) -> bool {
    match Scope::system(tenant).begin(&state.pools).await {
        Ok(conn) => conn.commit().await.is_ok(),
        Err(_) => false,
    }
}

/// A name for people; Chinese systems write names in GBK without saying so.
fn shown(name: &OsStr) -> Cow<'_, str> {
    let name = match std::str::from_utf8(name.as_bytes()) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) => GB18030.decode_without_bom_handling(name.as_bytes()).0,
    };
    if name.chars().any(char::is_control) {
        return Cow::Owned(name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect());
    }
    name
}

fn reason_name(file: &OsStr) -> OsString {
    let mut name = file.to_owned();
    name.push(".txt");
    name
}

/// Where a reason lies until its file is beside it.
fn beside_name(file: &OsStr) -> OsString {
    let mut name = OsString::from(".");
    name.push(file);
    name.push(".txt.tmp");
    name
}

/// A name that nothing in the folder has, nor that of its reason; the file's own where that is free and not too long.
fn free_name(folder: &Path, name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let (stem, ending) = match bytes.iter().rposition(|byte| *byte == b'.') {
        Some(dot) if bytes.len() - dot <= NAME_MAX / 4 => bytes.split_at(dot),
        _ => (bytes, &[][..]),
    };
    let room = NAME_MAX - ending.len();
    // Cut between characters, where it is text.
    let stem = match std::str::from_utf8(stem) {
        Ok(text) => &stem[..text.floor_char_boundary(room)],
        Err(_) => &stem[..stem.len().min(room)],
    };
    let made = |number: Option<u32>| {
        let number = number.map(|number| format!(" ({number})")).unwrap_or_default();
        OsStr::from_bytes(&[stem, number.as_bytes(), ending].concat()).to_owned()
    };
    let taken = |name: &OsString| {
        let there = |name: &OsStr| fs::symlink_metadata(folder.join(name)).is_ok();
        there(name) || there(&reason_name(name))
    };
    let others = (2..).map(|number| made(Some(number)));
    std::iter::once(made(None)).chain(others).find(|name| !taken(name)).unwrap_or_else(|| name.to_owned())
}

/// What is said of a refused file, in both languages.
fn reasons(name: &str, told: Told) -> String {
    let mut text = format!("{name}\n\n");
    let mut line = |zh: String, en: String| {
        // Writing to a string does not fail.
        let _ = write!(text, "{zh}\n{en}\n\n");
    };
    let taken = match told {
        Told::Taken(taken) => taken,
        Told::Lines(lines) => {
            lines.into_iter().for_each(|(zh, en)| line(format!("没有入账。{zh}"), format!("Not kept. {en}")));
            Vec::new()
        }
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

/// Watches until `ended` is over, or with `once` until everything there was taken in or refused; `tell` hears of every file.
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
        let waiting = match folder.look(state, whose).await {
            Ok((settled, waiting)) => {
                settled.iter().for_each(&mut tell);
                waiting
            }
            Err(error @ FolderError::Away(_)) if !once => {
                tracing::warn!(%error, "trying again");
                true
            }
            Err(error) => return Err(error),
        };
        looks += 1;
        if once && looks >= 2 && !waiting {
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
        let first = Folder::open(root.path(), Duration::ZERO).unwrap();
        assert!(matches!(Folder::open(root.path(), Duration::ZERO), Err(FolderError::Watched(_))));
        drop(first);
        assert!(Folder::open(root.path(), Duration::ZERO).is_ok());
        assert!(matches!(Folder::open(&root.path().join("nowhere"), Duration::ZERO), Err(FolderError::Io(..))));
    }

    #[test]
    fn unfinished_and_hidden_files_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path(), Duration::ZERO).unwrap();
        for name in ["a.xml", "b.csv.part", "c.TMP", ".d.xml", "e~", "f.txt"] {
            fs::write(root.path().join(name), "x").unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", root.path().join("g.xml")).unwrap();
        let names = folder.names(root.path()).unwrap().into_keys();
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["a.xml", "f.txt"]);
    }

    #[test]
    fn nothing_in_done_is_written_over() {
        let root = tempfile::tempdir().unwrap();
        for (name, expected) in
            [("a.xml", "a.xml"), ("a.xml", "a (2).xml"), ("a.xml", "a (3).xml"), ("b", "b"), ("b", "b (2)")]
        {
            let free = free_name(root.path(), OsStr::new(name));
            assert_eq!(free, expected);
            fs::write(root.path().join(free), "x").unwrap();
        }
        // A reason would take the name of a file that is there.
        fs::write(root.path().join("c.csv.txt"), "x").unwrap();
        assert_eq!(free_name(root.path(), OsStr::new("c.csv")), "c (2).csv");
    }

    #[test]
    fn a_name_that_is_long_or_in_gbk_stays_a_name() {
        let root = tempfile::tempdir().unwrap();
        let long = format!("{}.xml", "明".repeat(83));
        let free = free_name(root.path(), OsStr::new(&long));
        assert!(free.to_str().unwrap().ends_with("明.xml"), "{free:?}");
        fs::write(root.path().join(beside_name(&free)), "a reason").unwrap();
        let gbk = OsStr::from_bytes(b"\xd2\xbb\xc8\xd5.xml");
        assert_eq!((free_name(root.path(), gbk).as_os_str(), &*shown(gbk)), (gbk, "一日.xml"));
    }

    #[test]
    fn links_and_pipes_are_not_read() {
        let root = tempfile::tempdir().unwrap();
        let place = |name: &str| root.path().join(name);
        fs::write(place("secret"), "x").unwrap();
        std::os::unix::fs::symlink(place("secret"), place("link")).unwrap();
        nix::unistd::mkfifo(&place("pipe"), nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(read(&place("secret"), 1).unwrap().0.read().unwrap(), b"x");
        for name in ["link", "pipe", "nowhere"] {
            assert!(read(&place(name), 1).is_err(), "{name}");
        }
        fs::write(place("large"), "xx").unwrap();
        assert!(read(&place("large"), 1).unwrap_err().1.contains("limit of 1"));
        std::os::unix::fs::symlink(root.path(), place("done")).unwrap();
        assert!(matches!(Folder::open(root.path(), Duration::ZERO), Err(FolderError::Link(_))));
    }

    #[test]
    fn a_file_has_rested_when_nobody_wrote_to_it_for_so_long() {
        let rest = Duration::from_secs(30);
        let written = |ago: u64| Look { bytes: 1, changed: Some(SystemTime::now() - Duration::from_secs(ago)) };
        assert!(!written(20).has_rested(rest) && written(31).has_rested(rest));
        assert!(Look { bytes: 1, changed: None }.has_rested(rest));
    }
}
