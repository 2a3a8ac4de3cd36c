//! `login`: both factors in one call; the session goes into the credentials file.

use crate::{
    client::{Call, Factor},
    context::Context,
    credentials::Session,
    error::CliError,
    output::{clean, moment},
};
use clap::Args;
use serde::Serialize;
use wharden_model::{
    SessionId, Timestamp, UserName,
    api::{self, ErrorCode, Secret, SessionTokens},
};

const HELP: &str = "\
Asks for what is not given, when there is a terminal. The session, the controller's URL and its CA
are remembered in the credentials file.

Examples:
  wharden login --url https://wharden.example.org:7440 --ca-file ca.pem
  printf '%s\\n' \"$PASSWORD\" | wharden login --username ci --password-stdin --totp 123456
  wharden login --username alice --recovery-code abcde-fghjk";

/// Flags of `login`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Login {
    #[command(flatten)]
    factors: Factors,
}

/// Who logs in, and how that is proved.
#[derive(Debug, Args)]
pub struct Factors {
    /// Name of the account
    #[arg(long, value_name = "USER")]
    username: Option<UserName>,
    /// Read the password from standard input, as one line
    #[arg(long)]
    password_stdin: bool,
}

impl Factors {
    /// True when any of them is on the command line.
    pub fn are_given(&self) -> bool {
        self.username.is_some() || self.password_stdin
    }
}

/// A session that was opened.
pub struct Opened {
    pub url: String,
    pub session: Session,
    pub recovery_codes_left: Option<u32>,
}

/// What a program gets: no token.
#[derive(Serialize)]
struct LoggedIn<'a> {
    username: &'a UserName,
    url: &'a str,
    session_id: &'a SessionId,
    access_expires_at: Timestamp,
    refresh_expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes_left: Option<u32>,
}

/// `wharden login`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(args: Login, context: &mut Context<'_>) -> Result<(), CliError> {
    let Opened { url, session, recovery_codes_left: left } = log_in(args.factors, context).await?;
    let answer = LoggedIn {
        username: &session.username,
        url: &url,
        session_id: &session.session_id,
        access_expires_at: session.access_expires_at,
        refresh_expires_at: session.refresh_expires_at,
        recovery_codes_left: left,
    };
    if !context.is_quiet() || context.is_json() {
        context.answer(&answer, |look| {
            let until = moment(look.now, session.refresh_expires_at);
            clean(&format!("{} is logged in at {url}; unused, the session ends {until}", session.username))
        })?;
    }
    if let Some(left) = left {
        context.note(&format!("recovery codes left: {left}"));
    }
    Ok(())
}

/// Asks for what is not given, opens a session and keeps it.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn log_in(args: Factors, context: &mut Context<'_>) -> Result<Opened, CliError> {
    let transport = context.transport()?;
    let store = context.store()?;
    // A file that cannot be used, or a folder that cannot be written, is better known before a code is used up.
    let given = context.factor()?;
    let known = store.load()?;
    drop(store.lock().await?);
    let username = match args.username {
        Some(username) => username,
        None => context.ask_username()?,
    };
    let password = if args.password_stdin {
        context.console.secret_line("password")?
    } else {
        Secret::new(context.ask_hidden("password", "--password-stdin")?)
    };
    let (code, recovery_code) = match given.map_or_else(|| context.ask_code(), Ok)? {
        Factor::Totp(code) => (Some(code), None),
        Factor::Recovery(code) => (None, Some(code)),
    };
    let by_recovery = recovery_code.is_some();
    let device = known.devices.get(&transport.url()).and_then(|users| users.get(&username)).cloned();
    let login = api::Login { username, password, code, recovery_code, device };
    let answer = transport.call(&Call::post(&["login"]).body(&login)?, None).await;
    let tokens: SessionTokens = answer.map_err(|error| refused(error, by_recovery))?;

    let url = transport.url();
    let recovery_codes_left = tokens.recovery_codes_left;
    let device = tokens.device.clone();
    let session = Session::new(tokens, transport.ca_pem().map(str::to_owned));
    let guard = store.lock().await?;
    let mut credentials = store.load()?;
    credentials.log_in(&url, session.clone());
    if let Some(device) = device {
        credentials.devices.entry(url.clone()).or_default().insert(session.username.clone(), device);
    }
    store.save(&credentials, &guard)?;
    Ok(Opened { url, session, recovery_codes_left })
}

/// A refusal in the words that are right for a recovery code.
fn refused(mut error: CliError, by_recovery: bool) -> CliError {
    if let CliError::Refused { body } = &mut error
        && body.code == ErrorCode::BadCredentials
        && by_recovery
    {
        "check all three; a recovery code is good once, and `wharden user show` tells how many are left"
            .clone_into(&mut body.hint);
    }
    error
}
