//! The commands, one noun a file: its flags, its calls, and how its answers look.

pub mod account;
mod advice;
pub mod alerts;
pub mod audit;
pub mod backup;
pub mod capacity;
pub mod cluster;
pub mod completions;
pub mod docker;
pub mod doctor;
mod each;
pub mod enrol;
pub mod event;
pub mod events;
pub mod group;
pub mod host;
mod host_facts;
pub mod inventory;
pub mod key;
pub mod login;
pub mod logout;
pub mod moves;
pub mod notify;
pub mod pack;
pub mod policy;
pub mod service_account;
pub mod session;
mod status;
pub mod token;
pub mod totp;
pub mod user;
mod whoami;

use crate::{args::Command, context::Context, error::CliError};

/// Runs a command.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Command, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Command::Bootstrap(args) => enrol::bootstrap(args, context).await,
        Command::AcceptInvite(args) => enrol::accept_invite(args, context).await,
        Command::Login(args) => login::run(args, context).await,
        Command::Logout(args) => logout::run(args, context).await,
        Command::Docker(noun) => docker::run(noun, context).await,
        Command::Whoami => whoami::run(context).await,
        Command::Totp(args) => totp::run(args, context).await,
        Command::User(noun) => user::run(noun, context).await,
        Command::Group(noun) => group::run(noun, context).await,
        Command::Token(noun) => token::run(noun, context).await,
        Command::Host(noun) => host::run(noun, context).await,
        Command::Inventory(noun) => inventory::run(noun, context).await,
        Command::Policy(noun) => policy::run(noun, context).await,
        Command::Pack(noun) => pack::run(noun, context).await,
        Command::Event(noun) => event::run(noun, context).await,
        Command::Events(args) => events::run(args, context).await,
        Command::Audit(noun) => audit::run(noun, context).await,
        Command::Cluster(noun) => cluster::run(noun, context).await,
        Command::Capacity(noun) => capacity::run(noun, context).await,
        Command::Move(noun) => moves::run(noun, context).await,
        Command::Backup(noun) => backup::run(noun, context).await,
        Command::Account(noun) => account::run(noun, context).await,
        Command::ServiceAccount(noun) => service_account::run(noun, context).await,
        Command::Session(noun) => session::run(noun, context).await,
        Command::Key(noun) => key::run(noun, context).await,
        Command::Alerts(noun) => alerts::run(noun, context).await,
        Command::Notify(noun) => notify::run(noun, context).await,
        Command::Doctor(args) => doctor::run(args, context).await,
        Command::Status => status::run(context).await,
        Command::Completions(args) => completions::run(&args, context),
    }
}
