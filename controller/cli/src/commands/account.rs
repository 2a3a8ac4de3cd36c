//! `account`: one's own password, authenticator and recovery codes.

use super::enrol::{confirmed, new_password, show};
use crate::{
    client::{Api, Call},
    context::Context,
    error::CliError,
    totp,
};
use clap::{Args, Subcommand};
use wharden_model::{
    UserName,
    api::{Enrolment, EnrolmentComplete, PasswordChange, RecoveryCodes, Secret, WhoAmI},
};

const HELP: &str = "\
Each asks for a code of the authenticator that is there, or takes one from --totp; when the device
is lost, --recovery-code does. Your other sessions end. When that is lost too, another admin runs
`wharden user reset`; the only admin, `wharden-controller recover` on a controller's console.

Examples:
  wharden account password
  wharden account totp --recovery-code abcde-fghjk
  wharden account recovery-codes";

/// Commands of `account`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Account {
    /// Change the password
    Password(Password),
    /// Set up another authenticator; recovery codes are made anew too
    Totp(Replacement),
    /// Make ten new recovery codes; the old ones are void
    RecoveryCodes,
}

/// Flags of `account password`.
#[derive(Debug, Args)]
pub struct Password {
    /// Read the present password and the new one from standard input, a line each
    #[arg(long)]
    passwords_stdin: bool,
}

/// Flags of `account totp`.
#[derive(Debug, Args)]
pub struct Replacement {
    /// Ask nobody, and confirm the new authenticator with a computed code
    #[arg(long)]
    non_interactive: bool,
}

/// `wharden account …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Account, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Account::Password(args) => password(args, context).await,
        Account::Totp(args) => replace(args, context).await,
        Account::RecoveryCodes => {
            let call = Call::post(&["account", "recovery-codes"]).with_code();
            let codes: RecoveryCodes = context.api()?.call(call).await?;
            context
                .answer(&codes, |_| codes.recovery_codes.iter().map(|code| format!("{}\n", code.reveal())).collect())?;
            context.note("each is good once in place of a code; those of before are void");
            Ok(())
        }
    }
}

async fn password(args: Password, context: &mut Context<'_>) -> Result<(), CliError> {
    // Whether there is a session is better known before three passwords are typed.
    let mut api = context.api()?;
    let (current_password, new) = if args.passwords_stdin {
        (context.console.secret_line("present password")?, context.console.secret_line("new password")?)
    } else {
        let current = Secret::new(context.ask_hidden("present password", "--passwords-stdin")?);
        (current, new_password(context)?)
    };
    let body = PasswordChange { current_password, new_password: new };
    api.act(Call::post(&["account", "password"]).body(&body)?.with_code()).await?;
    context.done("the password is changed; your other sessions are ended")
}

async fn replace(args: Replacement, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut api = context.api()?;
    // What is printed below is worth nothing to whoever cannot go on.
    if args.non_interactive && context.factor()?.is_none() {
        return Err(CliError::usage(
            "no code of the present authenticator was given",
            "give one with --totp, or a recovery code with --recovery-code",
        ));
    }
    if !args.non_interactive && context.console.prompts.is_none() {
        return Err(CliError::usage(
            "there is no terminal to show the new authenticator's secret and ask for its code",
            "give --non-interactive, and keep the TOTP secret and recovery codes that it prints",
        ));
    }
    let me: WhoAmI = api.call(Call::get(&["whoami"])).await?;
    let username: UserName = me.username;
    let enrolment: Enrolment = api.call(Call::post(&["account", "totp"])).await?;
    show(&username, &enrolment, context)?;
    let replaced = if args.non_interactive {
        let code = totp::code(&totp::read(&enrolment.totp_secret)?, context.console.now());
        complete(&mut api, &enrolment, code).await
    } else {
        let what = "code that the NEW authenticator shows now";
        confirmed(what, context, async |code| complete(&mut api, &enrolment, code).await).await
    };
    if let Err(error) = replaced {
        context.console.warn("nothing has changed: the secret and the recovery codes above are void");
        return Err(error);
    }
    context.note("the new authenticator counts from now on; your other sessions are ended");
    Ok(())
}

async fn complete(api: &mut Api, enrolment: &Enrolment, code: Secret) -> Result<(), CliError> {
    let complete = EnrolmentComplete { enrolment: enrolment.enrolment.clone(), code };
    api.act(Call::post(&["account", "totp", "complete"]).body(&complete)?.with_code()).await
}
