//! `totp`: the code of a secret, for scripts that own an account.

use crate::{context::Context, error::CliError, output::ago, totp};
use clap::Args;
use serde::Serialize;
use std::time::Duration;
use wharden_model::{Timestamp, api::Secret};

const HELP: &str = "\
Reads the base32 secret from WHARDEN_TOTP_SECRET, or from standard input as one line. A controller
takes each code once: --next is for a script that has just used the present one. A secret that is
kept beside the password makes the two factors one; for people, keep it elsewhere.

Examples:
  wharden login --username admin --password-stdin --totp \"$(wharden totp --next)\" < password-file";

/// Flags of `totp`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Totp {
    /// Wait until the present code is over and print the one after it
    #[arg(long)]
    next: bool,
    /// With --next, do not wait: controllers take a code up to 30 s early, if the clocks agree
    #[arg(long, requires = "next")]
    early: bool,
    /// Read the secret from standard input even when WHARDEN_TOTP_SECRET is set
    #[arg(long)]
    secret_stdin: bool,
}

#[derive(Serialize)]
struct Code<'a> {
    code: &'a Secret,
    expires_at: Timestamp,
}

/// `wharden totp`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: Totp, context: &mut Context<'_>) -> Result<(), CliError> {
    let secret = match context.console.var("WHARDEN_TOTP_SECRET") {
        Some(secret) if !args.secret_stdin => Secret::new(secret),
        _ => context.console.secret_line("TOTP secret")?,
    };
    let totp = totp::read(&secret)?;
    let mut at = context.console.now();
    if args.next {
        let next = Timestamp::from_secs(totp.next_step(at.as_secs()));
        if !args.early {
            tokio::time::sleep(Duration::from_millis(next.millis_since(at))).await;
        }
        at = next;
    }
    let code = totp::code(&totp, at);
    let expires_at = Timestamp::from_secs(totp.next_step(at.as_secs()));
    context.answer(&Code { code: &code, expires_at }, |_| code.reveal().to_owned())?;
    context.note(&format!("ends {}", ago(at, expires_at)));
    Ok(())
}
