//! Records as JSON over HTTPS, signed so that the receiver knows who sent them: `Wharden-Signature: t=MILLISECONDS,v1=HEX`
//! with HMAC-SHA-256 over the decimal milliseconds, a dot, and the body.

use super::{Sink, WebhookSink};
use crate::limits;
use aws_lc_rs::hmac;
use reqwest::{Certificate, Client, Url, redirect};
use serde::Serialize;
use std::{fmt::Display, time::Duration};
use wharden_model::{ClusterId, api::AuditRecord};
use wharden_runtime::clock::{Clock, SystemClock};
use wharden_state::Hex;
use zeroize::Zeroizing;

/// Shortest secret, in bytes.
const SECRET_MIN: usize = 16;

pub(super) struct Webhook {
    target: Target,
    cluster: ClusterId,
}

#[derive(Serialize)]
struct Body<'a> {
    cluster_id: &'a ClusterId,
    records: &'a [AuditRecord],
}

impl Webhook {
    pub fn new(sink: &WebhookSink, cluster: &ClusterId) -> Result<Self, String> {
        Ok(Self { target: Target::of(sink)?, cluster: cluster.clone() })
    }
}

/// Where to, whom to trust and what to sign with, as the configuration and its files say.
pub(super) struct Target {
    client: Client,
    url: Url,
    key: hmac::Key,
}

impl Target {
    /// An error begins with the key of the configuration that is wrong.
    pub fn of(sink: &WebhookSink) -> Result<Self, String> {
        let url = Url::parse(&sink.url).map_err(|e| format!("url: {e}"))?;
        if url.scheme() != "https" {
            return Err("url: it does not begin with https://".to_owned());
        }
        let wrong = |why: &dyn Display| format!("ca_file: {}: {why}", sink.ca_file.display());
        let pem = std::fs::read(&sink.ca_file).map_err(|e| wrong(&e))?;
        let cas = Certificate::from_pem_bundle(&pem).map_err(|e| wrong(&e))?;
        if cas.is_empty() {
            return Err(wrong(&"it holds no certificate in PEM"));
        }
        let client = Client::builder()
            .tls_backend_rustls()
            .tls_certs_only(cas)
            .https_only(true)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(limits::EXPORT_TIMEOUT_S))
            .build()
            .map_err(|e| wrong(&e))?;
        let wrong = |why: &dyn Display| format!("secret_file: {}: {why}", sink.secret_file.display());
        let secret = Zeroizing::new(std::fs::read_to_string(&sink.secret_file).map_err(|e| wrong(&e))?);
        if secret.trim().len() < SECRET_MIN {
            return Err(wrong(&format!("the secret is shorter than {SECRET_MIN} bytes")));
        }
        Ok(Self { client, url, key: hmac::Key::new(hmac::HMAC_SHA256, secret.trim().as_bytes()) })
    }
}

/// The value of the header.
pub(crate) fn signature(key: &hmac::Key, at_ms: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(at_ms.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    format!("t={at_ms},v1={}", Hex(context.sign().as_ref().to_vec()))
}

impl Sink for Webhook {
    async fn send(&mut self, records: &[AuditRecord]) -> Result<(), String> {
        let body = serde_json::to_vec(&Body { cluster_id: &self.cluster, records }).map_err(|e| e.to_string())?;
        let Target { client, url, key } = &self.target;
        let signed = signature(key, SystemClock.now(), &body);
        let request = client.post(url.clone()).header("content-type", "application/json");
        let answer = request
            .header("wharden-signature", signed)
            .body(body)
            .send()
            .await
            .map_err(|e| e.without_url().to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("the webhook answered {}", answer.status())) }
    }
}
