//! The `mingjian` program: parses the command line and calls one function.

use std::process::ExitCode;

/// Long-running ingest frees and takes many small blocks; the system allocator fragments on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mingjian::cli::main()
}
