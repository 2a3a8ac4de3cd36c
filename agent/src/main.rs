//! `wharden-agent`: see [`wharden_agent::boot`].

use clap::Parser;
use std::process::ExitCode;
use wharden_agent::{boot, cli::Cli};

fn main() -> ExitCode {
    match boot::main(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wharden-agent: {error}");
            ExitCode::FAILURE
        }
    }
}
