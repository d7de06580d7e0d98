//! The records of an old workbook.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(init: {
    // The workbook library's panics are caught and answered; only one that escapes is a finding.
    let _ = std::panic::take_hook();
}, |bytes: &[u8]| readers::xls(bytes));
