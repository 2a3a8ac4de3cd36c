//! A channel, ready to send.

use super::{
    letter::Letter,
    limits::{ANSWER_MAX, SEND_LIMIT},
    mail::Mail,
    secrets::ChannelSecrets,
    webhook::Webhook,
};
use wharden_model::ChannelName;
use wharden_pki::ClusterKeys;
use wharden_state::{Channel, Route};

/// Why a message was not taken. The texts hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The other side cannot be reached, or cannot take anything now.
    #[error("{0}")]
    Away(String),
    /// It does not want this message.
    #[error("{0}")]
    Refused(String),
}

enum Way {
    Webhook(Box<Webhook>),
    Mail(Box<Mail>),
}

/// Sends on one channel.
pub struct Sender {
    way: Way,
    secrets: ChannelSecrets,
}

impl Sender {
    /// Opens the secrets of a channel.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(name: &ChannelName, channel: &Channel, key: &ClusterKeys) -> Result<Self, String> {
        let secrets = ChannelSecrets::open(&channel.sealed, key, name)
            .map_err(|why| format!("its secrets cannot be opened: {why}"))?;
        let way = match (&channel.route, &secrets) {
            (Route::Webhook { .. }, ChannelSecrets::Webhook { url, secret }) => {
                Way::Webhook(Box::new(Webhook::new(url, secret, &channel.ca_pem)?))
            }
            (Route::Email { host, port, security, from, to, username }, ChannelSecrets::Email { password }) => {
                let login = password.as_ref().map(|password| (username.as_str(), password));
                Way::Mail(Box::new(Mail::new(host, *port, *security, login, from, to, &channel.ca_pem)?))
            }
            _ => return Err("its secrets are those of another kind of channel".to_owned()),
        };
        Ok(Self { way, secrets })
    }

    /// Sends one message; what the other side answered.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, letter: &Letter) -> Result<String, SendError> {
        let sent = async {
            match &self.way {
                Way::Webhook(webhook) => webhook.send(letter).await,
                Way::Mail(mail) => mail.send(letter).await,
            }
        };
        let late = || SendError::Away(format!("no answer within {} s", SEND_LIMIT.as_secs()));
        let answer = tokio::time::timeout(SEND_LIMIT, sent).await.unwrap_or_else(|_| Err(late()));
        match answer {
            Ok(answer) => Ok(self.shown(&answer)),
            Err(SendError::Away(why)) => Err(SendError::Away(self.shown(&why))),
            Err(SendError::Refused(why)) => Err(SendError::Refused(self.shown(&why))),
        }
    }

    /// What came from elsewhere, fit for a log and a terminal.
    fn shown(&self, text: &str) -> String {
        let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.secrets.blank(&plain).chars().take(ANSWER_MAX).collect()
    }
}
