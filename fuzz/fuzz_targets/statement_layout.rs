//! What people say of columns, and the tables that are read so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mingjian_fuzz::readers;

fuzz_target!(|bytes: &[u8]| readers::layout(bytes));
