//! The controller.

use mimalloc::MiMalloc;

/// A quarter of a controller's time under load goes into glibc's allocator otherwise: see `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    wharden_controller::cli::main()
}
