//! The watched folder: what is put there goes in once, whatever becomes of the one who watches.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    app::{NOW, TestApp, World, app},
    samples::{OPENING, camt},
};

fn command(world: &World, folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mingjian"));
    command.args(["statements", "watch"]).arg(folder).args([
        "--region",
        &world.county.to_string(),
        "--every",
        "1",
        "--rest",
        "0",
    ]);
    command.args(more).arg("--data").arg(&app().data).env("MINGJIAN_CLOCK", NOW).stdin(Stdio::null());
    command
}

/// Takes in what is there; the exit status and what was said of each file.
fn once(world: &World, folder: &Path, more: &[&str]) -> (i32, Vec<Value>) {
    let Output { status, stdout, stderr } = command(world, folder, &[&["--once"], more].concat()).output().unwrap();
    assert!(status.code() != Some(2), "{}", String::from_utf8_lossy(&stderr));
    let lines = String::from_utf8(stdout).unwrap();
    (status.code().unwrap(), lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// A folder that whoever the service runs as may work in: the tests may run as the machine's own administrator.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

/// Puts a file there that the watcher may replace.
fn put(path: PathBuf, text: impl AsRef<[u8]>) {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn books(world: &World) -> (i64, Vec<String>) {
    let id = world.account_id().await;
    let account = world.admin.json(&format!("/escrow/accounts/{id}")).await;
    let entries = world.admin.json(&format!("/escrow/accounts/{id}/entries?limit=200")).await;
    let mut refs: Vec<String> =
        entries["items"].as_array().unwrap().iter().map(|e| e["bank_ref"].as_str().unwrap().to_owned()).collect();
    refs.sort();
    (account["balance_fen"].as_i64().unwrap(), refs)
}

#[tokio::test]
async fn whole_files_go_in_and_bad_ones_lie_beside_their_reasons() {
    let world = World::new().await;
    let folder = folder();
    let root = folder.path();
    put(root.join("一日.xml"), camt(&world.account, OPENING, &[("2026-03-02", true, 5_000, "F1")]));
    put(root.join("坏.xml"), "<Document><BkToCstmrStmt><Stmt>");
    put(root.join("别家.xml"), camt("999900001111", OPENING, &[("2026-03-02", true, 5_000, "F2")]));
    put(root.join("正在写.xml.part"), "<Doc");
    let (status, lines) = once(&world, root, &[]);
    assert_eq!((status, lines.len()), (1, 3), "{lines:?}");
    assert_eq!(lines[0], json!({"file": "一日.xml", "refused": false, "inserted": 1, "duplicates": 0}));
    assert_eq!(files(&root.join("done")), ["一日.xml"]);
    assert_eq!(files(&root.join("refused")), ["别家.xml", "别家.xml.txt", "坏.xml", "坏.xml.txt"]);
    let reason = fs::read_to_string(root.join("refused/坏.xml.txt")).unwrap();
    assert!(reason.contains("第 1 行") && reason.contains("line 1") && reason.contains("没有入账"), "{reason}");
    let reason = fs::read_to_string(root.join("refused/别家.xml.txt")).unwrap();
    assert!(reason.contains("没有备案这个监管账户") && reason.contains("no escrow account"), "{reason}");
    assert!(root.join("正在写.xml.part").exists());
    assert_eq!(books(&world).await, (OPENING + 5_000, vec!["F1".to_owned()]));
    // The same again under the same name: known already, and nothing in done is written over.
    fs::copy(root.join("done/一日.xml"), root.join("一日.xml")).unwrap();
    let (status, lines) = once(&world, root, &[]);
    assert_eq!(
        (status, &lines[0]["file"], &lines[0]["duplicates"]),
        (0, &json!("一日 (2).xml"), &json!(1)),
        "{lines:?}"
    );
    // Files that name no account are for the one that the watcher was given.
    put(root.join("明细.csv"), "交易日期,收入,支出,余额,流水号\n20260303,10.00,,450060.00,F3\n");
    let (status, lines) = once(&world, root, &["--account", &world.account]);
    assert_eq!((status, &lines[0]["inserted"]), (0, &json!(1)), "{lines:?}");
    let mut twice = command(&world, root, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let other = command(&world, root, &["--once"]).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&other.stderr).contains("another process"), "one watcher a folder");
    stop(&mut twice);
}

fn stop(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn broken_off_between_any_two_steps_nothing_is_lost_and_nothing_doubled() {
    let world = World::new().await;
    let folder = folder();
    let root = folder.path();
    let mut opening = OPENING;
    let mut statement = |day: u32| {
        let (date, reference) = (format!("2026-01-{day:02}"), format!("K{day:02}"));
        let text = camt(&world.account, opening, &[(&date, true, 1_000, &reference)]);
        opening += 1_000;
        (format!("日终{day:02}.xml"), text)
    };
    // Moved, and then nothing more.
    let (name, text) = statement(1);
    once(&world, root, &[]);
    put(root.join(".taking").join(&name), text);
    // Taken in, and not moved on.
    let (name, text) = statement(2);
    put(root.join(&name), &text);
    once(&world, root, &[]);
    fs::rename(root.join("done").join(&name), root.join(".taking").join(&name)).unwrap();
    // The reason written, and the file not moved yet.
    put(root.join(".taking/坏.xml"), "<Document>");
    put(root.join("refused/.坏.xml.txt.tmp"), "half a reason");
    let (_, lines) = once(&world, root, &[]);
    assert!(lines.iter().any(|line| line["file"] == name.as_str() && line["duplicates"] == 1), "{lines:?}");
    assert_eq!(files(&root.join("refused")), ["坏.xml", "坏.xml.txt"]);
    assert!(fs::read_to_string(root.join("refused/坏.xml.txt")).unwrap().contains("line 1"));
    // Killed at whatever moment, while files keep coming.
    for day in 3..=14 {
        let (name, text) = statement(day);
        put(root.join(".incoming"), text);
        fs::rename(root.join(".incoming"), root.join(&name)).unwrap();
        let mut watcher = command(&world, root, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(900 + u64::from(day) * 97)).await;
        stop(&mut watcher);
    }
    once(&world, root, &[]);
    let expected: Vec<String> = (1..=14).map(|day| format!("K{day:02}")).collect();
    assert_eq!(books(&world).await, (OPENING + 14_000, expected));
    assert_eq!(files(&root.join(".taking")), Vec::<String>::new());
    assert_eq!(files(&root.join("done")).len(), 14, "{:?}", files(&root.join("done")));
}

#[tokio::test]
async fn a_service_takes_in_what_is_put_into_the_folder_of_each_bureau() {
    let folder = folder();
    let root = folder.path();
    let service = TestApp::start(&["--statements", root.to_str().unwrap()]);
    let world = World::within(&service).await;
    let own = root.join(world.county.to_string());
    fs::create_dir(&own).unwrap();
    fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
    // Longer than a file may lie before it counts as whole.
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    for (name, text) in [
        ("日终.xml", camt(&world.account, OPENING, &[("2026-03-02", true, 5_000, "F1")])),
        ("坏.xml", "<Document>".to_owned()),
    ] {
        put(own.join(name), text);
        fs::File::options().write(true).open(own.join(name)).unwrap().set_modified(long_ago).unwrap();
    }
    // What is not named by a division code is left alone.
    fs::create_dir(root.join("旧文件")).unwrap();
    put(root.join("旧文件/日终.xml"), "<Document>");
    for _ in 0..60 {
        if own.join("done/日终.xml").exists() && own.join("refused/坏.xml.txt").exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(books(&world).await, (OPENING + 5_000, vec!["F1".to_owned()]));
    assert!(fs::read_to_string(own.join("refused/坏.xml.txt")).unwrap().contains("line 1"));
    assert_eq!(files(&root.join("旧文件")), ["日终.xml"]);
    let refused = Command::new(env!("CARGO_BIN_EXE_mingjian"))
        .args(["serve", "--statements", "/nowhere/at/all", "--listen", "127.0.0.1:0", "--data"])
        .arg(&app().data)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("make it first"));
}

#[tokio::test]
async fn a_large_file_of_the_folder_goes_in_while_it_is_read() {
    let world = World::new().await;
    let folder = folder();
    let root = folder.path();
    let count = 40_000;
    let refs: Vec<String> = (0..count).map(|n| format!("L{n:07}")).collect();
    let lines: Vec<(&str, bool, i64, &str)> =
        refs.iter().map(|reference| ("2026-03-02", true, 100, reference.as_str())).collect();
    let text = camt(&world.account, OPENING, &lines);
    // A remark makes it as long as what large banks send.
    let text = text.replacen("</Ntry>", &format!("<!-- {} --></Ntry>", "x".repeat(17 << 20)), 1);
    assert!(text.len() > 16 << 20);
    put(root.join("大.xml"), text);
    let (status, lines) = once(&world, root, &[]);
    assert_eq!((status, &lines[0]["inserted"]), (0, &json!(count)), "{lines:?}");
    let id = world.account_id().await;
    assert_eq!(world.admin.json(&format!("/escrow/accounts/{id}")).await["balance_fen"], OPENING + count * 100);
}
