//! What the fuzz targets have in common; `tests/outside_bytes.rs` uses the same file.

pub mod readers;
