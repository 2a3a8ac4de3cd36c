//! What is secret about a channel, as it is sealed in the state.

use serde::{Deserialize, Serialize};
use wharden_model::{ChannelName, api::Secret};
use wharden_pki::ClusterKeys;
use wharden_state::Hex;
use zeroize::Zeroizing;

/// The secrets of one channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelSecrets {
    /// The whole URL: services put tokens into its path.
    Webhook {
        url: Secret,
        secret: Secret,
    },
    Email {
        password: Option<Secret>,
    },
}

/// The associated data that ties sealed secrets to their channel.
pub fn record(name: &ChannelName) -> String {
    format!("channel/{name}")
}

impl ChannelSecrets {
    /// Seals them for a channel.
    ///
    /// # Errors
    /// When they cannot be written as JSON, which none can.
    pub fn seal(&self, key: &ClusterKeys, name: &ChannelName) -> Result<Hex, serde_json::Error> {
        let json = Zeroizing::new(serde_json::to_vec(self)?);
        Ok(Hex(key.seal(&record(name), &json)))
    }

    /// Opens those of a channel.
    ///
    /// # Errors
    /// Why not, without what is in them.
    pub fn open(sealed: &Hex, key: &ClusterKeys, name: &ChannelName) -> Result<Self, String> {
        let json = key.open(&record(name), &sealed.0).map_err(|error| error.to_string())?;
        serde_json::from_slice(&json).map_err(|_| "they are of a newer version".to_owned())
    }

    /// Takes them out of a text that came from elsewhere.
    pub fn blank(&self, text: &str) -> String {
        let secrets: Vec<&str> = match self {
            Self::Webhook { url, secret } => {
                let path = url.reveal().splitn(4, '/').nth(3).unwrap_or_default();
                vec![url.reveal(), path, secret.reveal()]
            }
            Self::Email { password } => password.iter().map(Secret::reveal).collect(),
        };
        let long = secrets.into_iter().filter(|secret| secret.len() >= 4);
        long.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_open_for_their_channel_only_and_do_not_show() {
        let key = ClusterKeys::generate();
        let name = |text: &str| ChannelName::new(text).expect("name");
        let secrets = ChannelSecrets::Webhook {
            url: Secret::new("https://hooks.example.org/T0/secretpath"),
            secret: Secret::new("signing-secret-0123"),
        };
        let sealed = secrets.seal(&key, &name("a")).expect("sealed");
        assert!(ChannelSecrets::open(&sealed, &key, &name("b")).is_err());
        let opened = ChannelSecrets::open(&sealed, &key, &name("a")).expect("opens");
        let text = opened.blank("GET /T0/secretpath with signing-secret-0123");
        assert_eq!(text, "GET /[secret] with [secret]");
        assert!(!format!("{opened:?}").contains("secretpath"));
    }
}
