//! Messages as JSON over HTTPS, signed as the audit's are (`Wharden-Signature`), each with its own id
//! (`Wharden-Delivery`), which stays the same when it is sent again.

use super::{
    letter::Letter,
    limits::{ANSWER_MAX, SEND_LIMIT},
    sender::SendError,
};
use crate::audit_export::signature;
use aws_lc_rs::hmac;
use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect};
use wharden_model::api::Secret;
use wharden_runtime::clock::{Clock, SystemClock};

/// One receiver.
pub struct Webhook {
    client: Client,
    url: Url,
    key: hmac::Key,
}

impl Webhook {
    /// Reads the URL.
    ///
    /// # Errors
    /// Why it cannot be used; without the URL, which may hold a secret.
    pub fn new(url: &Secret, secret: &Secret, ca_pem: &str) -> Result<Self, String> {
        let url = read_url(url)?;
        let client = Client::builder().tls_backend_rustls().https_only(true).no_proxy();
        let client = if ca_pem.is_empty() {
            client
        } else {
            let cas = Certificate::from_pem_bundle(ca_pem.as_bytes()).map_err(|e| format!("its CA: {e}"))?;
            if cas.is_empty() {
                return Err("its CA: there is no certificate in PEM".to_owned());
            }
            client.tls_certs_only(cas)
        };
        let client =
            client.redirect(redirect::Policy::none()).timeout(SEND_LIMIT).build().map_err(|e| e.to_string())?;
        Ok(Self { client, url, key: hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()) })
    }

    /// Sends one message.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, letter: &Letter) -> Result<String, SendError> {
        let body = serde_json::to_vec(letter).map_err(|error| SendError::Refused(error.to_string()))?;
        let signed = signature(&self.key, SystemClock.now(), &body);
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        let request = request.header("wharden-signature", signed).header("wharden-delivery", &letter.delivery);
        let answer = request.body(body).send().await.map_err(|error| SendError::Away(chain(&error.without_url())))?;
        let status = answer.status();
        let text = format!("{status} {}", begin(answer).await);
        match status {
            _ if status.is_success() => Ok(text),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(SendError::Away(text)),
            _ if status.is_client_error() => Err(SendError::Refused(text)),
            _ => Err(SendError::Away(text)),
        }
    }
}

/// The URL of a webhook, when it is one.
///
/// # Errors
/// Why not; without the URL.
pub fn read_url(url: &Secret) -> Result<Url, String> {
    let url = Url::parse(url.reveal()).map_err(|error| error.to_string())?;
    if url.scheme() != "https" {
        return Err("it does not begin with https://".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password: requests are signed, they need none".to_owned());
    }
    Ok(url)
}

/// The beginning of an answer; how long it is does not matter.
async fn begin(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while let (true, Ok(Some(chunk))) = (bytes.len() < ANSWER_MAX, answer.chunk().await) {
        bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX)]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An error and what is behind it: the first says only that something was not sent.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
