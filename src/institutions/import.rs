//! Spreadsheets of institutions: rows in, checked rows and findings out.
