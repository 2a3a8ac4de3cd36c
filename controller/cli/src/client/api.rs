//! Calls with a session. The access token is short-lived: it is renewed before it ends, and once more when the
//! controller says that it has ended.

use super::{
    Call, Codes, Factor, Transport, step_up,
    transport::{Out, again},
};
use crate::{
    console::Clock,
    credentials::{Session, Store},
    error::CliError,
    limits::{REFRESH_BEFORE_MS, STEP_UP_ATTEMPTS},
};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use std::io;
use wharden_model::{
    Timestamp,
    api::{ErrorBody, ErrorCode, Refresh, SESSION_OVER, Secret, SessionTokens, StepUp},
};

/// A controller and what is shown to it.
pub struct Api {
    transport: Transport,
    shown: Shown,
    codes: Codes,
}

/// A session that renews itself, or the key of a service account.
enum Shown {
    Session(Box<Renewed>),
    Key(Secret),
}

struct Renewed {
    store: Store,
    session: Session,
    clock: Clock,
}

impl Api {
    /// Takes up the session that the store has for the transport's URL.
    ///
    /// # Errors
    /// [`CliError::NotLoggedIn`] when it has none.
    pub fn new(transport: Transport, store: Store, clock: Clock, codes: Codes) -> Result<Self, CliError> {
        let session = session_for(&store, &transport.url())?;
        Ok(Self { transport, shown: Shown::Session(Box::new(Renewed { store, session, clock })), codes })
    }

    /// With the key of a service account.
    pub fn with_key(transport: Transport, key: Secret) -> Self {
        Self {
            transport,
            shown: Shown::Key(key),
            codes: Codes { given: None, force: false, person: None, subject: None },
        }
    }

    /// Says which of many changes the next calls are, for the question for a code.
    pub fn set_subject(&mut self, subject: String) {
        self.codes.subject = Some(subject);
    }

    /// True when there are codes for so many changes: somebody can be asked, or one is enough, or none was given.
    pub fn has_codes_for(&self, changes: usize) -> bool {
        self.codes.person.is_some() || changes <= 1 || self.codes.given.is_none()
    }

    /// Makes a call and reads the answer.
    ///
    /// # Errors
    /// [`CliError::NotLoggedIn`] when the session has ended, and every error of an exchange.
    pub async fn call<T: DeserializeOwned>(&mut self, call: Call<'_>) -> Result<T, CliError> {
        let (status, body) = self.exchange(call, None).await?;
        self.transport.read(status, &body)
    }

    /// Makes a call whose answer has nothing to say.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn act(&mut self, call: Call<'_>) -> Result<(), CliError> {
        self.exchange(call, None).await.map(drop)
    }

    /// Makes a call and writes its answer, as it is, to `out`. An answer that ends early is an error.
    ///
    /// # Errors
    /// As [`Self::call`], and [`CliError::Output`] when `out` does not take it.
    pub async fn download(&mut self, call: Call<'_>, out: &mut (dyn io::Write + Send)) -> Result<(), CliError> {
        self.exchange(call, Some(out)).await.map(drop)
    }

    async fn exchange(&mut self, call: Call<'_>, out: Out<'_>) -> Result<(StatusCode, Vec<u8>), CliError> {
        let answer = self.with_codes(call, out).await;
        answer.map_err(|error| if self.codes.force { forced(error) } else { error })
    }

    /// Makes a call; when it needs a code of the second factor, once more with one.
    async fn with_codes(&mut self, mut call: Call<'_>, mut out: Out<'_>) -> Result<(StatusCode, Vec<u8>), CliError> {
        if self.codes.force {
            call = call.forced();
        }
        if call.needs_code()
            && let Some(given) = self.codes.given.take()
        {
            call = call.factor(given);
        }
        let mut refusal = match self.with_session(&call, again(&mut out)).await {
            Err(error) if step_up::is_asked_for(&error) => step_up::about(error, call.shown()),
            answer => return answer,
        };
        for _ in 0..STEP_UP_ATTEMPTS {
            let Some(code) = self.codes.next(&refusal)? else { break };
            call = self.with_code(call, code).await?;
            refusal = match self.with_session(&call, again(&mut out)).await {
                Err(error) if step_up::is_asked_for(&error) => step_up::about(error, call.shown()),
                answer => return answer,
            };
        }
        Err(step_up::advised(refusal))
    }

    /// Puts a code to a call. One that changes nothing cannot use it up: the session is made fresh with it instead.
    async fn with_code<'a>(&mut self, call: Call<'a>, factor: Factor) -> Result<Call<'a>, CliError> {
        match factor {
            Factor::Totp(code) if call.is_get() => {
                let fresh = Call::post(&["session", "step-up"]).body(&StepUp { code })?;
                self.with_session(&fresh, None).await?;
                Ok(call)
            }
            factor => Ok(call.factor(factor)),
        }
    }

    async fn with_session(&mut self, call: &Call<'_>, mut out: Out<'_>) -> Result<(StatusCode, Vec<u8>), CliError> {
        let session = match &mut self.shown {
            Shown::Key(key) => return self.transport.exchange(call, Some(key), out).await.map_err(of_key),
            Shown::Session(session) => session,
        };
        let access = session.access_token(&self.transport).await?;
        match self.transport.exchange(call, Some(&access), again(&mut out)).await {
            Err(error) if has_ended(&error) => {
                let access = session.refresh(&self.transport).await?;
                self.transport.exchange(call, Some(&access), again(&mut out)).await
            }
            answer => answer,
        }
    }
}

impl Renewed {
    async fn access_token(&mut self, transport: &Transport) -> Result<Secret, CliError> {
        let soon = Timestamp((self.clock)().0.saturating_add(REFRESH_BEFORE_MS));
        if self.session.access_expires_at <= soon {
            self.refresh(transport).await
        } else {
            Ok(self.session.access_token.clone())
        }
    }

    /// Renews the session, unless another process has done so since this one read the file.
    async fn refresh(&mut self, transport: &Transport) -> Result<Secret, CliError> {
        let url = transport.url();
        let guard = self.store.lock().await?;
        let mut credentials = self.store.load()?;
        let Some(stored) = credentials.sessions.get(&url) else {
            return Err(ended(&url, None));
        };
        if stored.access_token != self.session.access_token {
            self.session = stored.clone();
            return Ok(self.session.access_token.clone());
        }
        let body = Refresh { refresh_token: stored.refresh_token.clone() };
        let call = Call::post(&["session", "refresh"]).body(&body)?;
        match transport.call::<SessionTokens>(&call, None).await {
            Ok(tokens) => {
                self.session = Session::new(tokens, stored.ca_pem.clone());
                credentials.sessions.insert(url, self.session.clone());
                self.store.save(&credentials, &guard)?;
                Ok(self.session.access_token.clone())
            }
            Err(CliError::Refused { body })
                if matches!(body.code, ErrorCode::NotLoggedIn | ErrorCode::BadCredentials) =>
            {
                credentials.end(&url);
                self.store.save(&credentials, &guard)?;
                Err(ended(&url, Some(&body)))
            }
            Err(error) => Err(error),
        }
    }
}

/// What is refused to a service account: it cannot log in, so that is no advice. The controller tells a good key that is
/// of no use for this from one that is not good by its message alone.
fn of_key(mut error: CliError) -> CliError {
    if let CliError::Refused { body } = &mut error
        && body.code == ErrorCode::NotLoggedIn
    {
        if body.message.contains("not for service accounts") {
            body.code = ErrorCode::Forbidden;
            "WHARDEN_TOKEN is set: without it your own session counts".clone_into(&mut body.hint);
        } else {
            "it is the key in WHARDEN_TOKEN: an admin makes another with `wharden service-account rotate NAME`"
                .clone_into(&mut body.hint);
        }
    }
    error
}

/// A refusal of what was forced already. The controller does not tell it apart from other refusals but by its advice.
fn forced(mut error: CliError) -> CliError {
    if let CliError::Refused { body } = &mut error
        && body.code == ErrorCode::Forbidden
        && body.hint.contains("`--force`")
    {
        "let another admin do it: what would leave no admin cannot be forced".clone_into(&mut body.hint);
    }
    error
}

fn has_ended(error: &CliError) -> bool {
    matches!(error, CliError::Refused { body } if body.code == ErrorCode::NotLoggedIn)
}

fn ended(url: &str, said: Option<&ErrorBody>) -> CliError {
    let why = said.and_then(|body| body.details.iter().find(|detail| detail.at == SESSION_OVER));
    let why = why.map(|detail| format!(": {}", detail.message)).unwrap_or_default();
    CliError::NotLoggedIn {
        message: format!("your session at {url} has ended{why}"),
        hint: "log in again with `wharden login`".to_owned(),
    }
}

fn session_for(store: &Store, url: &str) -> Result<Session, CliError> {
    let mut credentials = store.load()?;
    if let Some(session) = credentials.sessions.remove(url) {
        return Ok(session);
    }
    let message = match credentials.sessions.keys().next() {
        Some(other) => format!("not logged in at {url} (there is a session at {other})"),
        None => format!("not logged in at {url}"),
    };
    Err(CliError::NotLoggedIn { message, hint: "log in with `wharden login`".to_owned() })
}
