//! `completions`: a script that teaches a shell the commands and flags.

use crate::{args, context::Context, error::CliError};
use clap::Args;
use clap_complete::Shell;

const HELP: &str = "\
Examples:
  wharden completions bash > ~/.local/share/bash-completion/completions/wharden
  wharden completions zsh > ~/.zfunc/_wharden";

/// Flags of `completions`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Completions {
    shell: Shell,
}

/// `wharden completions SHELL`.
///
/// # Errors
/// [`CliError::Output`] when nobody takes it.
pub fn run(args: &Completions, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(None), "wharden", &mut script);
    context.console.print(&String::from_utf8_lossy(&script))
}
