//! The credentials file: one session per controller URL, readable by its owner only, replaced as a whole.
//!
//! A refresh token is good once. Whoever refreshes holds the lock, and looks again at the file before it asks.

mod error;
mod file;
mod lock;

use crate::settings::url_key;
pub use error::CredentialsError;
pub use file::Store;
pub use lock::Guard;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wharden_model::{
    SessionId, Timestamp, UserName,
    api::{Secret, SessionTokens},
};

/// Version of the file's form.
pub const FORMAT: u32 = 1;

/// One session with one controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub username: UserName,
    pub session_id: SessionId,
    pub access_token: Secret,
    pub access_expires_at: Timestamp,
    pub refresh_token: Secret,
    pub refresh_expires_at: Timestamp,
    /// The CA that the session began with, so that later commands need no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// All controllers of the cluster, as it told last, at login or renewal or by `wharden cluster status`: tried when the one of
    /// the URL cannot be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
}

impl Session {
    /// The session that the controller gave.
    pub fn new(tokens: SessionTokens, ca_pem: Option<String>) -> Self {
        Self {
            username: tokens.username,
            session_id: tokens.session_id,
            access_token: tokens.access_token,
            access_expires_at: tokens.access_expires_at,
            refresh_token: tokens.refresh_token,
            refresh_expires_at: tokens.refresh_expires_at,
            ca_pem,
            controllers: tokens.controllers,
        }
    }
}

/// A cluster whose session is over: what the next login there needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// As [`Session::ca_pem`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// As [`Session::controllers`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// [`FORMAT`].
    pub format: u32,
    /// URL of the last login; what commands use without `--url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// Sessions by the normal form of the URL.
    pub sessions: BTreeMap<String, Session>,
    /// Device tokens by URL and user: they stay when a session ends, so that the next login does not have to wait when others
    /// guessed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<String, BTreeMap<UserName, Secret>>,
    /// Clusters whose session ended by itself, by its URL.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known: BTreeMap<String, Known>,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            format: FORMAT,
            current: None,
            sessions: BTreeMap::new(),
            devices: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }
}

impl Credentials {
    /// The URL by which the session with these controllers of one cluster is known: the one of the last login before
    /// others, one that is named before one whose cluster told of it.
    pub fn name_of(&self, urls: &[Url]) -> Option<String> {
        let keys: Vec<String> = urls.iter().map(url_key).collect();
        let is_named = |url: &str| keys.iter().any(|key| key == url.trim_end_matches('/'));
        let current = self.current.clone().filter(|url| is_named(url) && self.sessions.contains_key(url));
        let named = || keys.iter().find(|url| self.sessions.contains_key(*url)).cloned();
        let told = || {
            let session = self.sessions.iter().find(|(_, session)| session.controllers.iter().any(|url| is_named(url)));
            session.map(|(url, _)| url.clone())
        };
        current.or_else(named).or_else(told)
    }

    /// What is known of the cluster of these controllers, although there is no session with it any more.
    pub fn known_of(&self, urls: &[Url]) -> Option<&Known> {
        let keys: Vec<String> = urls.iter().map(url_key).collect();
        let is_named = |url: &str| keys.iter().any(|key| key == url.trim_end_matches('/'));
        let found = self
            .known
            .iter()
            .find(|(url, known)| is_named(url) || known.controllers.iter().any(|controller| is_named(controller)));
        found.map(|(_, known)| known)
    }

    /// Sets the session of a URL and makes it the current one.
    pub fn log_in(&mut self, url: &str, session: Session) {
        self.current = Some(url.to_owned());
        let told = |known: &Known| known.controllers.iter().any(|controller| controller.trim_end_matches('/') == url);
        self.known.retain(|name, known| name != url && !told(known));
        self.sessions.insert(url.to_owned(), session);
    }

    /// The session of a URL is over, and nobody asked for that: what the next login needs stays.
    pub fn end(&mut self, url: &str) {
        if let Some(Session { ca_pem, controllers, .. }) = self.sessions.remove(url) {
            self.known.insert(url.to_owned(), Known { ca_pem, controllers });
        }
    }

    /// Forgets the session of a URL.
    pub fn log_out(&mut self, url: &str) {
        self.sessions.remove(url);
        self.known.remove(url);
        if self.current.as_deref() == Some(url) {
            self.current = self.sessions.keys().next().cloned();
        }
    }
}
