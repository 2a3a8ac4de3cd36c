//! `key`: keys of the cluster.

use crate::{client::Call, context::Context, error::CliError, output::moment};
use clap::{Subcommand, ValueEnum};
use wharden_model::api::RotatedKey;

const HELP: &str = "\
The signing key makes access tokens. It is rotated by itself every 90 days; tokens of the old key
count until they end, ten minutes at most, so that nobody is logged out.

Examples:
  wharden key rotate signing --totp 123456";

/// Commands of `key`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Key {
    /// Make a new key in place of the present one
    Rotate { key: Rotatable },
}

/// Keys that can be rotated.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rotatable {
    // Signs access tokens.
    Signing,
}

/// `wharden key …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Key, context: &mut Context<'_>) -> Result<(), CliError> {
    let Key::Rotate { key: Rotatable::Signing } = command;
    let rotated: RotatedKey = context.api()?.call(Call::post(&["keys", "signing", "rotate"])).await?;
    let until = moment(context.console.now(), rotated.old_until);
    context.made(&rotated, &format!("key {} signs from now on; the old one counts until {until}", rotated.key_id))
}
