//! The running service as a test sees it: one real process with its own PostgreSQL for all tests of this program.
//!
//! Tests do not share counties: each takes its own from the table of divisions, so that they run side by side.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use mingjian::{db::open::connect, kernel::RegionCode};
use reqwest::{
    Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tokio_postgres::Config;

/// Wednesday morning, a school day far from any holiday; the service's clock stands here.
pub const NOW: &str = "2026-03-18T09:00:00+08:00";
/// Every account of the tests has this password.
pub const PASSWORD: &str = "correct horse battery staple";

/// The service.
pub struct TestApp {
    pub address: String,
    pub data: PathBuf,
    /// What it says about its work.
    pub log: PathBuf,
}

static APP: OnceLock<TestApp> = OnceLock::new();
static NEXT_COUNTY: AtomicUsize = AtomicUsize::new(0);
static NEXT_NAME: AtomicUsize = AtomicUsize::new(0);

/// The service of this test program, started on first use.
pub fn app() -> &'static TestApp {
    APP.get_or_init(|| TestApp::start(&[]))
}

impl TestApp {
    /// Starts a service of its own with more arguments; it ends when the test program ends.
    pub fn start(arguments: &[&str]) -> TestApp {
        TestApp::start_with(arguments, &[])
    }

    /// The same with variables of the environment.
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> TestApp {
        forget_dead_runs();
        let number = TestApp::next_number();
        let data = std::env::temp_dir().join(format!("mingjian-test-{}-{number}", std::process::id()));
        TestApp::launch(data, NOW, arguments, environment)
    }

    /// Starts another process on the same data, whose clock stands elsewhere.
    ///
    /// Not of the service that stories share: the other process looks over all of their counties as if it were `now`.
    pub fn beside(&self, now: &str, arguments: &[&str]) -> TestApp {
        let is_shared = APP.get().is_some_and(|shared| std::ptr::eq(shared, self));
        assert!(!is_shared || now == NOW, "a story whose clock is moved starts a service of its own");
        TestApp::launch(self.data.clone(), now, arguments, &[])
    }

    fn launch(data: PathBuf, now: &str, arguments: &[&str], environment: &[(&str, &str)]) -> TestApp {
        let number = TestApp::next_number();
        let (report, address) = mpsc::channel();
        let mut command = Command::new("setpriv");
        // The service gets SIGTERM when the thread below ends, which is when the test program ends.
        command.args(["--pdeathsig", "TERM", env!("CARGO_BIN_EXE_mingjian"), "serve", "--data"]);
        let log = data.with_extension(format!("{number}.log"));
        let lines = std::fs::File::create(&log).expect("a log file");
        command
            .arg(&data)
            .args(if arguments.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] })
            .args(arguments)
            .env("MINGJIAN_CLOCK", now)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(lines);
        thread::spawn(move || {
            let mut child = command.spawn().expect("the service starts");
            let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
            for line in lines.map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("mingjian serves ") {
                    let _ = report.send(address.to_owned());
                }
            }
            let _ = child.wait();
        });
        let address =
            address.recv_timeout(std::time::Duration::from_secs(60)).expect("the service says where it listens");
        TestApp { address, data, log }
    }

    /// Looks over one county as if it were `now`, to the minute.
    pub fn sweep(&self, county: RegionCode, now: &str) {
        let mut told = String::new();
        // A service that runs beside may be at it just now.
        for _ in 0..50 {
            let output = Command::new(env!("CARGO_BIN_EXE_mingjian"))
                .args(["sweep", "--region", &county.to_string(), "--data"])
                .arg(&self.data)
                .env("MINGJIAN_CLOCK", format!("{now}:00+08:00"))
                .output()
                .unwrap();
            told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{told}");
            if told.contains("1 looked over") {
                return;
            }
            thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("{told}");
    }

    /// Runs the program with arguments on this service's data; panics with its complaint if it fails.
    pub fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mingjian"))
            .args(arguments)
            .arg("--data")
            .arg(&self.data)
            .env("MINGJIAN_CLOCK", NOW)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one text that a statement gives, run by the database's own superuser.
    pub async fn run_sql(&self, sql: &str) -> String {
        self.database("mingjian_root").await.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Lets somebody sign in by password alone, so that a story about other things need not show codes.
    pub async fn spare_second_factor(&self, name: &str) {
        let sql = "UPDATE people SET second_factor_off = true WHERE username = $1";
        self.database("mingjian_root").await.execute(sql, &[&name]).await.unwrap();
    }

    /// A connection to the database itself by one of its roles; the superuser is `mingjian_root`.
    pub async fn database(&self, role: &str) -> tokio_postgres::Client {
        connect(&self.database_config(role)).await.unwrap()
    }

    /// Where the database listens, for one of its roles.
    pub fn database_config(&self, role: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.data.join("run")).user(role).dbname("mingjian");
        config
    }

    /// A county that no other test uses.
    pub fn county(&self) -> RegionCode {
        // Each test program has its own service, so counting from zero is enough.
        let provinces = ["130000", "140000", "410000"].map(|code| code.parse::<RegionCode>().unwrap().counties());
        provinces.concat()[NEXT_COUNTY.fetch_add(1, Ordering::SeqCst)]
    }

    /// A new account of a role, signed in both ways.
    pub async fn user(&self, role: &str, region: RegionCode) -> User {
        self.account(role, region, &[]).await
    }

    /// A new account of an institution's administrator.
    pub async fn institution_user(&self, region: RegionCode, credit_code: &str) -> User {
        self.account("institution_admin", region, &["--institution", credit_code]).await
    }

    async fn account(&self, role: &str, region: RegionCode, more: &[&str]) -> User {
        let name = format!("{role}.{}.{}", region, TestApp::next_number());
        let region_text = region.to_string();
        let email = format!("{name}@test.example");
        let mut arguments =
            vec!["user", "add", "--role", role, "--region", &region_text, "--password-stdin", "--email", &email];
        arguments.extend(["--second-factor", "off"]);
        arguments.extend(more);
        arguments.push(&name);
        self.run(&arguments, PASSWORD);
        self.sign_in(&name).await
    }

    /// A new account of which nothing is signed in yet, with a second factor where its role must have one; its name.
    pub fn stranger(&self, role: &str, region: RegionCode) -> String {
        let name = format!("{role}.{}.{}", region, TestApp::next_number());
        let (region, email) = (region.to_string(), format!("{name}@test.example"));
        self.run(
            &["user", "add", "--role", role, "--region", &region, "--password-stdin", "--email", &email, &name],
            PASSWORD,
        );
        name
    }

    /// Signs an account in: by API, and by the form as a browser does.
    pub async fn sign_in(&self, name: &str) -> User {
        let bearer = client().build().unwrap();
        let answer = bearer
            .post(format!("{}/api/v1/auth/login", self.address))
            .json(&json!({"username": name, "password": PASSWORD}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let tokens: Value = answer.json().await.unwrap();
        let browser = client().cookie_store(true).redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = browser
            .post(format!("{}/login", self.address))
            .form(&[("username", name), ("password", PASSWORD)])
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{name} signs in");
        User {
            address: self.address.clone(),
            name: name.to_owned(),
            token: tokens["access_token"].as_str().unwrap().to_owned(),
            refresh: tokens["refresh_token"].as_str().unwrap().to_owned(),
            bearer,
            browser,
        }
    }

    /// A number that no other test of this program uses.
    pub fn next_number() -> usize {
        NEXT_NAME.fetch_add(1, Ordering::SeqCst)
    }

    /// Somebody who is not signed in.
    pub fn visitor(&self) -> Visitor {
        Visitor {
            address: self.address.clone(),
            client: client().redirect(reqwest::redirect::Policy::none()).build().unwrap(),
        }
    }
}

/// Connections that rest are not used again: the service may be closing one at that very moment.
fn client() -> ClientBuilder {
    Client::builder().pool_max_idle_per_host(0)
}

fn forget_dead_runs() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix("mingjian-test-")) else { continue };
        let alive = rest.split('-').next().is_some_and(|pid| PathBuf::from(format!("/proc/{pid}")).exists());
        if !alive {
            let _ = std::fs::remove_dir_all(entry.path()).or_else(|_| std::fs::remove_file(entry.path()));
        }
    }
}

/// Somebody without an account.
pub struct Visitor {
    address: String,
    client: Client,
}

impl Visitor {
    /// Any request.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    /// A page or document.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// A page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// A JSON document that must be there.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }
}

/// Somebody signed in, with a program and a browser.
pub struct User {
    address: String,
    pub name: String,
    pub token: String,
    pub refresh: String,
    bearer: Client,
    pub browser: Client,
}

impl User {
    /// A request of the API.
    pub fn api(&self, method: Method, path: &str) -> RequestBuilder {
        self.bearer.request(method, format!("{}/api/v1{path}", self.address)).bearer_auth(&self.token)
    }

    /// A JSON document of the API that must be there.
    pub async fn json(&self, path: &str) -> Value {
        let answer = self.api(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// Posts JSON to the API; the status and the answer.
    pub async fn post_json(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.api(Method::POST, path).json(&body).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// Posts a file to the API.
    pub async fn post_file(&self, path: &str, fields: &[(&str, &str)], file_name: &str, text: String) -> Response {
        let form = with_file(Form::new(), fields, file_name, text.into_bytes());
        self.api(Method::POST, path).multipart(form).send().await.unwrap()
    }

    /// Sends a sheet for the register; the status and the report.
    pub async fn import(&self, fields: &[(&str, &str)], csv: String) -> (StatusCode, Value) {
        let answer = self.post_file("/institutions/import", fields, "institutions.csv", csv).await;
        (answer.status(), answer.json().await.unwrap())
    }

    /// A page in the browser, whatever its status.
    pub async fn get(&self, path: &str) -> Response {
        self.browser.get(format!("{}{path}", self.address)).send().await.unwrap()
    }

    /// A page that must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path} as {}", self.name);
        answer.text().await.unwrap()
    }

    /// The token of this browser's forms, read off a page.
    pub async fn csrf(&self) -> String {
        let home = if self.name.starts_with("institution") { "/org" } else { "/b" };
        let page = self.page(home).await;
        let at = page.find("name=\"_csrf\" value=\"").expect("a form with a token") + "name=\"_csrf\" value=\"".len();
        page[at..].split('"').next().unwrap().to_owned()
    }

    /// Submits a form as the browser does, with its token.
    pub async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let csrf = self.csrf().await;
        let mut fields = fields.to_vec();
        fields.push(("_csrf", &csrf));
        self.browser.post(format!("{}{path}", self.address)).form(&fields).send().await.unwrap()
    }

    /// Submits a form of several parts, which has its token already.
    pub async fn send_form(&self, path: &str, form: Form) -> Response {
        self.browser.post(format!("{}{path}", self.address)).multipart(form).send().await.unwrap()
    }

    /// Submits a form with one file.
    pub async fn upload(&self, path: &str, fields: &[(&str, &str)], file_name: &str, bytes: Vec<u8>) -> Response {
        let form = with_file(Form::new().text("_csrf", self.csrf().await), fields, file_name, bytes);
        self.browser.post(format!("{}{path}", self.address)).multipart(form).send().await.unwrap()
    }
}

fn with_file(form: Form, fields: &[(&str, &str)], file_name: &str, bytes: Vec<u8>) -> Form {
    let form = fields.iter().fold(form, |form, (name, value)| form.text((*name).to_owned(), (*value).to_owned()));
    form.part("file", Part::bytes(bytes).file_name(file_name.to_owned()))
}

const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// A valid credit code of a private non-enterprise unit (民非) of `region`, different for each `number`.
pub fn credit_code(region: RegionCode, number: u32) -> String {
    let organisation = format!("MJY{number:05}");
    let value = |byte: u8| char::from(byte).to_digit(36).unwrap();
    let sum: u32 = organisation.bytes().zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(byte, weight)| value(byte) * weight).sum();
    let inner = match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        digit => char::from_digit(digit, 10).unwrap(),
    };
    let body = format!("52{region}{organisation}{inner}");
    let mut weight = 1;
    let mut sum = 0;
    for byte in body.bytes() {
        sum += ALPHABET.iter().position(|letter| *letter == byte).unwrap() * weight;
        weight = weight * 3 % 31;
    }
    format!("{body}{}", char::from(ALPHABET[(31 - sum % 31) % 31]))
}

/// A county with officials and one institution in the register, with its escrow account.
pub struct World {
    pub county: RegionCode,
    pub admin: User,
    pub approver: User,
    pub org: User,
    pub credit_code: String,
    pub name: String,
    pub account: String,
}

/// Columns of the spreadsheet as bureaus send it.
pub const HEADER: &str = "institution_name,credit_code,org_kind,county_code,county,township_code,address,category,courses,licence_no,\
    licence_authority,licence_from,licence_to,legal_person,phone,escrow_bank,escrow_account_no,floor_area_m2,status";

/// One row of it.
pub fn row(county: RegionCode, name: &str, code: &str, account: &str) -> String {
    let place = county.name().unwrap();
    format!(
        "{name},{code},民办非企业单位,{county},{place},,{place}中山路 8 号,学科类,初中数学,教民{county}7000001号,{place}教育局,\
         2025-09-01,2028-08-31,陈明,15412345678,台州银行,{account},320.00,正常"
    )
}

impl World {
    /// In a county that no other test uses. The institution is called 启明星 with a number.
    pub async fn new() -> World {
        World::within(app()).await
    }

    /// In a service of its own.
    pub async fn within(app: &TestApp) -> World {
        let county = app.county();
        let number = u32::try_from(TestApp::next_number()).unwrap();
        let code = credit_code(county, number);
        let account = format!("{county}{number:08}");
        let name = format!("启明星学科培训中心{number}（样例）");
        let (admin, approver) = (app.user("bureau_admin", county).await, app.user("approver", county).await);
        let csv = format!("{HEADER}\n{}\n", row(county, &name, &code, &account));
        let (status, report) = admin.import(&[("region", &county.to_string())], csv).await;
        assert!(status.is_success() && report["accepted"] == 1, "{status} {report}");
        let org = app.institution_user(county, &code).await;
        World { county, admin, approver, org, credit_code: code, name, account }
    }

    /// Puts the institution on the white list: one official proposes, another decides.
    pub async fn list(&self) {
        let (status, approval) =
            self.admin.post_json("/lists/white", json!({"credit_code": self.credit_code, "reason": "资料齐全"})).await;
        assert!(status.is_success(), "{status} {approval}");
        let id = approval["id"].as_i64().expect("the approval's id");
        let (status, answer) = self
            .approver
            .post_json(&format!("/approvals/{id}/decisions"), json!({"decision": "approve", "comment": "同意"}))
            .await;
        assert!(status.is_success(), "{status} {answer}");
    }

    /// The id of the escrow account.
    pub async fn account_id(&self) -> i64 {
        let accounts = self.admin.json("/escrow/accounts").await;
        let own = accounts["items"].as_array().unwrap().iter().find(|item| item["account"] == self.account.as_str());
        own.unwrap_or_else(|| panic!("{accounts}"))["id"].as_i64().unwrap()
    }

    /// Sends a statement of the escrow account.
    pub async fn deliver(&self, statement: String) -> Response {
        let path = format!("/escrow/accounts/{}/statements", self.account_id().await);
        self.admin.post_file(&path, &[], "day.xml", statement).await
    }

    /// Sends a statement that must be taken in; what the service says of it.
    pub async fn delivered(&self, statement: String) -> Value {
        let answer = self.deliver(statement).await;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{status} {value}");
        value
    }
}
