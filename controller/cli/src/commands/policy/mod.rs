//! `policy`: who may do what.

mod actions;
mod can;
mod diff;
mod edit;
mod read;
mod simulate;
mod suggest;
mod test;
mod validate;

use crate::{context::Context, error::CliError};
use clap::Subcommand;
pub use edit::told;
use std::path::PathBuf;
use wharden_model::{Mode, PolicyName};

const HELP: &str = "\
A policy is one document of Cedar rules. FILE may be - for standard input.

Examples:
  wharden policy validate ./team.cedar
  wharden policy put team ./team.cedar --mode monitor
  wharden policy diff team ./team.cedar
  wharden policy mode team enforce
  wharden policy rollback team
  wharden policy test --user bob --host web1 docker run --privileged alpine
  wharden policy can --user ann host.posture web1
  wharden policy simulate ./team.cedar --since 7d
  wharden policy suggest --user bob --since 7d";

const PUT_HELP: &str = "\
Without NAME the file's name says it: ./team.cedar is the policy team. Without --mode a new policy
is enforced and an old one keeps its mode.

Examples:
  wharden policy put ./team.cedar --mode monitor
  wharden policy put team - --if-version 3 < team.cedar";

/// Commands of `policy`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Policy {
    /// List policies
    #[command(visible_alias = "ls")]
    List,
    /// Show one policy and its text
    Show {
        name: PolicyName,
        /// An old version
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        /// Only the text
        #[arg(long)]
        text: bool,
    },
    /// Create or replace a policy
    #[command(after_help = PUT_HELP, override_usage = "wharden policy put [OPTIONS] [NAME] <FILE>")]
    Put {
        /// The file; before it the policy's name, if the file's does not say it
        #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
        name_and_file: Vec<PathBuf>,
        /// enforce, monitor or disabled
        #[arg(long)]
        mode: Option<Mode>,
        /// Only if this is the present version; 0 for none
        #[arg(long, value_name = "N")]
        if_version: Option<u64>,
    },
    /// Say whether a text is valid, with line and column of what is not
    Validate { file: PathBuf },
    /// Show what a file, or the newest version against an old one, would change
    Diff(diff::Diff),
    /// List the versions of a policy, newest first
    History { name: PolicyName },
    /// Make an old version the newest
    Rollback {
        name: PolicyName,
        /// The version; the one before the newest without it
        #[arg(long, value_name = "N")]
        to: Option<u64>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Remove a policy
    #[command(visible_aliases = ["rm", "delete"])]
    Remove {
        name: PolicyName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Change how a policy takes part: enforce, monitor or disabled
    Mode { name: PolicyName, mode: Mode },
    /// Ask what would be decided, without doing it
    Test(test::Test),
    /// Ask whether somebody may do something in Wharden itself
    Can(can::Can),
    /// Show what drafts would have changed about recorded decisions
    Simulate(simulate::Simulate),
    /// Write the least rules that allow what a user did
    Suggest(suggest::Suggest),
    /// List the actions that rules can name
    Actions(actions::Actions),
}

/// `wharden policy …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Policy, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Policy::List => read::list(context).await,
        Policy::Show { name, version, text } => read::show(&name, version, text, context).await,
        Policy::History { name } => read::history(&name, context).await,
        Policy::Put { name_and_file, mode, if_version } => edit::put(&name_and_file, mode, if_version, context).await,
        Policy::Rollback { name, to, yes } => edit::rollback(&name, to, yes, context).await,
        Policy::Remove { name, yes } => edit::remove(&name, yes, context).await,
        Policy::Mode { name, mode } => edit::mode(&name, mode, context).await,
        Policy::Validate { file } => validate::run(&file, context).await,
        Policy::Diff(args) => diff::run(&args, context).await,
        Policy::Test(args) => test::run(args, context).await,
        Policy::Can(args) => can::run(args, context).await,
        Policy::Simulate(args) => simulate::run(args, context).await,
        Policy::Suggest(args) => suggest::run(args, context).await,
        Policy::Actions(args) => actions::run(&args, context),
    }
}
