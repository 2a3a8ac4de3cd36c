//! Is somebody there, is it who it should be, and what does its clock say: asked without a session, of each controller.

use super::{Transport, fault};
use crate::{
    error::CliError,
    limits::{ANSWER_MAX, CONNECT_TIMEOUT},
    settings::url_key,
};
use reqwest::{Url, header};
use std::time::UNIX_EPOCH;
use wharden_model::Timestamp;

/// What a controller said.
pub struct Knock {
    /// It can serve.
    pub ready: bool,
    /// What it lacks when it cannot.
    pub text: String,
    /// Its clock, to the second.
    pub clock: Option<Timestamp>,
}

impl Transport {
    /// The controllers that are known, the first one first.
    pub fn urls(&self) -> &[Url] {
        &self.bases
    }

    /// Asks one controller whether it is ready.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn knock(&self, base: &Url) -> Result<Knock, CliError> {
        let mut url = base.clone();
        // Only a URL without a host has no segments, and those are refused when they are read.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("readyz");
        }
        let no_answer = |error: reqwest::Error| {
            fault::no_answer(&error, &url_key(base), self.ca.as_ref(), CONNECT_TIMEOUT.as_secs())
        };
        let mut answer = self.http.get(url).timeout(CONNECT_TIMEOUT).send().await.map_err(no_answer)?;
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        let clock = date.and_then(|date| httpdate::parse_http_date(date).ok()).and_then(|at| {
            let since = at.duration_since(UNIX_EPOCH).ok()?;
            Some(Timestamp::from_secs(since.as_secs()))
        });
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
            if bytes.len() + chunk.len() > ANSWER_MAX {
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        // The port for agents has a good status for everything.
        if status.is_success() && text != "ok" {
            let cause = "it does not say `ok`; the port for people is 7440".to_owned();
            return Err(CliError::NotWharden { url: url_key(base), status: status.as_u16(), cause });
        }
        Ok(Knock { ready: status.is_success(), text, clock })
    }
}
