//! `wharden-agent`: see [`wharden_agent::boot`].

use clap::Parser;
use mimalloc::MiMalloc;
use std::process::ExitCode;
use wharden_agent::{boot, cli::Cli};

/// Gives back what a burst of connections needed; glibc's keeps most of it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match boot::main(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wharden-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
