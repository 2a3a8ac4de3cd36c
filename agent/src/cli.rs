//! The command line.

use crate::{break_glass, config, session::Address};
use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, time::Duration};

/// Guards the Docker Engine of this host.
#[derive(Debug, Parser)]
#[command(name = "wharden-agent", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make this host a member of a cluster, with a join token
    Enroll(Enroll),
    /// Guard the engine and keep a session with the controllers
    Run(Run),
    /// Put the engine's socket where only root reaches it, and the guard at its usual path
    Protect(Protect),
    /// Give the engine its usual path back
    Unprotect(Unprotect),
    /// In an emergency: let an OS user of this host pass the guard for a while, for everybody to see
    BreakGlass(BreakGlass),
    /// Show what this host enforces and how its session is
    Status(Status),
}

/// Where the agent keeps its files.
#[derive(Clone, Debug, Args)]
pub struct Data {
    /// Folder of the agent's files, mode 0700
    #[arg(long, env = "WHARDEN_DATA_DIR", value_name = "DIR", default_value = config::DEFAULT_DATA_DIR)]
    pub data_dir: PathBuf,
}

/// `wharden-agent enroll`.
#[derive(Debug, Args)]
pub struct Enroll {
    #[command(flatten)]
    pub data: Data,
    /// Controllers' addresses for agents, comma-separated
    #[arg(long, env = "WHARDEN_CONTROLLER", value_name = "HOST:7441", value_delimiter = ',', required = true)]
    pub controller: Vec<Address>,
    /// The join token; other users of this machine can see it while the command runs, so prefer --token-file
    #[arg(long, env = "WHARDEN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// File that holds the join token, read in place of --token; - is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "token")]
    pub token_file: Option<PathBuf>,
    /// Name of this host [default: the system's host name]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Replace an enrolment that is there
    #[arg(long)]
    pub force: bool,
}

/// `wharden-agent run`.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    pub data: Data,
    /// Configuration file [default: agent.toml in the data directory, if it is there]
    #[arg(long, env = "WHARDEN_AGENT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: config::Overrides,
}

/// `wharden-agent protect`.
#[derive(Debug, Args)]
pub struct Protect {
    #[command(flatten)]
    pub data: Data,
    /// The engine's usual socket [default: engine_socket of the configuration]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Folder for the engine's socket, on the same file system; made with mode 0700
    #[arg(long, value_name = "DIR", default_value = crate::protect::DEFAULT_FOLDER)]
    pub folder: PathBuf,
    /// Where systemd is the one that makes the engine's socket: restart its units too, which may stop containers
    #[arg(long)]
    pub now: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `wharden-agent unprotect`.
#[derive(Debug, Args)]
pub struct Unprotect {
    #[command(flatten)]
    pub data: Data,
    /// Restart systemd's units of the engine too, which may stop containers
    #[arg(long)]
    pub now: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `wharden-agent break-glass`.
#[derive(Debug, Args)]
pub struct BreakGlass {
    #[command(flatten)]
    pub data: Data,
    /// Why; stands in the events and in the controllers' audit
    #[arg(long, value_name = "TEXT", required_unless_present = "end")]
    pub reason: Option<String>,
    /// For how long, e.g. 30m; at most 24h
    #[arg(long = "for", value_name = "DURATION", required_unless_present = "end", value_parser = break_glass::parse_lasts)]
    pub lasts: Option<Duration>,
    /// The OS user that passes
    #[arg(long, value_name = "NAME", default_value = "root")]
    pub user: String,
    /// End it now
    #[arg(long, conflicts_with_all = ["reason", "lasts", "user"])]
    pub end: bool,
}

/// `wharden-agent status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub data: Data,
    /// text or json
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub output: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
