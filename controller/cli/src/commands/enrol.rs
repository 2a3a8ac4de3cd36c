//! `bootstrap` and `accept-invite`: an account gets its password and second factor in two steps. The controller
//! stores nothing before a code has shown that the second factor works.

use crate::{
    client::{Call, Transport},
    context::Context,
    error::CliError,
    input::secret,
    limits::{CODE_ATTEMPTS, CODE_DIGITS, PASSWORD_CHARS},
    output::clean,
    totp,
};
use clap::{ArgGroup, Args};
use serde::Serialize;
use wharden_model::{
    UserName,
    api::{Enrolment, EnrolmentComplete, EnrolmentStart, ErrorBody, ErrorCode, Secret},
};

const BOOTSTRAP_HELP: &str = "\
Shows a QR code for an authenticator app, the secret as text, and ten recovery codes, each once.
With --token-stdin and --password-stdin together, the token is the first line and the password
the second.

With --non-interactive nobody is asked: the command proves the second factor with a code that it
computes itself, and whoever reads its output must keep the secret and the recovery codes. They
are printed before the account exists, so that it cannot exist without them; the exit code says
whether it does. The code is used up then: log in with `wharden totp --next`.

Examples:
  wharden bootstrap --username alice
  printf '%s\\n%s\\n' \"$TOKEN\" \"$PASSWORD\" |
    wharden bootstrap --token-stdin --username admin --password-stdin --non-interactive -o json";

const INVITE_HELP: &str = "\
Works like `wharden bootstrap`, with the invite that `wharden user invite` printed.

Examples:
  wharden accept-invite --username bob
  printf '%s\\n%s\\n' \"$INVITE\" \"$PASSWORD\" |
    wharden accept-invite --token-stdin --username ci --password-stdin --non-interactive -o json";

/// Flags of `bootstrap`.
#[derive(Debug, Args)]
#[command(after_help = BOOTSTRAP_HELP)]
pub struct Bootstrap {
    #[command(flatten)]
    account: Account,
}

/// Flags of `accept-invite`.
#[derive(Debug, Args)]
#[command(after_help = INVITE_HELP)]
pub struct AcceptInvite {
    #[command(flatten)]
    account: Account,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("token_source").multiple(false))]
struct Account {
    /// The one-time token; other users of this machine can see it while the command runs
    #[arg(long, value_name = "TOKEN", group = "token_source", value_parser = secret)]
    token: Option<Secret>,
    /// Read the one-time token from standard input, as one line
    #[arg(long, group = "token_source")]
    token_stdin: bool,
    /// Name of the account
    #[arg(long, value_name = "USER")]
    username: Option<UserName>,
    /// Read the password from standard input, as one line
    #[arg(long)]
    password_stdin: bool,
    /// Ask nobody, and confirm the second factor with a computed code
    #[arg(long)]
    non_interactive: bool,
}

/// What a program gets.
#[derive(Serialize)]
struct Enrolled<'a> {
    username: &'a UserName,
    totp_secret: &'a Secret,
    otpauth_url: &'a Secret,
    recovery_codes: &'a [Secret],
}

/// `wharden bootstrap`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn bootstrap(args: Bootstrap, context: &mut Context<'_>) -> Result<(), CliError> {
    enrol(args.account, "bootstrap token", context).await
}

/// `wharden accept-invite`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn accept_invite(args: AcceptInvite, context: &mut Context<'_>) -> Result<(), CliError> {
    enrol(args.account, "invite", context).await
}

async fn enrol(account: Account, token_name: &'static str, context: &mut Context<'_>) -> Result<(), CliError> {
    let transport = context.transport()?;
    if account.non_interactive {
        // Nothing is asked below, since nobody is there.
        context.console.prompts = None;
    } else if context.console.prompts.is_none() {
        return Err(CliError::usage(
            "there is no terminal to show the second factor and ask for its code",
            "give --non-interactive, and keep the TOTP secret and recovery codes that it prints",
        ));
    }
    let token = match account.token {
        Some(token) => token,
        None if account.token_stdin => context.console.secret_line(token_name)?,
        None => Secret::new(context.ask_hidden(token_name, "--token-stdin")?),
    };
    let username = match account.username {
        Some(username) => username,
        None => context.ask_username()?,
    };
    let password =
        if account.password_stdin { context.console.secret_line("password")? } else { new_password(context)? };
    let start = EnrolmentStart { token, username: username.clone(), password };
    let enrolment: Enrolment = transport.call(&Call::post(&["enrolment"]).body(&start)?, None).await?;
    show(&username, &enrolment, context)?;
    if account.non_interactive {
        let code = totp::code(&totp::read(&enrolment.totp_secret)?, context.console.now());
        complete(&transport, &enrolment, code).await?;
    } else {
        confirm(&transport, &enrolment, context).await?;
    }
    context.note(&format!("{username} can log in now: `wharden login --username {username}`"));
    Ok(())
}

pub(super) fn new_password(context: &mut Context<'_>) -> Result<Secret, CliError> {
    let (least, most) = PASSWORD_CHARS;
    loop {
        let password =
            context.ask_hidden(&format!("new password ({least} to {most} characters)"), "--password-stdin")?;
        if !(least..=most).contains(&password.chars().count()) {
            context.console.warn(&format!("that is not {least} to {most} characters; once more"));
        } else if context.ask_hidden("new password again", "--password-stdin")? == password {
            return Ok(Secret::new(password));
        } else {
            context.console.warn("the two are not the same; once more");
        }
    }
}

pub(super) fn show(username: &UserName, enrolment: &Enrolment, context: &mut Context<'_>) -> Result<(), CliError> {
    let Enrolment { totp_secret, otpauth_url, recovery_codes, .. } = enrolment;
    let answer = Enrolled { username, totp_secret, otpauth_url, recovery_codes };
    context.answer(&answer, |look| {
        let mut text = "Scan this with an authenticator app:\n\n".to_owned();
        text.push_str(&totp::qr(otpauth_url, look.colour).unwrap_or_default());
        text.push_str("\n\n");
        text.push_str(&format!("TOTP secret: {}\n\n", totp_secret.reveal()));
        text.push_str("Recovery codes, each good once in place of a code. Keep them apart from the app:\n");
        for code in recovery_codes {
            text.push_str(&format!("  {}\n", code.reveal()));
        }
        text
    })
}

async fn confirm(transport: &Transport, enrolment: &Enrolment, context: &mut Context<'_>) -> Result<(), CliError> {
    let mut attempt = 1;
    loop {
        let code = context.ask("code that the app shows now", "--non-interactive")?;
        if code.len() != CODE_DIGITS || !code.bytes().all(|b| b.is_ascii_digit()) {
            context.console.warn(&format!("that is not a code of {CODE_DIGITS} digits; once more"));
            continue;
        }
        match complete(transport, enrolment, Secret::new(code)).await {
            Err(CliError::Refused { body }) if is_wrong_code(&body) && attempt < CODE_ATTEMPTS => {
                attempt += 1;
                let why = clean(&body.message);
                context.console.warn(&format!("{why}; wait for the next one and try once more"));
            }
            Err(CliError::Refused { mut body }) if is_wrong_code(&body) => {
                "the token is still good: run it again. Delete the entry in the app: it is void, and so are the codes above"
                    .clone_into(&mut body.hint);
                return Err(CliError::Refused { body });
            }
            outcome => return outcome,
        }
    }
}

/// The code, and nothing else, is what was wrong.
fn is_wrong_code(body: &ErrorBody) -> bool {
    body.code == ErrorCode::BadCredentials || body.details.iter().any(|detail| detail.at == "code")
}

async fn complete(transport: &Transport, enrolment: &Enrolment, code: Secret) -> Result<(), CliError> {
    let complete = EnrolmentComplete { enrolment: enrolment.enrolment.clone(), code };
    transport.act(&Call::post(&["enrolment", "complete"]).body(&complete)?, None).await
}
