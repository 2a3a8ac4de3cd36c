//! One exchange with the controller over HTTPS.

use super::{
    Factor, fault,
    tls::{self, Ca},
};
use crate::{
    error::CliError,
    limits::{ANSWER_MAX, CONNECT_TIMEOUT, REQUEST_TIMEOUT},
    settings::url_key,
};
use reqwest::{Client, Method, StatusCode, Url, header, redirect};
use serde::{Serialize, de::DeserializeOwned};
use std::{borrow::Cow, io, sync::OnceLock, time::Duration};
use wharden_model::{
    AdminAction, StepUp,
    api::{ErrorBody, Secret},
};

/// One call: everything but who makes it.
#[derive(Debug)]
pub struct Call<'a> {
    method: Method,
    segments: Vec<Cow<'a, str>>,
    query: Vec<(&'static str, String)>,
    body: Option<Secret>,
    factor: Option<Factor>,
    needs_code: bool,
    forced: bool,
    timeout: Duration,
}

impl<'a> Call<'a> {
    /// A call of `/v1/…`; the path comes as its segments, so that no name can reach another route.
    pub fn new(method: Method, segments: &[&'a str]) -> Self {
        Self {
            method,
            segments: segments.iter().copied().map(Cow::Borrowed).collect(),
            query: Vec::new(),
            body: None,
            factor: None,
            needs_code: false,
            forced: false,
            timeout: REQUEST_TIMEOUT,
        }
    }

    /// `GET`.
    pub fn get(segments: &[&'a str]) -> Self {
        Self::new(Method::GET, segments)
    }

    /// `DELETE`.
    pub fn delete(segments: &[&'a str]) -> Self {
        Self::new(Method::DELETE, segments)
    }

    /// `POST`.
    pub fn post(segments: &[&'a str]) -> Self {
        Self::new(Method::POST, segments)
    }

    /// With one more segment of the path.
    pub fn at(mut self, segment: &str) -> Self {
        self.segments.push(Cow::Owned(segment.to_owned()));
        self
    }

    /// With a query parameter, when there is a value.
    pub fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.query.push((name, value.to_string()));
        }
        self
    }

    /// With a JSON body.
    ///
    /// # Errors
    /// [`CliError::Json`] when it cannot be written as JSON.
    pub fn body(mut self, body: &impl Serialize) -> Result<Self, CliError> {
        self.body = Some(Secret::new(serde_json::to_string(body)?));
        Ok(self)
    }

    /// With a second factor for this call.
    pub fn factor(mut self, factor: Factor) -> Self {
        self.factor = Some(factor);
        self
    }

    /// As this action: when that is known to need more than a session, a given code goes with the first attempt, so that the
    /// audit has no refusal for want of it, and a wrong one is told even while the session would do.
    pub fn of(self, action: AdminAction) -> Self {
        if action.step_up() == StepUp::Session { self } else { self.with_code() }
    }

    /// Takes a code of its own, if one was given.
    pub fn with_code(mut self) -> Self {
        self.needs_code = true;
        self
    }

    /// True when a given code goes with it.
    pub fn needs_code(&self) -> bool {
        self.needs_code
    }

    /// What is shown with it.
    pub fn shown(&self) -> Option<&Factor> {
        self.factor.as_ref()
    }

    /// Although it takes the caller's own rights.
    pub fn forced(mut self) -> Self {
        self.forced = true;
        self
    }

    /// It changes nothing.
    pub fn is_get(&self) -> bool {
        self.method == Method::GET
    }

    /// With another time-out.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Where the body of an answer goes that is not read here.
pub type Out<'a> = Option<&'a mut (dyn io::Write + Send)>;

/// The same for one more attempt.
pub fn again<'a>(out: &'a mut Out<'_>) -> Out<'a> {
    match out {
        Some(out) => Some(&mut **out),
        None => None,
    }
}

/// A way to the controllers of one cluster. The first one names it; another one is tried when that cannot be reached.
pub struct Transport {
    pub(super) http: Client,
    pub(super) bases: Vec<Url>,
    pub(super) ca: Option<Ca>,
    /// What the session is known by; the controller that answered when there is none yet.
    name: OnceLock<String>,
}

impl Transport {
    /// A client for at least one URL that trusts only `ca`, or the machine's CAs when there is none.
    ///
    /// # Errors
    /// [`CliError::CaFile`], or [`CliError::Client`] when the client cannot be made.
    pub fn new(bases: Vec<Url>, ca: Option<Ca>, name: Option<String>) -> Result<Self, CliError> {
        let builder = Client::builder()
            .user_agent(concat!("wharden/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .https_only(true)
            // A session's token is for this controller and goes nowhere else.
            .redirect(redirect::Policy::none());
        let builder = if bases.iter().all(is_loopback) { builder.no_proxy() } else { builder };
        let http = tls::trust(builder, ca.as_ref())?.build().map_err(CliError::Client)?;
        Ok(Self { http, bases, ca, name: name.map(OnceLock::from).unwrap_or_default() })
    }

    /// The normal form of the URL by which the session is known.
    pub fn url(&self) -> String {
        self.name.get().cloned().or_else(|| self.bases.first().map(url_key)).unwrap_or_default()
    }

    /// The CA that it was made with.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca.as_ref().map(|ca| ca.pem.as_str())
    }

    /// Makes a call and reads the answer.
    ///
    /// # Errors
    /// Every [`CliError`] of an exchange; [`CliError::Refused`] for an answer that is not 2xx.
    pub async fn call<T: DeserializeOwned>(&self, call: &Call<'_>, bearer: Option<&Secret>) -> Result<T, CliError> {
        let (status, body) = self.exchange(call, bearer, None).await?;
        self.read(status, &body)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`CliError::NotWharden`].
    pub fn read<T: DeserializeOwned>(&self, status: StatusCode, body: &[u8]) -> Result<T, CliError> {
        serde_json::from_slice(body).map_err(|error| self.not_wharden(status, error.to_string()))
    }

    /// Makes a call whose answer has nothing to say.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn act(&self, call: &Call<'_>, bearer: Option<&Secret>) -> Result<(), CliError> {
        self.exchange(call, bearer, None).await.map(drop)
    }

    /// Makes a call. Tries the controllers in turn; a request that may have arrived goes to another one only when it
    /// changes nothing. With `out`, an answer that is not a refusal is written there as it comes, and not returned.
    ///
    /// # Errors
    /// As [`Self::call`], and [`CliError::Output`] when `out` does not take it.
    pub async fn exchange(
        &self,
        call: &Call<'_>,
        bearer: Option<&Secret>,
        mut out: Out<'_>,
    ) -> Result<(StatusCode, Vec<u8>), CliError> {
        // The controllers put it into their logs and into errors.
        let id = format!("{:032x}", rand::random::<u128>());
        let mut first = None;
        for base in &self.bases {
            match self.exchange_at(base, call, bearer, &id, again(&mut out)).await {
                Err(CliError::Unreachable { url, cause, sent }) if !sent || call.method == Method::GET => {
                    first.get_or_insert(CliError::Unreachable { url, cause, sent });
                }
                // It got nothing. It may have another name by now, which another controller tells.
                Err(error @ CliError::Certificate { .. }) => {
                    first.get_or_insert(error);
                }
                answer => {
                    if answer.is_ok() {
                        self.name.get_or_init(|| url_key(base));
                    }
                    return answer;
                }
            }
        }
        Err(first.unwrap_or_else(|| CliError::usage("no controller is named", "give --url https://HOST:7440")))
    }

    async fn exchange_at(
        &self,
        base: &Url,
        call: &Call<'_>,
        bearer: Option<&Secret>,
        id: &str,
        out: Out<'_>,
    ) -> Result<(StatusCode, Vec<u8>), CliError> {
        let no_answer =
            |error: reqwest::Error| fault::no_answer(&error, &url_key(base), self.ca.as_ref(), call.timeout.as_secs());
        let mut request = self
            .http
            .request(call.method.clone(), target(base, call))
            .timeout(call.timeout)
            .header(header::ACCEPT, "application/json")
            .header("x-request-id", id);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer.reveal());
        }
        if call.forced {
            request = request.header("wharden-force", "yes");
        }
        request = match &call.factor {
            Some(Factor::Totp(code)) => request.header("wharden-totp", code.reveal()),
            Some(Factor::Recovery(code)) => request.header("wharden-recovery-code", code.reveal()),
            None => request,
        };
        if let Some(body) = &call.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.reveal().to_owned());
        }
        let mut answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        if let Some(out) = out.filter(|_| status.is_success()) {
            while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
                out.write_all(&chunk).map_err(CliError::Output)?;
            }
            return Ok((status, Vec::new()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(no_answer)? {
            if bytes.len() + chunk.len() > ANSWER_MAX {
                return Err(self.not_wharden(status, format!("more than {ANSWER_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok((status, bytes));
        }
        match serde_json::from_slice::<ErrorBody>(&bytes) {
            Ok(body) => Err(CliError::Refused { body: Box::new(body) }),
            Err(error) => Err(self.not_wharden(status, error.to_string())),
        }
    }

    fn not_wharden(&self, status: StatusCode, cause: String) -> CliError {
        CliError::NotWharden { url: self.url(), status: status.as_u16(), cause }
    }
}

fn target(base: &Url, call: &Call<'_>) -> Url {
    let mut url = base.clone();
    // Only a URL without a host has no segments, and those are refused when they are read.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().push("v1").extend(call.segments.iter().map(AsRef::as_ref));
    }
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(call.query.iter().map(|(k, v)| (*k, v.as_str())));
    }
    url
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
