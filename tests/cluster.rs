//! The private PostgreSQL: it survives violence, stops when told, and says clearly why it cannot start.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

struct Service {
    child: Child,
    address: String,
    data: PathBuf,
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("mingjian-cluster-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mingjian"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).stdin(Stdio::null());
    command
}

impl Service {
    fn start(data: &Path) -> Service {
        let log = fs::File::create(data.with_extension("log")).unwrap();
        let mut child = command(data).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok()?.strip_prefix("mingjian serves http://").map(str::to_owned));
        Service { child, address: line.expect("it says where it listens"), data: data.to_owned() }
    }

    fn ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return false };
        use std::io::{Read, Write};
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = write!(stream, "GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    }

    fn postmaster(&self) -> Option<i32> {
        fs::read_to_string(self.data.join("pg/postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
    }

    fn stop(mut self, signal: &str) -> Option<i32> {
        kill(signal, i32::try_from(self.child.id()).unwrap());
        self.child.wait().unwrap().code()
    }
}

fn kill(signal: &str, pid: i32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < until, "{what}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_killed_postgres_is_started_again_and_a_killed_service_leaves_none_behind() {
    let data = folder("violence");
    let service = Service::start(&data);
    wait_for("ready at first", || service.ready());
    let first = service.postmaster().unwrap();
    kill("-9", first);
    wait_for("another PostgreSQL", || service.postmaster().is_some_and(|pid| pid != first));
    wait_for("ready after its PostgreSQL was killed", || service.ready());
    let second = service.postmaster().unwrap();
    service.stop("-9");
    wait_for("PostgreSQL follows a killed service", || !alive(second));
    let again = Service::start(&data);
    wait_for("ready after the service was killed", || again.ready());
    let third = again.postmaster().unwrap();
    assert_eq!(again.stop("-TERM"), Some(0), "SIGTERM ends it in order");
    assert!(!alive(third), "and its PostgreSQL with it");
    fs::remove_dir_all(&data).unwrap();
}

fn refused(data: &Path, more: &[(&str, &str)]) -> String {
    let Output { status, stdout, stderr } = command(data).envs(more.iter().copied()).output().unwrap();
    assert_eq!(status.code(), Some(2));
    assert!(stdout.is_empty());
    let complaint = String::from_utf8(stderr).unwrap();
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
}

#[test]
fn what_keeps_it_from_starting_is_said_in_one_line_with_the_mend() {
    let data = folder("version");
    Service::start(&data).stop("-TERM");
    fs::write(data.join("pg/PG_VERSION"), "9\n").unwrap();
    let complaint = refused(&data, &[]);
    assert!(complaint.contains("made by PostgreSQL 9") && complaint.contains("MINGJIAN_PG_BIN"), "{complaint}");

    let nowhere = refused(&folder("nowhere"), &[("MINGJIAN_PG_BIN", "/nonexistent")]);
    assert!(nowhere.contains("no PostgreSQL") && nowhere.contains("script/bootstrap"), "{nowhere}");

    let long = refused(&folder(&"x".repeat(90)), &[]);
    assert!(long.contains("too long for a socket") && long.contains("--data"), "{long}");

    let others = folder("others");
    fs::create_dir_all(&others).unwrap();
    fs::set_permissions(&others, fs::Permissions::from_mode(0o700)).unwrap();
    // Only root can give a directory away; somebody else's is what everybody else finds at /.
    let others = if chown(&others, Some(1), Some(1)).is_ok() { others } else { PathBuf::from("/") };
    let complaint = refused(&others, &[]);
    assert!(complaint.contains("belongs to another user") && complaint.contains("--data"), "{complaint}");
}

#[test]
fn a_full_disk_is_said_before_anything_is_made() {
    // A small file system of our own needs root and mount; where that is not allowed the message is checked in db::cluster.
    let mount = folder("full");
    fs::create_dir_all(&mount).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m,mode=1777", "tmpfs"]).arg(&mount).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("no mount allowed here: the full disk was not tried");
        return;
    }
    let complaint = refused(&mount.join("data"), &[]);
    let _ = Command::new("umount").arg(&mount).status();
    assert!(complaint.contains("256 MiB are free") && complaint.contains("make room"), "{complaint}");
}
