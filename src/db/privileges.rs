//! The data directory and the user who owns it. A service started as root does not stay root.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use nix::{
    sys::prctl,
    unistd::{AccessFlags, Uid, User, access, setgid, setgroups, setuid},
};

/// Why the data directory cannot be used; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error(
        "the data directory {0} belongs to another user; start as its owner, or choose another directory with --data"
    )]
    Owner(PathBuf),
    #[error(
        "the user {user} may not enter {directory}; choose a data directory with --data that every user may reach, e.g. /var/lib/mingjian"
    )]
    Unreachable { user: String, directory: PathBuf },
    #[error("no such user: {0}; set MINGJIAN_USER to one that exists")]
    NoUser(String),
    #[error("could not become the user {user}: {source}")]
    Become { user: String, source: nix::Error },
    #[error("{path}: {source}; choose another directory with --data")]
    Io { path: PathBuf, source: io::Error },
}

/// Makes the data directory if need be, for its owner alone, and, when the process is root, becomes the
/// unprivileged user who owns it: `user`, else `postgres`, else `nobody`. From then on nothing runs as root.
pub fn settle(directory: &Path, user: Option<&str>) -> Result<(), DirectoryError> {
    let io_at = |source| DirectoryError::Io { path: directory.to_owned(), source };
    let become_user = if Uid::effective().is_root() { Some(choose(user)?) } else { None };
    let owner = become_user.as_ref().map_or(Uid::effective(), |user| user.uid);
    if !directory.exists() {
        fs::create_dir_all(directory).map_err(io_at)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(io_at)?;
        if let Some(user) = &become_user {
            chown(directory, Some(user.uid.as_raw()), Some(user.gid.as_raw())).map_err(io_at)?;
        }
    }
    if fs::metadata(directory).map_err(io_at)?.uid() != owner.as_raw() {
        return Err(DirectoryError::Owner(directory.to_owned()));
    }
    if let Some(user) = become_user {
        let refused = |source| DirectoryError::Become { user: user.name.clone(), source };
        // Whoever asked to be followed into death (a test, a supervisor) asked before the change, which forgets it.
        let follows = prctl::get_pdeathsig().ok().flatten();
        setgroups(&[]).map_err(refused)?;
        setgid(user.gid).map_err(refused)?;
        setuid(user.uid).map_err(refused)?;
        prctl::set_pdeathsig(follows).map_err(refused)?;
        if access(directory, AccessFlags::W_OK | AccessFlags::X_OK).is_err() {
            return Err(DirectoryError::Unreachable { user: user.name, directory: directory.to_owned() });
        }
    }
    Ok(())
}

fn choose(user: Option<&str>) -> Result<User, DirectoryError> {
    let lookup = |name: &str| User::from_name(name).ok().flatten();
    match user {
        Some(name) => lookup(name).ok_or_else(|| DirectoryError::NoUser(name.to_owned())),
        None => {
            lookup("postgres").or_else(|| lookup("nobody")).ok_or_else(|| DirectoryError::NoUser("nobody".to_owned()))
        }
    }
}
