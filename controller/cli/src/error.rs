//! Everything that can end a command without success: one variant per cause, the exit code, and how it is told.

use crate::{
    console::Console,
    credentials::CredentialsError,
    docker_line::LineError,
    output::{Format, clean, clean_json},
};
use serde::Serialize;
use std::io;
use wharden_model::api::{ErrorBody, ErrorCode, ErrorDetail};

/// Exit code: refused or failed.
const FAILED: u8 = 1;
/// Exit code: wrong usage.
const USAGE: u8 = 2;
/// Exit code of `doctor`: something is broken.
const BROKEN: u8 = 2;
/// Exit code: not logged in.
const NOT_LOGGED_IN: u8 = 3;

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("{message}")]
    Usage { message: String, hint: String },
    #[error(transparent)]
    Clap(#[from] clap::Error),
    #[error("{message}")]
    NotLoggedIn { message: String, hint: String },
    #[error("{}", body.message)]
    Refused { body: Box<ErrorBody> },
    #[error("no controller answers at {url}: {cause}")]
    Unreachable {
        url: String,
        cause: String,
        /// The request may have arrived.
        sent: bool,
    },
    #[error("the controller at {url} did not answer within {seconds} s")]
    Timeout { url: String, seconds: u64 },
    #[error("the certificate of {url} is not to be trusted: {cause}")]
    Certificate { url: String, cause: String, hint: String },
    #[error("no TLS connection to {url}: {cause}")]
    Tls { url: String, cause: String },
    #[error("{url} answered {status} with something that is no answer of a Wharden controller: {cause}")]
    NotWharden { url: String, status: u16, cause: String },
    #[error("the HTTP client cannot be set up: {0}")]
    Client(reqwest::Error),
    #[error("the CA file {path} cannot be used: {cause}")]
    CaFile { path: String, cause: String },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    DockerLine(#[from] LineError),
    #[error("cannot read {what}: {source}")]
    Read { what: String, source: io::Error },
    #[error("cannot write {what}: {source}")]
    Write { what: String, source: io::Error },
    #[error("{what} is larger than the {limit} bytes that are allowed")]
    TooLarge { what: String, limit: usize },
    #[error("cannot write the answer: {0}")]
    Output(io::Error),
    #[error("cannot ask on the terminal: {0}")]
    Prompt(io::Error),
    #[error("not confirmed: nothing was changed")]
    NotConfirmed,
    #[error("{message}")]
    Verdict { code: &'static str, message: String, hint: String, details: Vec<ErrorDetail> },
    #[error("not all of it is done. Done: {}", if .done.is_empty() { "nothing" } else { .done.as_str() })]
    Partly {
        /// The first thing that kept one from being done.
        cause: Box<CliError>,
        /// What is done.
        done: String,
        /// What is not, each with why.
        details: Vec<ErrorDetail>,
    },
    #[error("{count} {} with something wrong", if *.count == 1 { "thing" } else { "things" })]
    Unwell {
        count: usize,
        /// Some of it is broken, not only to be looked at.
        broken: bool,
    },
    #[error("the answer cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl CliError {
    /// A wrong use of the command line.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// True when it is for want of a session or of a good key.
    pub fn is_not_logged_in(&self) -> bool {
        self.exit() == NOT_LOGGED_IN
    }

    /// The exit code that `--help` promises.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Usage { .. } | Self::Clap(_) | Self::DockerLine(_) => USAGE,
            Self::NotLoggedIn { .. } => NOT_LOGGED_IN,
            Self::Unwell { broken: true, .. } => BROKEN,
            Self::Refused { body } if body.code == ErrorCode::NotLoggedIn => NOT_LOGGED_IN,
            Self::Partly { cause, .. } => cause.exit(),
            _ => FAILED,
        }
    }

    /// The cause, for programs.
    fn code(&self) -> String {
        match self {
            Self::Usage { .. } | Self::Clap(_) | Self::DockerLine(_) => "usage",
            Self::NotLoggedIn { .. } => "not_logged_in",
            Self::Refused { body } => {
                let word = serde_json::to_value(body.code).ok();
                return word.and_then(|w| w.as_str().map(str::to_owned)).unwrap_or_else(|| "refused".to_owned());
            }
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
            Self::Certificate { .. } => "certificate",
            Self::Tls { .. } => "tls",
            Self::NotWharden { .. } => "not_wharden",
            Self::Client(_) | Self::Json(_) => "internal",
            Self::CaFile { .. } => "ca_file",
            Self::Credentials(_) => "credentials_file",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::TooLarge { .. } => "too_large",
            Self::Output(_) => "output",
            Self::Prompt(_) => "prompt",
            Self::NotConfirmed => "not_confirmed",
            Self::Verdict { code, .. } => code,
            Self::Partly { cause, .. } => return cause.code(),
            Self::Unwell { .. } => "unwell",
        }
        .to_owned()
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Usage { hint, .. }
            | Self::NotLoggedIn { hint, .. }
            | Self::Certificate { hint, .. }
            | Self::Verdict { hint, .. } => hint.clone(),
            Self::Refused { body } => refused_hint(body),
            Self::Unreachable { .. } => {
                "check --url (or WHARDEN_URL), and that wharden-controller runs there".to_owned()
            }
            Self::Timeout { .. } => "try again; `wharden status` and the controller's log say how it is".to_owned(),
            Self::Tls { .. } => "check that --url names the REST port of a controller (7440 by default)".to_owned(),
            Self::NotWharden { .. } => {
                "check that --url names a controller, with no proxy that answers in its place".to_owned()
            }
            Self::CaFile { .. } => {
                "give the controller's ca.pem (in its data folder) with --ca-file or WHARDEN_CA_FILE".to_owned()
            }
            Self::Partly { cause, .. } => cause.hint(),
            Self::Credentials(error) => error.hint(),
            Self::DockerLine(error) => error.hint(),
            Self::Read { .. } => "check the name, and that you may read it".to_owned(),
            Self::Write { .. } => "check that you may write there, and that the disk has room".to_owned(),
            Self::TooLarge { .. } => "split it into smaller ones".to_owned(),
            Self::Clap(_)
            | Self::Client(_)
            | Self::Output(_)
            | Self::Prompt(_)
            | Self::Json(_)
            | Self::Unwell { .. } => String::new(),
            Self::NotConfirmed => "answer y, or give --yes".to_owned(),
        }
    }
}

fn refused_hint(body: &ErrorBody) -> String {
    let wait = body.retry_after_s.map(|s| format!("try again in {s} s"));
    match (body.hint.is_empty(), wait) {
        (false, Some(wait)) => format!("{}; {wait}", body.hint),
        (false, None) => body.hint.clone(),
        (true, Some(wait)) => wait,
        (true, None) => match body.code {
            ErrorCode::NotLoggedIn => "log in with `wharden login`".to_owned(),
            ErrorCode::Forbidden => "`wharden whoami` shows your groups; ask an admin for the right".to_owned(),
            ErrorCode::Unavailable | ErrorCode::Internal => "try again in a moment".to_owned(),
            ErrorCode::NotFound => not_found_hint(&body.message),
            _ => String::new(),
        },
    }
}

/// The command that lists what is missing. The controller names its kind only in the message; for one that is not known
/// here there is a hint that is never wrong.
fn not_found_hint(message: &str) -> String {
    const LISTS: [(&str, &str); 11] = [
        ("user", "wharden user list"),
        ("group", "wharden group list"),
        ("join token", "wharden token list"),
        ("host", "wharden host list"),
        ("policy", "wharden policy list"),
        ("pack", "wharden pack list"),
        ("service account", "wharden service-account list"),
        ("session", "wharden session list"),
        ("channel", "wharden notify channel list"),
        ("alert", "wharden alerts list"),
        ("controller", "wharden cluster status"),
    ];
    let kind = message.strip_prefix("there is no ").unwrap_or_default();
    match LISTS.iter().find(|(name, _)| kind.starts_with(name)) {
        Some((_, command)) => format!("`{command}` shows what there is"),
        None => "`wharden --help` names the commands that list what there is".to_owned(),
    }
}

/// An error as programs read it from standard error.
#[derive(Serialize)]
struct ErrorReport<'a> {
    code: String,
    message: String,
    hint: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    details: &'a [ErrorDetail],
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    request_id: &'a str,
    exit_code: u8,
}

/// Tells an error on standard error and gives its exit code.
pub fn report(error: &CliError, format: Format, console: &mut Console) -> u8 {
    if let CliError::Output(source) = error
        && source.kind() == io::ErrorKind::BrokenPipe
    {
        // The reader had enough, as `head` does.
        return 0;
    }
    let text = match format {
        // The findings are told, and counted.
        Format::Table if matches!(error, CliError::Unwell { .. }) => return error.exit(),
        Format::Json | Format::Jsonl => as_json(error),
        Format::Table => as_text(error, console.stderr_is_terminal && console.may_colour()),
    };
    console.warn(&text);
    error.exit()
}

fn parts(error: &CliError) -> (&[ErrorDetail], Option<u64>, &str) {
    match error {
        CliError::Refused { body } => (&body.details, body.retry_after_s, &body.request_id),
        CliError::Verdict { details, .. } => (details, None, ""),
        CliError::Partly { details, cause, .. } => (details, parts(cause).1, parts(cause).2),
        _ => (&[], None, ""),
    }
}

fn as_json(error: &CliError) -> String {
    let (details, retry_after_s, request_id) = parts(error);
    let (message, hint) = match error {
        CliError::Clap(clap) => usage_parts(&clap.to_string()),
        other => (other.to_string(), other.hint()),
    };
    let report =
        ErrorReport { code: error.code(), message, hint, details, retry_after_s, request_id, exit_code: error.exit() };
    serde_json::to_string_pretty(&report).map_or_else(|_| error.to_string(), clean_json)
}

/// What was wrong and what to do, out of the text that the argument parser makes for people.
fn usage_parts(text: &str) -> (String, String) {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let rest: Vec<&str> = rest.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    (message.trim().to_owned(), rest.join("; "))
}

fn as_text(error: &CliError, colour: bool) -> String {
    let (red, cyan, end) = if colour { ("\x1b[1;31m", "\x1b[36m", "\x1b[0m") } else { ("", "", "") };
    if let CliError::Clap(clap) = error {
        return if colour { clap.render().ansi().to_string() } else { clap.render().to_string() }.trim_end().to_owned();
    }
    let (details, _, request_id) = parts(error);
    let message = error.to_string();
    let mut text = format!("{red}error:{end} {}", clean(&message));
    // A single fault is often the message already.
    for detail in details.iter().filter(|detail| !message.contains(&detail.message)) {
        text.push_str(&format!("\n  {}: {}", clean(&detail.at), clean(&detail.message)));
    }
    let hint = error.hint();
    if !hint.is_empty() {
        text.push_str(&format!("\n{cyan}next:{end} {}", clean(&hint)));
    }
    if !request_id.is_empty() && matches!(error, CliError::Refused { body } if body.code == ErrorCode::Internal) {
        text.push_str(&format!("\nrequest {}", clean(request_id)));
    }
    text
}
