//! Stories in Chromium, against the real service: what people see and do, at 1280 and at 390 pixels.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../api/app.rs"]
#[allow(dead_code, reason = "these stories need only some of what the harness offers")]
mod app;
mod chromium;
mod evidence;
mod ledger;
mod looks;
mod policies;
#[path = "../api/samples.rs"]
#[allow(dead_code, reason = "no course is filed by the API here")]
mod samples;
mod sign_in;
mod story;
mod tokens;
mod watch;
