//! The private PostgreSQL cluster under the data directory, for a service without a database of its own.
//!
//! PostgreSQL runs as a child of a thread that lives as long as the process: the kernel sends it SIGINT when that
//! thread dies, so that even `kill -9` of the service shuts it down in order, and a child that dies is started again.
//! It listens on a unix socket only, in a directory that nobody else may enter.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        statvfs::statvfs,
    },
    unistd::Pid,
};

/// Superuser of the private cluster; used only to make roles and databases.
pub const SUPERUSER: &str = "mingjian_root";
const OLDEST_MAJOR: u32 = 15;
/// How often a start that takes long is told of.
const TELL_AFTER: Duration = Duration::from_secs(30);
const FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;
const SOCKET_PATH_MAX: usize = 107;

/// Why the private cluster does not run; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "no PostgreSQL {OLDEST_MAJOR} or later was found; install Debian's postgresql package, run script/bootstrap, \
         name a directory with MINGJIAN_PG_BIN, or give DATABASE_URL"
    )]
    NoBinaries,
    #[error(
        "the data directory {directory} was made by PostgreSQL {found}, but only {available} is here; install PostgreSQL {found}, or name it with MINGJIAN_PG_BIN"
    )]
    Version { directory: PathBuf, found: String, available: String },
    #[error("less than {needed} MiB are free under {directory}; make room, or choose another directory with --data", needed = FREE_BYTES_MIN >> 20)]
    DiskFull { directory: PathBuf },
    #[error(
        "the path {0} is too long for a socket ({SOCKET_PATH_MAX} bytes at most); choose a shorter data directory with --data"
    )]
    PathTooLong(PathBuf),
    #[error("{program} failed: {detail}")]
    Program { program: &'static str, detail: String },
    #[error("PostgreSQL did not start; its log is {0}")]
    NotReady(PathBuf),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::Io { path: path.clone(), source }
}

/// A running cluster. Dropping it stops PostgreSQL if this process started it.
#[derive(Debug)]
pub struct Cluster {
    socket_directory: PathBuf,
    supervisor: Option<Supervisor>,
}

#[derive(Debug)]
struct Supervisor {
    stopping: Arc<AtomicBool>,
    pid: Arc<Mutex<Option<Pid>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Cluster {
    /// Starts the cluster under `directory`, making it on first use; joins one that already runs there.
    pub fn start(directory: &Path, pg_bin: Option<&Path>) -> Result<Cluster, ClusterError> {
        let pgdata = directory.join("pg");
        let socket_directory = directory.join("run");
        if socket_directory.join(".s.PGSQL.5432").as_os_str().len() > SOCKET_PATH_MAX {
            return Err(ClusterError::PathTooLong(socket_directory));
        }
        if !socket_directory.exists() {
            fs::create_dir(&socket_directory).map_err(io_at(&socket_directory))?;
            fs::set_permissions(&socket_directory, fs::Permissions::from_mode(0o700))
                .map_err(io_at(&socket_directory))?;
        }
        let binaries = Binaries::find(pg_bin, &pgdata)?;
        if !pgdata.join("PG_VERSION").exists() {
            enough_room(directory)?;
            binaries.initdb(&pgdata)?;
        }
        if answers(&pgdata, &socket_directory) {
            return Ok(Cluster { socket_directory, supervisor: None });
        }
        enough_room(directory)?;
        let supervisor = Supervisor::start(binaries, pgdata, socket_directory.clone())?;
        Ok(Cluster { socket_directory, supervisor: Some(supervisor) })
    }

    /// The directory of the unix socket, as the `host` of a connection.
    pub fn socket_directory(&self) -> &Path {
        &self.socket_directory
    }

    /// Whether this process started PostgreSQL, rather than joining one that ran.
    pub fn is_own(&self) -> bool {
        self.supervisor.is_some()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.stop();
        }
    }
}

/// `program`, told to end in order when the calling thread dies.
fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]).arg(program).current_dir("/").env_clear();
    command.envs([("LC_ALL", "C.UTF-8"), ("TZ", "Asia/Shanghai"), ("PATH", "/usr/bin:/bin")]);
    command
}

fn enough_room(directory: &Path) -> Result<(), ClusterError> {
    let stats = statvfs(directory).map_err(|e| io_at(directory)(e.into()))?;
    if stats.blocks_available() * stats.fragment_size() < FREE_BYTES_MIN {
        return Err(ClusterError::DiskFull { directory: directory.to_owned() });
    }
    Ok(())
}

/// Whether a postmaster of this data directory is ready and its socket takes connections.
fn answers(pgdata: &Path, socket_directory: &Path) -> bool {
    let ready = fs::read_to_string(pgdata.join("postmaster.pid"))
        .is_ok_and(|text| text.lines().nth(7).is_some_and(|state| state.trim() == "ready"));
    ready && std::os::unix::net::UnixStream::connect(socket_directory.join(".s.PGSQL.5432")).is_ok()
}

#[derive(Debug, Clone)]
struct Binaries {
    directory: PathBuf,
    major: u32,
}

impl Binaries {
    /// The newest usable PostgreSQL, or the one that the existing cluster was made by.
    fn find(chosen: Option<&Path>, pgdata: &Path) -> Result<Binaries, ClusterError> {
        let mut places: Vec<PathBuf> = match chosen {
            Some(directory) => vec![directory.to_owned()],
            None => std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
        };
        if chosen.is_none()
            && let Ok(versions) = fs::read_dir("/usr/lib/postgresql")
        {
            places.extend(versions.flatten().map(|version| version.path().join("bin")));
        }
        let mut found: Vec<Binaries> = places.iter().filter_map(|place| Binaries::at(place)).collect();
        found.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
        let newest = found.first().cloned().ok_or(ClusterError::NoBinaries)?;
        match fs::read_to_string(pgdata.join("PG_VERSION")) {
            Err(_) => Ok(newest),
            Ok(version) => {
                found.into_iter().find(|b| b.major.to_string() == version.trim()).ok_or_else(|| ClusterError::Version {
                    directory: pgdata.to_owned(),
                    found: version.trim().to_owned(),
                    available: newest.major.to_string(),
                })
            }
        }
    }

    fn at(place: &Path) -> Option<Binaries> {
        // Debian's PATH holds a link to postgres alone; its neighbours lie where the link points.
        let postgres = fs::canonicalize(place.join("postgres")).ok()?;
        let directory = postgres.parent()?.to_owned();
        if !directory.join("initdb").exists() {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let major = number.split('.').next()?.parse().ok()?;
        (major >= OLDEST_MAJOR).then_some(Binaries { directory, major })
    }

    fn initdb(&self, pgdata: &Path) -> Result<(), ClusterError> {
        let output = command(&self.directory.join("initdb"))
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-instructions", "-U", SUPERUSER, "-D"])
            .arg(pgdata)
            .output()
            .map_err(io_at(&self.directory))?;
        if output.status.success() {
            return Ok(());
        }
        // A half-made cluster would be taken for a whole one at the next start.
        let _ = fs::remove_dir_all(pgdata);
        let detail = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("no message").to_owned();
        Err(ClusterError::Program { program: "initdb", detail })
    }

    fn postgres(&self, pgdata: &Path, sockets: &Path) -> Result<Child, ClusterError> {
        let log_path = pgdata.with_file_name("postgres.log");
        let log = fs::File::options().create(true).append(true).open(&log_path).map_err(io_at(&log_path))?;
        let mut command = command(&self.directory.join("postgres"));
        command.arg("-D").arg(pgdata).arg("-k").arg(sockets);
        for setting in [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "max_connections=100",
            "shared_buffers=256MB",
            "max_wal_size=4GB",
            // Statements are planned once: what the planner knows must not lag a minute behind a county that was just loaded.
            "autovacuum_naptime=10s",
            "work_mem=16MB",
            "timezone=Asia/Shanghai",
            "log_timezone=Asia/Shanghai",
            "jit=off",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().map_err(io_at(&self.directory))
    }
}

impl Supervisor {
    /// Starts the thread that owns the child, and waits until PostgreSQL answers.
    fn start(binaries: Binaries, pgdata: PathBuf, sockets: PathBuf) -> Result<Supervisor, ClusterError> {
        let stopping = Arc::new(AtomicBool::new(false));
        let pid = Arc::new(Mutex::new(None));
        let (report, first) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("postgres".to_owned())
            .spawn({
                let (stopping, pid) = (stopping.clone(), pid.clone());
                move || supervise(&binaries, &pgdata, &sockets, &stopping, &pid, &report)
            })
            .map_err(io_at(Path::new("thread")))?;
        let mut supervisor = Supervisor { stopping, pid, thread: Some(thread) };
        match first.recv() {
            Ok(Ok(())) => Ok(supervisor),
            Ok(Err(error)) => {
                supervisor.stop();
                Err(error)
            }
            Err(_) => Err(ClusterError::Program { program: "postgres", detail: "its thread ended".to_owned() }),
        }
    }

    /// Fast shutdown: open transactions are rolled back, everything committed is on disk.
    fn stop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        if let Ok(pid) = self.pid.lock()
            && let Some(pid) = *pid
        {
            let _ = kill(pid, Signal::SIGINT);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Keeps one PostgreSQL running until told to stop; tells the first start's outcome.
fn supervise(
    binaries: &Binaries,
    pgdata: &Path,
    sockets: &Path,
    stopping: &AtomicBool,
    pid: &Mutex<Option<Pid>>,
    report: &mpsc::Sender<Result<(), ClusterError>>,
) {
    let mut started_once = false;
    // A postmaster that was killed may leave its lock behind until the last backend is gone.
    let patience = Instant::now() + Duration::from_secs(15);
    while !stopping.load(Ordering::SeqCst) {
        let mut child = match binaries.postgres(pgdata, sockets) {
            Ok(child) => child,
            Err(error) => {
                let _ = report.send(Err(error));
                return;
            }
        };
        if let (Ok(mut slot), Ok(id)) = (pid.lock(), i32::try_from(child.id())) {
            *slot = Some(Pid::from_raw(id));
        }
        let ready = wait_until_ready(&mut child, pgdata, sockets);
        match ready {
            Ready::Yes if !started_once => {
                started_once = true;
                let _ = report.send(Ok(()));
            }
            Ready::Yes => tracing::warn!("PostgreSQL was started again"),
            Ready::Ended if started_once || Instant::now() < patience => {
                thread::sleep(Duration::from_millis(200));
                continue;
            }
            Ready::Ended => {
                let _ = child.wait();
                let _ = report.send(Err(ClusterError::NotReady(pgdata.with_file_name("postgres.log"))));
                return;
            }
        }
        let _ = child.wait();
    }
}

enum Ready {
    Yes,
    Ended,
}

/// Waits as long as PostgreSQL lives: after a crash it reads its log again, which may take minutes, and whoever stops it
/// then makes it begin anew.
fn wait_until_ready(child: &mut Child, pgdata: &Path, sockets: &Path) -> Ready {
    let mut told = Instant::now();
    loop {
        if !matches!(child.try_wait(), Ok(None)) {
            return Ready::Ended;
        }
        let own = fs::read_to_string(pgdata.join("postmaster.pid"))
            .is_ok_and(|text| text.lines().next().is_some_and(|pid| pid.trim() == child.id().to_string()));
        if own && answers(pgdata, sockets) {
            return Ready::Yes;
        }
        if told.elapsed() > TELL_AFTER {
            told = Instant::now();
            let log = pgdata.with_file_name("postgres.log");
            tracing::warn!(log = %log.display(), "PostgreSQL is not ready yet; it may be recovering from a crash");
        }
        thread::sleep(Duration::from_millis(15));
    }
}
