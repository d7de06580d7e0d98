//! MT940 and MT942.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(|bytes: &[u8]| readers::mt940(bytes));
