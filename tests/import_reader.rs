//! Sheets of institutions as bureaus have them, from file to report.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(clippy::unwrap_used, reason = "a helper that cannot write its sample fails the test")]

#[path = "import_reader/broken.rs"]
mod broken;
#[path = "import_reader/files.rs"]
mod files;
#[path = "import_reader/shared.rs"]
mod shared;
#[path = "import_reader/sheets.rs"]
mod sheets;
