//! `docker`: the use of Docker on hosts from elsewhere. What is made here stays on this machine: the key, and the
//! contexts of the docker command; the controller only signs.

mod contexts;
mod kept;
mod login;
mod logout;

use crate::{context::Context, error::CliError};
use clap::Subcommand;

const HELP: &str = "\
`docker login` gets a certificate for 8 hours and makes a context of the docker command for each
host; `docker --context` then works from here, as you, by the policies of that host. It ends with
your session.

Examples:
  wharden docker login --host web1
  docker --context wharden-web1 ps
  wharden docker logout";

/// Commands of `docker`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Docker {
    /// Get a certificate and set up a context for each host
    Login(login::Login),
    /// Remove the contexts and end the session
    Logout,
}

/// `wharden docker …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Docker, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Docker::Login(args) => login::run(args, context).await,
        Docker::Logout => logout::run(context).await,
    }
}
