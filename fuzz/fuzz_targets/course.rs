//! A course filing as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(|bytes: &[u8]| readers::course(bytes));
