//! `account`: one's own password, authenticator and recovery codes.

use super::enrol::{new_password, show};
use crate::{
    client::{Api, Call, Factor},
    context::Context,
    error::CliError,
    input::secret,
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
    RecoveryCodes(Proof),
}

#[derive(Debug, Args)]
pub struct Proof {
    /// A recovery code in place of a code; it is used up
    #[arg(long, value_name = "CODE", conflicts_with = "totp", value_parser = secret)]
    recovery_code: Option<Secret>,
}

/// Flags of `account password`.
#[derive(Debug, Args)]
pub struct Password {
    /// Read the present password and the new one from standard input, a line each
    #[arg(long)]
    passwords_stdin: bool,
    #[command(flatten)]
    proof: Proof,
}

/// Flags of `account totp`.
#[derive(Debug, Args)]
pub struct Replacement {
    /// Ask nobody, and confirm the new authenticator with a computed code
    #[arg(long)]
    non_interactive: bool,
    #[command(flatten)]
    proof: Proof,
}

impl Proof {
    fn api(self, context: &Context<'_>) -> Result<Api, CliError> {
        let recovery = self.recovery_code.map(Factor::Recovery);
        context.api_with(recovery.or_else(|| context.totp().map(Factor::Totp)))
    }
}

/// `wharden account …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(command: Account, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Account::Password(args) => password(args, context).await,
        Account::Totp(args) => replace(args, context).await,
        Account::RecoveryCodes(proof) => {
            let codes: RecoveryCodes = proof.api(context)?.call(Call::post(&["account", "recovery-codes"])).await?;
            context
                .answer(&codes, |_| codes.recovery_codes.iter().map(|code| format!("{}\n", code.reveal())).collect())?;
            context.note("each is good once in place of a code; those of before are void");
            Ok(())
        }
    }
}

async fn password(args: Password, context: &mut Context<'_>) -> Result<(), CliError> {
    let (current_password, new) = if args.passwords_stdin {
        (context.console.secret_line("present password")?, context.console.secret_line("new password")?)
    } else {
        let current = Secret::new(context.ask_hidden("present password", "--passwords-stdin")?);
        (current, new_password(context)?)
    };
    let body = PasswordChange { current_password, new_password: new };
    args.proof.api(context)?.act(Call::post(&["account", "password"]).body(&body)?).await?;
    context.done("the password is changed; your other sessions are ended")
}

async fn replace(args: Replacement, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut api = args.proof.api(context)?;
    let me: WhoAmI = api.call(Call::get(&["whoami"])).await?;
    let username: UserName = me.username;
    let enrolment: Enrolment = api.call(Call::post(&["account", "totp"])).await?;
    show(&username, &enrolment, context)?;
    let code = if args.non_interactive {
        totp::code(&totp::read(&enrolment.totp_secret)?, context.console.now())
    } else {
        Secret::new(context.ask("code that the NEW authenticator shows now", "--non-interactive")?)
    };
    let complete = EnrolmentComplete { enrolment: enrolment.enrolment, code };
    api.act(Call::post(&["account", "totp", "complete"]).body(&complete)?).await?;
    context.note("the new authenticator counts from now on; your other sessions are ended");
    Ok(())
}
