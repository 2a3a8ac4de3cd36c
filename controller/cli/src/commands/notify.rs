//! `notify`: where alerts are sent on.

use super::alerts::severity;
use crate::{
    client::Call,
    context::Context,
    error::CliError,
    input::read_text,
    limits::INPUT_MAX,
    output::{Cell, Look, Tone, ago, moment, record, table},
    span::Span,
};
use clap::{Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use wharden_model::{
    AdminAction, AlertKind, ChannelName, Severity,
    api::{Channel, ChannelTarget, ChannelTested, CreatedChannel, MailSecurity, NewChannel, NewTarget, Secret},
    limits::CHANNEL_CA_MAX,
};

const HELP: &str = "\
A webhook gets JSON with Wharden-Signature: t=MILLISECONDS,v1=HEX, an HMAC-SHA-256 with its secret
over the milliseconds, a dot and the body. Wharden-Delivery is the same when a message comes again.

Examples:
  wharden notify channel add pager --webhook-file url.txt --min-severity critical
  wharden notify channel add mail --email ops@example.org --smtp mail.example.org:587 \\
      --from wharden@example.org --username wharden --password-stdin < password
  wharden notify channel test mail";

/// Commands of `notify`.
#[derive(Debug, Subcommand)]
pub enum Notify {
    /// Channels that alerts are sent on
    #[command(subcommand)]
    Channel(Channels),
}

/// Commands of `notify channel`.
#[derive(Debug, Subcommand)]
#[command(after_help = HELP)]
pub enum Channels {
    /// List channels
    #[command(visible_alias = "ls")]
    List,
    /// Show one channel
    Show { name: ChannelName },
    /// Add a channel
    Add(Box<Add>),
    /// Remove a channel
    #[command(visible_alias = "rm")]
    Remove {
        name: ChannelName,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Send one message now and show what the other side answers
    Test { name: ChannelName },
}

/// Flags of `notify channel add`.
#[derive(Debug, Args)]
pub struct Add {
    name: ChannelName,
    /// File with the URL of a webhook, https://…; `-` is standard input
    #[arg(long, value_name = "FILE", required_unless_present = "email")]
    webhook_file: Option<PathBuf>,
    /// Read the secret that the webhook is signed with from standard input; made and printed without this
    #[arg(long, requires = "webhook_file")]
    secret_stdin: bool,
    /// Who gets the mail; may be given many times
    #[arg(long, value_name = "ADDRESS", conflicts_with = "webhook_file", requires = "smtp", requires = "from")]
    email: Vec<String>,
    /// The mail server
    #[arg(long, value_name = "HOST:PORT", requires = "email")]
    smtp: Option<String>,
    /// How to speak to it; there is no way without TLS
    #[arg(long, value_enum, default_value_t = Security::Starttls, value_name = "HOW")]
    tls: Security,
    /// Whom the mail comes from
    #[arg(long, value_name = "ADDRESS", requires = "email")]
    from: Option<String>,
    /// Name to log in with
    #[arg(long, value_name = "USER", requires = "email", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password for it from standard input, as one line
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Leave out what is less bad: info, warning or critical
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    min_severity: Severity,
    /// Only this kind of alert; may be given many times
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<AlertKind>,
    /// Say again after this time what still is and nobody acknowledged
    #[arg(long, value_name = "DURATION")]
    repeat: Option<Span>,
    /// The only CAs that the other side's certificate may be of, PEM
    #[arg(long, value_name = "FILE")]
    server_ca: Option<PathBuf>,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Security {
    /// TLS after a greeting, usually port 587
    Starttls,
    /// TLS from the first byte, usually port 465
    Tls,
}

/// `wharden notify …`.
///
/// # Errors
/// Whatever kept it from succeeding.
pub async fn run(Notify::Channel(command): Notify, context: &mut Context<'_>) -> Result<(), CliError> {
    match command {
        Channels::List => {
            let channels: Vec<Channel> = context.api()?.call(Call::get(&["channels"])).await?;
            context.list(&channels, "no channels: alerts are only shown by `wharden alerts list`", |look| {
                rows(&channels, look)
            })
        }
        Channels::Show { name } => {
            let channel: Channel = context.api()?.call(Call::get(&["channels", name.as_str()])).await?;
            context.answer(&channel, |look| card(&channel, look))
        }
        Channels::Add(add) => {
            let new = new_channel(*add, context)?;
            let made: CreatedChannel =
                context.api()?.call(Call::post(&["channels"]).of(AdminAction::ChannelCreate).body(&new)?).await?;
            let name = made.info.name.clone();
            match &made.secret {
                Some(secret) => {
                    context.answer(&made, |_| secret.reveal().to_owned())?;
                    context.note("what its requests are signed with: shown this once");
                }
                None => context.made(&made, &format!("channel {name} is added"))?,
            }
            context.note(&format!("try it: wharden notify channel test {name}"));
            Ok(())
        }
        Channels::Remove { name, yes } => {
            context.confirm(yes, &format!("Remove channel {name}? Nothing is sent on it any more."))?;
            let call = Call::delete(&["channels", name.as_str()]).of(AdminAction::ChannelDelete);
            context.api()?.act(call).await?;
            context.changed(&[("channel", name.as_str())], &format!("channel {name} is removed"))
        }
        Channels::Test { name } => test(&name, context).await,
    }
}

async fn test(name: &ChannelName, context: &mut Context<'_>) -> Result<(), CliError> {
    let tested: ChannelTested = context.api()?.call(Call::post(&["channels", name.as_str(), "test"])).await?;
    if tested.delivered {
        let message = format!("channel {name} took it in {} ms: {}", tested.took_ms, tested.answer);
        return context.made(&tested, &message);
    }
    Err(CliError::Verdict {
        code: "not_delivered",
        message: format!("channel {name} did not take it: {}", tested.answer),
        hint: "when the channel itself is wrong, remove it and add it anew (--server-ca for a CA of its own, --tls for the \
               way of the port); else mend the other side and try again"
            .to_owned(),
        details: Vec::new(),
    })
}

fn new_channel(add: Add, context: &mut Context<'_>) -> Result<NewChannel, CliError> {
    let ca_pem = match &add.server_ca {
        Some(path) => read_text(path, CHANNEL_CA_MAX, context.console)?.text,
        None => String::new(),
    };
    let target = match add.webhook_file {
        Some(path) => {
            if path == Path::new("-") && add.secret_stdin {
                let hint = "put the URL into a file";
                return Err(CliError::usage("standard input cannot be both the URL and the secret", hint));
            }
            let url = Secret::new(read_text(&path, INPUT_MAX, context.console)?.text.trim());
            if !url.reveal().starts_with("https://") {
                let what = format!("the URL in {} does not begin with https://", path.display());
                return Err(CliError::usage(what, "alerts are sent over TLS only"));
            }
            let secret = if add.secret_stdin { Some(context.console.secret_line("secret")?) } else { None };
            NewTarget::Webhook { url, secret }
        }
        None => {
            let smtp = add.smtp.unwrap_or_default();
            let parted = smtp.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
            let (host, port) = parted.ok_or_else(|| {
                CliError::usage(format!("{smtp:?} is not HOST:PORT"), "write it like mail.example.org:587")
            })?;
            let password = if add.password_stdin { Some(context.console.secret_line("password")?) } else { None };
            let security = match add.tls {
                Security::Starttls => MailSecurity::Starttls,
                Security::Tls => MailSecurity::Tls,
            };
            NewTarget::Email {
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
                security,
                from: add.from.unwrap_or_default(),
                to: add.email,
                username: add.username.unwrap_or_default(),
                password,
            }
        }
    };
    Ok(NewChannel {
        name: add.name,
        target,
        min_severity: add.min_severity,
        kinds: add.kinds,
        repeat_s: add.repeat.map_or(0, |span| span.0),
        ca_pem,
    })
}

fn target(target: &ChannelTarget) -> String {
    match target {
        ChannelTarget::Webhook { server } => format!("webhook at {server}"),
        ChannelTarget::Email { host, port, to, .. } => format!("{} by {host}:{port}", to.join(" ")),
    }
}

fn kinds(channel: &Channel) -> String {
    let kinds: Vec<&str> = channel.kinds.iter().map(AsRef::as_ref).collect();
    if kinds.is_empty() { "all".to_owned() } else { kinds.join(" ") }
}

fn repeat(channel: &Channel) -> Cell {
    match channel.repeat_s {
        0 => Cell::toned("never", Tone::Dim),
        seconds if seconds % 3600 == 0 => Cell::new(format!("{}h", seconds / 3600)),
        seconds if seconds % 60 == 0 => Cell::new(format!("{}m", seconds / 60)),
        seconds => Cell::new(format!("{seconds}s")),
    }
}

fn rows(channels: &[Channel], look: &Look) -> String {
    let rows = channels.iter().map(|channel| {
        vec![
            Cell::new(&channel.name),
            Cell::new(target(&channel.target)),
            severity(channel.min_severity),
            Cell::new(kinds(channel)),
            repeat(channel),
            Cell::new(format!("{} by {}", ago(look.now, channel.created_at), channel.created_by)),
        ]
    });
    table(&["NAME", "TO", "FROM SEVERITY", "KINDS", "REPEATED", "ADDED"], rows.collect(), look)
}

fn card(channel: &Channel, look: &Look) -> String {
    let mut fields = vec![("Channel", Cell::new(&channel.name)), ("To", Cell::new(target(&channel.target)))];
    if let ChannelTarget::Email { security, from, username, .. } = &channel.target {
        let tls = match security {
            MailSecurity::Starttls => "after STARTTLS",
            MailSecurity::Tls => "from the first byte",
        };
        fields.extend([("From", Cell::new(from)), ("TLS", Cell::new(tls)), ("Login", Cell::or_dash(username))]);
    }
    let ca = if channel.own_ca { "its own" } else { "those of the controllers' machines" };
    fields.extend([
        ("CAs", Cell::new(ca)),
        ("From severity", severity(channel.min_severity)),
        ("Kinds", Cell::new(kinds(channel))),
        ("Repeated", repeat(channel)),
        ("Added", Cell::new(format!("{} by {}", moment(look.now, channel.created_at), channel.created_by))),
    ]);
    record(fields, look)
}
