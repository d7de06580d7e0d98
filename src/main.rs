//! The `mingjian` program: parses the command line and calls one function.

use std::process::ExitCode;

/// Long-running ingest frees and takes many small blocks; the system allocator fragments on it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks the kernel for huge pages, of which a service at rest touches a little each: 28 MB more resident.
    // A kernel that cannot be told otherwise costs memory, not service.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    mingjian::cli::main()
}
