//! What the fuzz targets have in common; `tests/outside_bytes.rs` uses the same file.

pub mod readers;

/// The workbook library's panics are caught and answered; only one that escapes is a finding. They are told in a line:
/// a backtrace of a program with sanitizers takes seconds, which would itself look like a finding.
pub fn pass_over_caught_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}
