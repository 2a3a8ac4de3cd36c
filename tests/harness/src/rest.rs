//! The REST API as a program would call it.

use crate::{limits::CALL, totp::Person};
pub use reqwest::Method;
use reqwest::{Certificate, Client};
use serde_json::Value;
use std::{fmt, path::Path};
use tokio::runtime::{Builder, Runtime};

/// A client of one controller.
pub struct Rest {
    base: String,
    client: Client,
    runtime: Runtime,
    bearer: Option<String>,
    person: Option<Person>,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// What was asked, for messages.
    pub request: String,
    /// Status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Rest {
    /// A client that believes the CA in this file and no other.
    ///
    /// # Panics
    /// When the file holds no certificate.
    pub fn new(base: &str, ca_file: &Path) -> Self {
        // Another client of this process may have installed it already.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let pem = std::fs::read(ca_file).unwrap_or_else(|e| panic!("cannot read {}: {e}", ca_file.display()));
        let ca = Certificate::from_pem(&pem).expect("the CA file holds a certificate");
        // A kept connection would make the first call after a restart fail, and one of HTTP/2 that nobody polls between two
        // calls would not answer when the controller stops.
        let client = Client::builder()
            .tls_certs_only([ca])
            .no_proxy()
            .pool_max_idle_per_host(0)
            .http1_only()
            .timeout(CALL)
            .build()
            .expect("HTTP client");
        let runtime = Builder::new_current_thread().enable_all().build().expect("runtime");
        Self { base: base.to_owned(), client, runtime, bearer: None, person: None }
    }

    /// Sends this access token from now on.
    pub fn set_bearer(&mut self, token: &str) {
        self.bearer = Some(token.to_owned());
    }

    /// What it sends.
    pub fn bearer(&self) -> Option<String> {
        self.bearer.clone()
    }

    /// Lets this person give a code whenever one is asked for, as the admin CLI does.
    pub fn set_person(&mut self, person: Person) {
        self.person = Some(person);
    }

    /// Who gives codes.
    pub fn person(&self) -> Option<Person> {
        self.person.clone()
    }

    /// The same session without anybody who gives codes.
    #[must_use]
    pub fn alone(&self) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("runtime");
        Self {
            base: self.base.clone(),
            client: self.client.clone(),
            runtime,
            bearer: self.bearer.clone(),
            person: None,
        }
    }

    /// The same session, with the same person, at another controller of the cluster.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), person: self.person.clone(), ..self.alone() }
    }

    /// Calls without a body.
    pub fn get(&self, path: &str) -> Answer {
        self.send(&Method::GET, path, None)
    }

    /// Calls with a JSON body.
    #[expect(clippy::needless_pass_by_value, reason = "so that json!{} can stand in the call")]
    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send(&Method::POST, path, Some(body.to_string().into_bytes()))
    }

    /// Calls with a JSON body.
    #[expect(clippy::needless_pass_by_value, reason = "so that json!{} can stand in the call")]
    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send(&Method::PUT, path, Some(body.to_string().into_bytes()))
    }

    /// Calls with a JSON body.
    #[expect(clippy::needless_pass_by_value, reason = "so that json!{} can stand in the call")]
    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(&Method::PATCH, path, Some(body.to_string().into_bytes()))
    }

    /// Calls without a body.
    pub fn delete(&self, path: &str) -> Answer {
        self.send(&Method::DELETE, path, None)
    }

    /// Calls with a body that need not be JSON.
    ///
    /// # Panics
    /// When there is no answer at all.
    #[track_caller]
    pub fn send(&self, method: &Method, path: &str, body: Option<Vec<u8>>) -> Answer {
        self.try_send(method, path, body).unwrap_or_else(|e| panic!("{method} {path}: no answer: {e}"))
    }

    /// Calls; no answer is an error in words.
    ///
    /// # Errors
    /// What went wrong below HTTP.
    pub fn try_send(&self, method: &Method, path: &str, body: Option<Vec<u8>>) -> Result<Answer, String> {
        let answer = self.send_with(method, path, body.clone(), &[])?;
        match &self.person {
            Some(person) if answer.status == 403 && answer.body.contains("\"step_up_required\"") => {
                if let Some(last) = person.last_spare() {
                    let list = "/v1/account/recovery-codes";
                    let new = self.send_with(&Method::POST, list, None, &[(last.header, &last.code)])?;
                    if new.status >= 300 {
                        return Ok(new);
                    }
                    let new = new.ok();
                    let new = serde_json::from_value(new["recovery_codes"].clone());
                    person.refill(new.map_err(|error| error.to_string())?);
                }
                let factor = person.factor();
                self.send_with(method, path, body, &[(factor.header, &factor.code)])
            }
            _ => Ok(answer),
        }
    }

    /// Calls with these headers besides.
    ///
    /// # Errors
    /// What went wrong below HTTP.
    pub fn send_with(
        &self,
        method: &Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let request = format!("{method} {path}");
        let mut builder = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = &self.bearer {
            builder = builder.bearer_auth(token);
        }
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        if let Some(body) = body {
            builder = builder.header("content-type", "application/json").body(body);
        }
        self.runtime.block_on(async {
            let response = builder.send().await.map_err(|e| format!("{e:?}"))?;
            let status = response.status().as_u16();
            let body = response.text().await.map_err(|e| format!("{e:?}"))?;
            Ok(Answer { request, status, body })
        })
    }
}

impl Answer {
    /// The JSON of an answer that must be 2xx; null when it has no body.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "should have succeeded: {self}");
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The error body of an answer that must have this status and code.
    ///
    /// # Panics
    /// When it has another.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert!(self.status == status, "should have been {status}: {self}");
        let body = self.json();
        assert!(body["code"] == code, "should have been {code:?}: {self}");
        assert!(body["message"].as_str().is_some_and(|m| !m.is_empty()), "an error says what is wrong: {self}");
        body
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n--- status {}\n{}", self.request, self.status, self.body)
    }
}
