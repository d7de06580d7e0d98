//! Processes killed while money comes in: every entry is there exactly once, and no warning is told twice.
//!
//! One service on a fresh data directory takes pushes and statement files while it, or its PostgreSQL, is killed with
//! no chance to put anything away. A second account that got the same entries in peace is the measure. With `SOAK=1`
//! there are fifty kills of each instead of two.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "api/app.rs"]
#[expect(dead_code, reason = "the stories over HTTP use the rest")]
mod app;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use app::{HEADER, NOW, TestApp, User, credit_code, row};
use mingjian::{identity::machine::signature, kernel::RegionCode};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

fn soak() -> bool {
    std::env::var_os("SOAK").is_some_and(|value| value == "1")
}

/// The process; the address changes with every start.
struct Service {
    child: Child,
    data: PathBuf,
    address: Arc<Mutex<String>>,
}

fn spawn(data: &Path) -> (Child, String) {
    let log = fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log")).unwrap();
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_mingjian"), "serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env("MINGJIAN_CLOCK", NOW)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.ok()?.strip_prefix("mingjian serves ").map(str::to_owned));
    (child, address.unwrap_or_else(|| panic!("no start; see {}", data.with_extension("log").display())))
}

impl Service {
    fn start(name: &str) -> Service {
        let data = std::env::temp_dir().join(format!("mingjian-test-{}-{name}", std::process::id()));
        let (child, address) = spawn(&data);
        Service { child, data, address: Arc::new(Mutex::new(address)) }
    }

    fn address(&self) -> String {
        self.address.lock().unwrap().clone()
    }

    fn app(&self) -> TestApp {
        TestApp { address: self.address(), data: self.data.clone(), log: self.data.with_extension("log") }
    }

    fn postmaster(&self) -> Option<u32> {
        fs::read_to_string(self.data.join("pg/postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
    }

    fn kill_service(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let (child, address) = spawn(&self.data);
        self.child = child;
        *self.address.lock().unwrap() = address;
    }

    fn kill_postgres(&self) {
        let Some(pid) = self.postmaster() else { return };
        assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
        let until = Instant::now() + Duration::from_secs(60);
        while self.postmaster().is_none_or(|now| now == pid) {
            assert!(Instant::now() < until, "another PostgreSQL starts");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address().trim_start_matches("http://")) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let _ = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.starts_with("HTTP/1.1 200")
    }

    fn wait_ready(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.ready() {
            assert!(Instant::now() < until, "ready again; see {}", self.data.with_extension("log").display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Resident memory in bytes.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    fn end(mut self) {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        fs::remove_dir_all(&self.data).unwrap();
        let _ = fs::remove_file(self.data.with_extension("log"));
    }
}

const OPENING_FEN: i64 = 45_000_000;
const BATCH: usize = 20;

/// The entries of one day: small ones in and out, now and then a fifth of what is there.
fn day(number: usize) -> Vec<Value> {
    let on = chrono::NaiveDate::from_ymd_opt(2016, 1, 4).unwrap() + chrono::Days::new(number as u64);
    let entry = |place: usize| {
        let grab = place == BATCH - 1 && number.is_multiple_of(10);
        let credit = !grab && !place.is_multiple_of(4);
        let fen = if grab { 10_000_000 } else { 100_000 + place * 7 + number };
        json!({"bank_ref": format!("D{number}-{place}"), "booked_on": on, "seq": place + 1,
               "direction": if credit { "credit" } else { "debit" }, "amount_fen": fen})
    };
    (0..BATCH).map(entry).collect()
}

/// A statement file of these entries, without balances, or with an opening balance.
fn file(account: &str, entries: &[Value], opening_fen: Option<i64>) -> String {
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    let opening = opening_fen.map_or_else(String::new, |fen| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{}</Dt></Dt></Bal>",
            yuan(fen),
            entries[0]["booked_on"].as_str().unwrap()
        )
    });
    let lines: String = entries
        .iter()
        .map(|entry| {
            let mark = if entry["direction"] == "credit" { "CRDT" } else { "DBIT" };
            format!(
                "<Ntry><Amt Ccy=\"CNY\">{}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>{}</Dt></BookgDt><AcctSvcrRef>{}</AcctSvcrRef></Ntry>",
                yuan(entry["amount_fen"].as_i64().unwrap()),
                entry["booked_on"].as_str().unwrap(),
                entry["bank_ref"].as_str().unwrap()
            )
        })
        .collect();
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><Stmt><Id>S</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>{opening}{lines}</Stmt></BkToCstmrStmt></Document>"
    )
}

/// Two institutions with an account each, an official and a bank's key.
#[derive(Clone)]
struct World {
    address: Arc<Mutex<String>>,
    token: String,
    key: String,
    secret: String,
    accounts: [(i64, String); 2],
    attempts: Arc<AtomicUsize>,
}

static NONCE: AtomicU64 = AtomicU64::new(0);

impl World {
    async fn of(service: &Service) -> World {
        let app = service.app();
        let county: RegionCode = "331002".parse().unwrap();
        let admin = app.user("bureau_admin", county).await;
        let key = app.run(&["key", "add", "--role", "bank", "--region", "331002", "台州银行"], "");
        let key: Value = serde_json::from_str(&key).unwrap();
        let rows: String = (1..=2)
            .map(|n| row(county, &format!("启明{n}（样例）"), &credit_code(county, n), &format!("33100200{n}")) + "\n")
            .collect();
        import(&admin, format!("{HEADER}\n{rows}")).await;
        let listed = admin.json("/escrow/accounts").await;
        let id = |number: &str| {
            let items = listed["items"].as_array().unwrap();
            items.iter().find(|item| item["account"] == number).unwrap()["id"].as_i64().unwrap()
        };
        let accounts = ["331002001", "331002002"].map(|number| (id(number), number.to_owned()));
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        World {
            address: Arc::clone(&service.address),
            token: admin.token.clone(),
            key: text("key"),
            secret: text("secret"),
            accounts,
            attempts: Arc::default(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.address.lock().unwrap())
    }

    /// One attempt; `None` when no answer came, or one that says to try again.
    async fn push(&self, account: usize, entries: &[Value]) -> Option<Value> {
        let body = json!({"account": self.accounts[account].1, "entries": entries}).to_string();
        let nonce = format!("nonce-of-the-kills-{:08}", NONCE.fetch_add(1, Ordering::SeqCst));
        let timestamp = chrono::DateTime::parse_from_rfc3339(NOW).unwrap().timestamp().to_string();
        let path = "/api/v1/bank/entries";
        let signed = signature(self.secret.as_bytes(), &timestamp, &nonce, "POST", path, body.as_bytes());
        let request = client().post(self.url("/bank/entries")).body(body);
        let headers = [
            ("x-mj-key", &self.key),
            ("x-mj-timestamp", &timestamp),
            ("x-mj-nonce", &nonce),
            ("x-mj-signature", &signed),
        ];
        answered(headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))).await
    }

    async fn upload(&self, account: usize, text: String) -> Option<Value> {
        let part = reqwest::multipart::Part::bytes(text.into_bytes()).file_name("day.xml");
        let form = reqwest::multipart::Form::new().part("file", part);
        let path = format!("/escrow/accounts/{}/statements", self.accounts[account].0);
        answered(client().post(self.url(&path)).bearer_auth(&self.token).multipart(form)).await
    }

    /// Delivers a day by push and by file, each again and again until it is accepted.
    async fn deliver(&self, number: usize) {
        let entries = day(number);
        let until = Instant::now() + Duration::from_secs(90);
        // The file brings the push again, and comes first on every other day.
        let (first, second) = if number.is_multiple_of(2) { (false, true) } else { (true, false) };
        for as_file in [first, second] {
            loop {
                assert!(Instant::now() < until, "day {number} is accepted in the end");
                self.attempts.fetch_add(1, Ordering::SeqCst);
                let answer = if as_file {
                    self.upload(0, file(&self.accounts[0].1, &entries, None)).await
                } else {
                    self.push(0, &entries).await
                };
                let Some(answer) = answer else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let count = |name: &str| answer[name].as_u64().unwrap();
                assert_eq!(count("inserted") + count("duplicates"), BATCH as u64, "{answer}");
                break;
            }
        }
    }

    async fn json(&self, path: &str) -> Value {
        let answer = client().get(self.url(path)).bearer_auth(&self.token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// All items of a list.
    async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let page = self.json(&format!("{path}{mark}limit=200{cursor}")).await;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

fn client() -> Client {
    Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
}

async fn import(admin: &User, csv: String) {
    let part = reqwest::multipart::Part::bytes(csv.into_bytes()).file_name("institutions.csv");
    let form = reqwest::multipart::Form::new().text("region", "331002").part("file", part);
    let answer = admin.api(Method::POST, "/institutions/import").multipart(form).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// What came back. Only what a killed process explains may go wrong.
async fn answered(request: reqwest::RequestBuilder) -> Option<Value> {
    let answer = request.send().await.ok()?;
    let status = answer.status();
    let text = answer.text().await.ok()?;
    if status.is_success() {
        return Some(serde_json::from_str(&text).unwrap());
    }
    assert!(status.is_server_error(), "{status} {text}");
    None
}

fn effect(entries: &[Value]) -> i64 {
    let signed = |entry: &Value| {
        let fen = entry["amount_fen"].as_i64().unwrap();
        if entry["direction"] == "credit" { fen } else { -fen }
    };
    entries.iter().map(signed).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_is_there_once_though_both_processes_are_killed_while_money_comes_in() {
    let mut service = Service::start("kills");
    let world = World::of(&service).await;
    let opening = file(&world.accounts[0].1, &day(0), Some(OPENING_FEN));
    world.upload(0, opening).await.expect("nothing is killed yet");
    let kills = if soak() { 100 } else { 4 };
    let mut wait = 0x5eed_u64;
    let mut next = 1;
    for kill in 0..kills {
        // Days go in one after the other until the kill has been survived.
        let (deliverer, begun) = (world.clone(), world.attempts.load(Ordering::SeqCst));
        let over = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&over);
        let from = next;
        let going = tokio::spawn(async move {
            let mut number = from;
            while seen.load(Ordering::SeqCst) == 0 || number < from + 2 {
                deliverer.deliver(number).await;
                number += 1;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            number
        });
        wait = wait.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(30 + (wait >> 33) % 250)).await;
        service = tokio::task::spawn_blocking(move || {
            if kill % 2 == 0 {
                service.kill_service()
            } else {
                service.kill_postgres()
            }
            service.wait_ready();
            service
        })
        .await
        .unwrap();
        over.store(1, Ordering::SeqCst);
        next = going.await.unwrap();
        assert!(world.attempts.load(Ordering::SeqCst) > begun);
    }

    let wanted: Vec<Value> = (0..next).flat_map(day).collect();
    // The measure: the same entries, in one file and in peace.
    let whole = file(&world.accounts[1].1, &wanted, Some(OPENING_FEN));
    assert_eq!(world.upload(1, whole).await.expect("in peace")["inserted"], wanted.len());
    for (id, _) in &world.accounts {
        let account = world.json(&format!("/escrow/accounts/{id}")).await;
        assert_eq!(account["balance_fen"], OPENING_FEN + effect(&wanted), "account {id}");
        let entries = world.all(&format!("/escrow/accounts/{id}/entries")).await;
        let content = |entries: &[Value]| -> Vec<String> {
            let fields = ["bank_ref", "booked_on", "direction", "amount_fen"];
            let mut lines: Vec<String> =
                entries.iter().map(|entry| fields.map(|field| entry[field].to_string()).join(" ")).collect();
            lines.sort();
            lines
        };
        assert_eq!(content(&entries), content(&wanted), "account {id}");
    }
    let warnings = world.all("/warnings").await;
    let of = |number: &str| -> Vec<String> {
        let own = warnings.iter().filter(|warning| warning["account"] == number);
        let mut told: Vec<String> = own
            .map(|warning| ["kind", "level", "raised_at", "bank_ref"].map(|field| warning[field].to_string()).join(" "))
            .collect();
        told.sort();
        told
    };
    let (killed, peace) = (of(&world.accounts[0].1), of(&world.accounts[1].1));
    assert!(!peace.is_empty(), "{warnings:?}");
    assert_eq!(killed, peace);
    // Nothing of it is news when it comes once more.
    let again = world.push(0, &day(next - 1)).await.expect("in peace");
    assert_eq!((&again["inserted"], &again["duplicates"]), (&json!(0), &json!(BATCH)));
    service.end();
}

/// Sends a body without end until the service answers or closes; the answer's first line and the bytes sent.
fn flood(service: &Service, token: &str, head: &str, bytes: usize) -> (String, usize) {
    let mut stream = TcpStream::connect(service.address().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.xml\"\r\n\r\n";
    let start = format!(
        "POST /api/v1/escrow/accounts/1/statements HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=b\r\n{head}\r\n\r\n"
    );
    let chunked = head.starts_with("transfer-encoding");
    let framed = |bytes: &[u8]| {
        if chunked { [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat() } else { bytes.to_vec() }
    };
    stream.write_all(start.as_bytes()).unwrap();
    stream.write_all(&framed(part.as_bytes())).unwrap();
    let piece = framed(&vec![b'x'; 1 << 20]);
    let mut sent = 0;
    let mut answer = [0; 12];
    while sent < bytes {
        stream.set_nonblocking(true).unwrap();
        let early = stream.peek(&mut answer).is_ok_and(|count| count == answer.len());
        stream.set_nonblocking(false).unwrap();
        if early || stream.write_all(&piece).is_err() {
            break;
        }
        sent += 1 << 20;
    }
    let _ = stream.read(&mut answer);
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}

#[tokio::test]
async fn an_upload_of_two_gigabytes_is_refused_without_taking_memory_and_the_service_goes_on() {
    let service = Service::start("flood");
    let admin = service.app().user("bureau_admin", "331002".parse().unwrap()).await;
    // The argument check of passwords takes its memory once, before this.
    let before = service.memory();
    let (answer, sent) = flood(&service, &admin.token, "content-length: 2147483648", 4 << 20);
    assert_eq!(answer, "HTTP/1.1 413", "a length that is named is refused at once, after {sent} bytes");
    // Without a length the body is refused where it passes the limit of 64 MiB.
    let rounds = if soak() { 6 } else { 1 };
    for _ in 0..rounds {
        let (answer, sent) = flood(&service, &admin.token, "transfer-encoding: chunked", 2 << 30);
        assert!(sent < 160 << 20, "{sent} bytes were taken");
        assert!(answer == "HTTP/1.1 413" || answer.starts_with('\0'), "{answer:?}");
        assert!(service.ready());
    }
    let grown = service.memory().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more than before");
    // On a connection of its own: the one from before may have been closed for being idle.
    assert_eq!(service.app().visitor().get("/healthz").await.status(), StatusCode::OK);
    service.end();
}
