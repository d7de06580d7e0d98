//! camt.052, camt.053, camt.054.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(|bytes: &[u8]| readers::camt(bytes));
