//! Sheets of institutions as bureaus have them, from file to report.

#[path = "import_reader/broken.rs"]
mod broken;
#[path = "import_reader/files.rs"]
mod files;
#[path = "import_reader/shared.rs"]
mod shared;
#[path = "import_reader/sheets.rs"]
mod sheets;
