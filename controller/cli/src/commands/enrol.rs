//! `bootstrap` and `accept-invite`: an account gets its password and second factor in two steps. The controller
//! stores nothing before a code has shown that the second factor works.

use crate::{
    client::{Call, Factor, Transport},
    context::Context,
    error::CliError,
    input::secret,
    limits::{CODE_ATTEMPTS, PASSWORD_CHARS},
    totp,
};
use clap::{ArgGroup, Args};
use serde::Serialize;
use wharden_model::{
    UserName,
    api::{Enrolment, EnrolmentComplete, EnrolmentStart, ErrorCode, Secret},
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

const BOOTSTRAP_TOKEN: &str = "bootstrap token";

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
    enrol(args.account, BOOTSTRAP_TOKEN, context).await
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
    let answer = transport.call(&Call::post(&["enrolment"]).body(&start)?, None).await;
    let enrolment: Enrolment = answer.map_err(|error| advised(error, token_name))?;
    show(&username, &enrolment, context)?;
    if account.non_interactive {
        let code = totp::code(&totp::read(&enrolment.totp_secret)?, context.console.now());
        complete(&transport, &enrolment, code).await?;
    } else {
        let what = "code that the app shows now";
        let taken = confirmed(what, context, async |code| complete(&transport, &enrolment, code).await).await;
        if let Err(error) = taken {
            let again = match &error {
                CliError::Usage { .. } => format!("; the {token_name} is still good: run this again"),
                error if is_wrong_code(error) => format!("; the {token_name} is still good: run this again"),
                _ => String::new(),
            };
            context.console.warn("the account is not set up: the secret and the recovery codes above are void");
            context.console.warn(&format!("delete the entry in the app{again}"));
            return Err(error);
        }
    }
    context.note(&format!("{username} can log in now: `wharden login --username {username}`"));
    Ok(())
}

/// The refusal of a token, with what may be wrong about this one.
fn advised(mut error: CliError, token_name: &str) -> CliError {
    if let CliError::Refused { body } = &mut error
        && body.code == ErrorCode::BadCredentials
    {
        body.hint = match token_name {
            BOOTSTRAP_TOKEN => "take the one that `wharden-controller init` printed; it is good until there is an admin",
            _ => "check the user name, for which alone it is good; else ask an admin for a new one: `wharden user invite`",
        }
        .to_owned();
    }
    error
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

/// Asks for the code of a new authenticator, and again when it is mistyped or not the one of now.
///
/// # Errors
/// The last one, after [`CODE_ATTEMPTS`].
pub(super) async fn confirmed(
    what: &str,
    context: &mut Context<'_>,
    mut complete: impl AsyncFnMut(Secret) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut last = None;
    for _ in 0..CODE_ATTEMPTS {
        let Some(Factor::Totp(code)) = Factor::totp(&context.ask(what, "--non-interactive")?) else {
            context.console.warn("that is not six digits; once more");
            last = Some(CliError::usage("the code is not six digits", "take the one that the app shows"));
            continue;
        };
        match complete(code).await {
            Err(error) if is_wrong_code(&error) => {
                context.console.warn("that code is not right; wait for the next one and try once more");
                last = Some(error);
            }
            outcome => return outcome,
        }
    }
    Err(last.unwrap_or_else(|| CliError::usage("no code was given", "take the one that the app shows")))
}

fn is_wrong_code(error: &CliError) -> bool {
    let CliError::Refused { body } = error else { return false };
    body.code == ErrorCode::Invalid && body.details.iter().any(|detail| detail.at == "code")
}

async fn complete(transport: &Transport, enrolment: &Enrolment, code: Secret) -> Result<(), CliError> {
    let complete = EnrolmentComplete { enrolment: enrolment.enrolment.clone(), code };
    transport.act(&Call::post(&["enrolment", "complete"]).body(&complete)?, None).await
}
