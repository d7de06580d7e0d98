//! A browser of its own for each story.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use serde_json::{Value, json};

use crate::app::{PASSWORD, User, app};

static DRIVER: OnceLock<String> = OnceLock::new();

/// The address of chromedriver, started on first use; it ends with the test program.
fn driver() -> &'static str {
    DRIVER.get_or_init(|| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        thread::spawn(move || {
            let mut child = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "chromedriver", &format!("--port={port}")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("chromedriver is installed (script/bootstrap)");
            let _ = child.wait();
        });
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "chromedriver answers");
            thread::sleep(Duration::from_millis(50));
        }
        format!("http://127.0.0.1:{port}")
    })
}

/// One window.
pub struct Browser {
    pub client: Client,
}

impl Browser {
    /// A new window of this width, with nobody signed in.
    pub async fn open(width: u32) -> Browser {
        let options = json!({
            "binary": "/usr/bin/chromium",
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=zh-CN", "--accept-lang=zh-CN,zh"],
        });
        // Below 500 px the window itself cannot go; the phone's view is set by emulation.
        let options = if width < 500 {
            let mut options = options;
            options["mobileEmulation"] =
                json!({"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1.0, "touch": true}});
            options
        } else {
            options
        };
        let capabilities = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let Value::Object(capabilities) = capabilities else { unreachable!() };
        let client = ClientBuilder::new(hyper_connector()).capabilities(capabilities).connect(driver()).await.unwrap();
        client.set_window_size(width.max(500), 1000).await.unwrap();
        Browser { client }
    }

    /// Opens a page of the service.
    pub async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", app().address)).await.unwrap();
    }

    /// Signs in by the form.
    pub async fn sign_in(&self, user: &User) {
        self.go("/login").await;
        self.fill("#username", &user.name).await;
        self.fill("#password", PASSWORD).await;
        self.click("form button[type=submit].w100").await;
        self.wait(".mj-tools form").await;
    }

    /// Waits for an element.
    pub async fn wait(&self, css: &str) -> Element {
        let found = self.client.wait().at_most(Duration::from_secs(15)).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{css} did not appear: {error}\n{}", self.text().await),
        }
    }

    /// Replaces the text of a field.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.wait(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Sets a field that is not typed into letter by letter, such as a date.
    pub async fn set(&self, css: &str, value: &str) {
        let field = serde_json::to_value(&self.wait(css).await).unwrap();
        let script =
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))";
        self.client.execute(script, vec![field, json!(value)]).await.unwrap();
    }

    /// Chooses an option by its value.
    pub async fn choose(&self, css: &str, value: &str) {
        self.wait(css).await.select_by_value(value).await.unwrap();
    }

    /// Clicks an element, brought into view first.
    pub async fn click(&self, css: &str) {
        let element = self.wait(css).await;
        let script = "arguments[0].scrollIntoView({block: 'center'})";
        self.client.execute(script, vec![serde_json::to_value(&element).unwrap()]).await.unwrap();
        element.click().await.unwrap();
    }

    /// Waits until the window has come to a page, whatever its query.
    pub async fn arrived(&self, path: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.client.current_url().await.unwrap().path() != path {
            assert!(Instant::now() < until, "the window came to {path}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What stands on the page.
    pub async fn text(&self) -> String {
        let value = self.client.execute("return document.body ? document.body.innerText : ''", vec![]).await.unwrap();
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Asserts that the page says something, waiting for it.
    pub async fn says(&self, words: &str) {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(Instant::now() < until, "the page does not say {words:?}:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs axe-core on the page as it stands; the violations, a line each.
    pub async fn axe(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/browser/node_modules/axe-core/axe.min.js"
        ))
        .expect("axe-core is installed (script/bootstrap)");
        // A script that WebDriver runs is not the page's, so the page's policy does not stop it.
        self.client.execute(&axe, vec![]).await.unwrap();
        let run = "const done = arguments[arguments.length - 1]; \
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
            .then(r => done(r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target.join(' ')).join(' | '))))";
        let found = self.client.execute_async(run, vec![]).await.unwrap();
        serde_json::from_value(found).unwrap()
    }

    /// How far the page is wider than its window, in pixels.
    pub async fn overflow(&self) -> i64 {
        let value = self
            .client
            .execute("return document.documentElement.scrollWidth - window.innerWidth", vec![])
            .await
            .unwrap();
        value.as_i64().unwrap_or(i64::MAX)
    }

    /// A picture of the page, for looking at (kept under `target/screenshots`).
    pub async fn picture(&self, name: &str) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots");
        std::fs::create_dir_all(folder).unwrap();
        let height = self
            .client
            .execute("return document.documentElement.scrollHeight", vec![])
            .await
            .unwrap()
            .as_u64()
            .unwrap_or(1000);
        let width = self.client.execute("return window.innerWidth", vec![]).await.unwrap().as_u64().unwrap_or(1280);
        let (width, height) = (u32::try_from(width).unwrap(), u32::try_from(height.min(4000)).unwrap());
        if width >= 500 {
            self.client.set_window_size(width, height + 120).await.unwrap();
        }
        std::fs::write(format!("{folder}/{name}.png"), self.client.screenshot().await.unwrap()).unwrap();
    }

    /// Closes the window.
    pub async fn close(self) {
        self.client.close().await.unwrap();
    }
}

fn hyper_connector() -> hyper_util::client::legacy::connect::HttpConnector {
    hyper_util::client::legacy::connect::HttpConnector::new()
}
