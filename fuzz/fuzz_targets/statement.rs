//! A statement file of whatever kind: zip, XLSX, XLS, XML, SWIFT, text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(init: mingjian_fuzz::pass_over_caught_panics(), |bytes: &[u8]| readers::any_statement(bytes));
