//! An escrow policy, entries and obligations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(|bytes: &[u8]| readers::simulation(bytes));
