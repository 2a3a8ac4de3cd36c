//! The command line: global flags and the table of commands. Each command's own flags stand in its file.

use crate::{commands, console::Console, error::CliError, input::secret, limits::HELP_WIDTH, output::Format};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use std::{ffi::OsString, path::PathBuf};
use wharden_model::api::Secret;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  refused or failed
  2  wrong usage
  3  not logged in

Environment:
  WHARDEN_URL         the controller, e.g. https://wharden.example.org:7440; --url goes first;
                      several with commas between them: the next one when one is away
  WHARDEN_CA_FILE     the only CA to trust, as PEM; --ca-file goes first
  WHARDEN_TOKEN       key of a service account, in place of a session
  WHARDEN_TOTP        a code of the second factor; --totp and --recovery-code go first
  WHARDEN_RECOVERY_CODE  a recovery code in place of it, for one change
  WHARDEN_TOTP_SECRET the secret that `wharden totp` makes codes of
  WHARDEN_CONFIG_DIR  folder of credentials.json (0600), ~/.config/wharden without it
  NO_COLOR            no colours

Without --url and WHARDEN_URL, commands go to the controller of the last login, and trust the CA
that was given then. A change that can hurt asks for a code of the second factor, or takes it from
--totp. Each code works once. With -o json, answers are JSON on standard output (with -o jsonl a
list is one thing on each line) and errors are JSON on standard error: {code, message, hint,
details?, retry_after_s?, request_id?, exit_code}.

Examples:
  wharden login --username alice
  wharden token create --ttl 1h --label env=prod --posture enforce
  wharden policy put baseline ./baseline.cedar --mode monitor
  wharden policy test --user bob --host web1 docker run --privileged alpine
  wharden events --follow --decision denied
  wharden inventory containers --image nginx
  wharden docker login --host web1";

/// Says who may do what with containers, on every host, and shows what is going on.
#[derive(Debug, Parser)]
#[command(name = "wharden", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Form of answers and errors: for people or for programs
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Format,
    /// The controller, https://HOST:PORT
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The only CA to trust, as PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Code of the second factor, for a login or for one change that asks for it
    #[arg(long, global = true, value_name = "CODE", value_parser = secret)]
    pub totp: Option<Secret>,
    /// A recovery code in place of a code; it is used up
    #[arg(long, global = true, value_name = "CODE", conflicts_with = "totp", value_parser = secret)]
    pub recovery_code: Option<Secret>,
    /// Go ahead although it takes your own rights; needs a code
    #[arg(long, global = true)]
    pub force: bool,
    /// Say nothing but the answer
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the first admin, with the token that `wharden-controller init` printed
    Bootstrap(commands::enrol::Bootstrap),
    /// Set up password and second factor with an invite
    AcceptInvite(commands::enrol::AcceptInvite),
    /// Start a session with password and second factor
    Login(commands::login::Login),
    /// End the session
    Logout(commands::logout::Logout),
    /// Show who is logged in
    Whoami,
    /// Print the current code of a TOTP secret, for scripts
    Totp(commands::totp::Totp),
    /// People and accounts
    #[command(subcommand)]
    User(commands::user::User),
    /// Groups of users
    #[command(subcommand)]
    Group(commands::group::Group),
    /// Join tokens, which enrol hosts
    #[command(subcommand)]
    Token(commands::token::Token),
    /// Enrolled hosts
    #[command(subcommand)]
    Host(commands::host::Host),
    /// What runs where: containers, images, volumes and networks of all hosts
    #[command(subcommand)]
    Inventory(commands::inventory::Inventory),
    /// Policies: who may do what
    #[command(subcommand)]
    Policy(commands::policy::Policy),
    /// Starter packs: policies to begin with
    #[command(subcommand)]
    Pack(commands::pack::Pack),
    /// Docker on hosts from elsewhere: certificates and contexts
    #[command(subcommand)]
    Docker(commands::docker::Docker),
    /// Decisions made on hosts
    Events(commands::events::Events),
    /// One decision: why, and what would do
    #[command(subcommand)]
    Event(commands::event::Event),
    /// What admins did
    #[command(subcommand)]
    Audit(commands::audit::Audit),
    /// The controllers: who they are, who comes, who goes
    #[command(subcommand)]
    Cluster(commands::cluster::Cluster),
    /// Room on hosts: alerts, what to move where, thresholds
    #[command(subcommand)]
    Capacity(commands::capacity::Capacity),
    /// Moves of containers, for people to make
    #[command(subcommand)]
    Move(commands::moves::Moves),
    /// Backups of the whole cluster
    #[command(subcommand)]
    Backup(commands::backup::Backup),
    /// Your own password, authenticator and recovery codes
    #[command(subcommand)]
    Account(commands::account::Account),
    /// Accounts of programs
    #[command(subcommand)]
    ServiceAccount(commands::service_account::ServiceAccounts),
    /// Who is logged in
    #[command(subcommand)]
    Session(commands::session::Sessions),
    /// Keys of the cluster
    #[command(subcommand)]
    Key(commands::key::Key),
    /// What a person should know of
    #[command(subcommand)]
    Alerts(commands::alerts::Alerts),
    /// Where alerts are sent on
    #[command(subcommand)]
    Notify(commands::notify::Notify),
    /// Find out what is wrong, and what to do
    Doctor(commands::doctor::Doctor),
    /// How controllers and hosts are
    Status,
    /// Print completions for a shell
    Completions(commands::completions::Completions),
}

/// What the words came to.
pub enum Parsed {
    /// Run this.
    Command(Box<Cli>),
    /// Show this: help or version.
    Text(String),
}

/// The command line's description, as wide as it is shown.
pub fn command(columns: Option<u16>) -> clap::Command {
    let width = columns.map_or(HELP_WIDTH, |c| usize::from(c).min(HELP_WIDTH));
    Cli::command().term_width(width)
}

/// Reads the words.
///
/// # Errors
/// [`CliError::Clap`] for wrong usage.
pub fn parse(words: &[OsString], console: &Console) -> Result<Parsed, CliError> {
    let parsed = command(console.columns)
        .try_get_matches_from(asking_for_help(words))
        .and_then(|matches| Cli::from_arg_matches(&matches).map(Box::new));
    match parsed {
        Ok(cli) => Ok(Parsed::Command(cli)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let text = error.render();
            let colour = console.columns.is_some() && console.may_colour();
            Ok(Parsed::Text(if colour { text.ansi().to_string() } else { text.to_string() }))
        }
        Err(error) => Err(error.into()),
    }
}

/// `wharden help NOUN VERB` is `wharden NOUN VERB --help`.
fn asking_for_help(words: &[OsString]) -> Vec<OsString> {
    match words {
        [program, help, of @ ..] if help == "help" => {
            std::iter::once(program).chain(of).cloned().chain(["--help".into()]).collect()
        }
        other => other.to_vec(),
    }
}

/// The form of the error when the words could not be read: JSON when they ask for it somewhere.
pub fn guess_format(words: &[OsString]) -> Format {
    let words: Vec<&str> = words.iter().filter_map(|w| w.to_str()).take_while(|w| *w != "--").collect();
    let joined = words
        .iter()
        .any(|w| matches!(*w, "-ojson" | "-o=json" | "--output=json" | "-ojsonl" | "-o=jsonl" | "--output=jsonl"));
    let apart = words.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json" | "jsonl"]));
    if joined || apart { Format::Json } else { Format::Table }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command(None).debug_assert();
    }
}
