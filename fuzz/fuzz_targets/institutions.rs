//! A spreadsheet of institutions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(init: mingjian_fuzz::pass_over_caught_panics(), |bytes: &[u8]| readers::institutions(bytes));
