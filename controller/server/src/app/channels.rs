//! Channels: where alerts are sent on.

use super::{App, AppError, Caller};
use crate::{
    alerts::{CHANNEL_FAILS, ROWS, is_kind},
    notify::{ChannelSecrets, Letter, Occasion, Sender, mailbox, read_url},
};
use wharden_model::{
    AdminAction, AlertId, AlertState, ChannelName, Severity,
    api::{Alert, Channel, ChannelTarget, ChannelTested, CreatedChannel, NewChannel, NewTarget, Secret},
    limits::{
        CHANNEL_ADDRESS_MAX, CHANNEL_CA_MAX, CHANNEL_KINDS_MAX, CHANNEL_RECEIVERS_MAX, CHANNEL_REPEAT_MAX_S,
        CHANNEL_REPEAT_MIN_S, CHANNEL_SECRET_MAX, CHANNEL_SECRET_MIN,
    },
};
use wharden_pki::pem;
use wharden_state::{AuditCommand, ChannelCommand, Command, Kind, Route, Shared};

fn channel_of(name: &ChannelName, channel: &wharden_state::Channel) -> Channel {
    let target = match channel.route.clone() {
        Route::Webhook { server } => ChannelTarget::Webhook { server },
        Route::Email { host, port, security, from, to, username } => {
            ChannelTarget::Email { host, port, security, from, to, username }
        }
    };
    Channel {
        name: name.clone(),
        target,
        min_severity: channel.min_severity,
        kinds: channel.kinds.iter().cloned().collect(),
        repeat_s: channel.repeat_s,
        own_ca: !channel.ca_pem.is_empty(),
        created_at: channel.created_at,
        created_by: channel.created_by.clone(),
    }
}

/// A route with its secrets, and the secret that was made for it, if one was.
struct Checked {
    route: Route,
    secrets: ChannelSecrets,
    made: Option<Secret>,
}

impl App {
    pub async fn channels(&self, caller: &Caller) -> Result<Vec<Channel>, AppError> {
        self.may(caller, AdminAction::ChannelRead, &self.cluster()).await?;
        Ok(self.state().channels.iter().map(|(name, channel)| channel_of(name, channel)).collect())
    }

    pub async fn channel(&self, caller: &Caller, name: ChannelName) -> Result<Channel, AppError> {
        self.may(caller, AdminAction::ChannelRead, &self.cluster()).await?;
        self.stored_channel(&name).map(|channel| channel_of(&name, &channel))
    }

    pub async fn create_channel(&self, caller: &Caller, new: NewChannel) -> Result<CreatedChannel, AppError> {
        self.may(caller, AdminAction::ChannelCreate, &self.cluster()).await?;
        let NewChannel { name, target, min_severity, kinds, repeat_s, ca_pem } = new;
        if repeat_s != 0 && !(CHANNEL_REPEAT_MIN_S..=CHANNEL_REPEAT_MAX_S).contains(&repeat_s) {
            let message = format!("0 for never, or {CHANNEL_REPEAT_MIN_S} to {CHANNEL_REPEAT_MAX_S} seconds");
            return Err(AppError::invalid("repeat_s", message));
        }
        if kinds.len() > CHANNEL_KINDS_MAX {
            return Err(AppError::invalid("kinds", format!("at most {CHANNEL_KINDS_MAX}")));
        }
        if let Some(unknown) = kinds.iter().find(|kind| !is_kind(kind.as_str())) {
            let known = ROWS.iter().map(|row| row.kind).collect::<Vec<_>>().join(", ");
            return Err(AppError::invalid("kinds", format!("{unknown} is no kind of alert; there are {known}")));
        }
        let good = ca_pem.is_empty() || pem::decode(pem::CERTIFICATE, &ca_pem).is_some_and(|all| !all.is_empty());
        if ca_pem.len() > CHANNEL_CA_MAX || !good {
            let message = format!("it is not one or more certificates in PEM of at most {CHANNEL_CA_MAX} bytes");
            return Err(AppError::invalid("ca_pem", message));
        }
        let Checked { route, secrets, made } = check(target)?;
        let sealed = secrets.seal(&self.keys.sealing(), &name).map_err(AppError::internal)?;
        let route = Box::new(route);
        let command =
            ChannelCommand::Create { name: name.clone(), route, sealed, min_severity, kinds, repeat_s, ca_pem };
        self.change(caller, Command::Channel(command)).await?;
        let stored = self.stored_channel(&name)?;
        Ok(CreatedChannel { secret: made, info: channel_of(&name, &stored) })
    }

    pub async fn delete_channel(&self, caller: &Caller, name: ChannelName) -> Result<(), AppError> {
        self.may(caller, AdminAction::ChannelDelete, &self.cluster()).await?;
        self.change(caller, Command::Channel(ChannelCommand::Delete { name })).await.map(|_| ())
    }

    /// Sends a message that says that it is none, now and once.
    pub async fn test_channel(&self, caller: &Caller, name: ChannelName) -> Result<ChannelTested, AppError> {
        self.may(caller, AdminAction::ChannelTest, &self.cluster()).await?;
        let channel = self.stored_channel(&name)?;
        let done = AuditCommand::Done {
            action: AdminAction::ChannelTest.name().to_owned(),
            resource: format!("channel {name}"),
            detail: channel.route.to_string(),
        };
        self.change(caller, Command::Audit(done)).await?;
        let sender = match Sender::open(&name, &channel, &self.keys.sealing()) {
            Ok(sender) => sender,
            Err(answer) => return Ok(ChannelTested { delivered: false, answer, took_ms: 0 }),
        };
        let begin = self.now();
        let sent = sender.send(&self.trial(caller, &name)?).await;
        let took_ms = self.now().millis_since(begin);
        Ok(match sent {
            Ok(answer) => {
                self.alerts.resolve(&CHANNEL_FAILS, name.as_str());
                ChannelTested { delivered: true, answer, took_ms }
            }
            Err(error) => ChannelTested { delivered: false, answer: error.to_string(), took_ms },
        })
    }

    fn trial(&self, caller: &Caller, name: &ChannelName) -> Result<Letter, AppError> {
        let id = AlertId::new(format!("test:{name}")).map_err(AppError::internal)?;
        let alert = Alert {
            kind: id.kind(),
            id,
            severity: Severity::Info,
            state: AlertState::Raised,
            subject: format!("channel {name}"),
            summary: format!("{} tries this channel; nothing is wrong", caller.actor()),
            detail: String::new(),
            advice: String::new(),
            raised_at: self.now(),
            resolved_at: None,
            acknowledged_by: None,
            note: String::new(),
            snoozed_until: None,
            told: Vec::new(),
        };
        let cluster_id = self.keys.cluster_id.clone();
        Ok(Letter { cluster_id, delivery: format!("test#{}", caller.request_id), occasion: Occasion::Test, alert })
    }

    fn stored_channel(&self, name: &ChannelName) -> Result<Shared<wharden_state::Channel>, AppError> {
        let state = self.state();
        state.channels.get(name).cloned().ok_or_else(|| AppError::not_found(Kind::Channel, name.as_str()))
    }
}

fn check(target: NewTarget) -> Result<Checked, AppError> {
    match target {
        NewTarget::Webhook { url, secret } => {
            length("target.url", url.reveal(), CHANNEL_ADDRESS_MAX)?;
            let read = read_url(&url).map_err(|why| AppError::invalid("target.url", why))?;
            let host = read.host_str().unwrap_or_default();
            let server = format!("{host}:{}", read.port_or_known_default().unwrap_or(443));
            let (secret, made) = match secret {
                Some(secret) => {
                    length("target.secret", secret.reveal(), CHANNEL_SECRET_MAX)?;
                    if secret.reveal().len() < CHANNEL_SECRET_MIN {
                        let message = format!("it is shorter than {CHANNEL_SECRET_MIN} bytes");
                        return Err(AppError::invalid("target.secret", message));
                    }
                    (secret, None)
                }
                None => {
                    let made = Secret::new(format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()));
                    (made.clone(), Some(made))
                }
            };
            Ok(Checked { route: Route::Webhook { server }, secrets: ChannelSecrets::Webhook { url, secret }, made })
        }
        NewTarget::Email { host, port, security, from, to, username, password } => {
            let named = host.len() <= 253
                && !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
            if !named || port == 0 {
                return Err(AppError::invalid("target.host", "it is not the name or address, and port, of a server"));
            }
            if to.is_empty() || to.len() > CHANNEL_RECEIVERS_MAX {
                return Err(AppError::invalid("target.to", format!("1 to {CHANNEL_RECEIVERS_MAX} addresses")));
            }
            for (at, address) in to.iter().map(|to| ("target.to", to)).chain([("target.from", &from)]) {
                length(at, address, CHANNEL_ADDRESS_MAX)?;
                mailbox(address).map_err(|why| AppError::invalid(at, why))?;
            }
            length("target.username", &username, CHANNEL_ADDRESS_MAX)?;
            if let Some(password) = &password {
                length("target.password", password.reveal(), CHANNEL_SECRET_MAX)?;
            }
            if username.is_empty() != password.is_none() {
                return Err(AppError::invalid("target.password", "a user name and a password, or neither"));
            }
            let route = Route::Email { host, port, security, from, to, username };
            Ok(Checked { route, secrets: ChannelSecrets::Email { password }, made: None })
        }
    }
}

/// Line breaks have no place in a header or a command of a mail server.
fn length(at: &'static str, text: &str, max: usize) -> Result<(), AppError> {
    if text.len() > max || text.chars().any(char::is_control) {
        return Err(AppError::invalid(at, format!("at most {max} bytes, none of them a control character")));
    }
    Ok(())
}
