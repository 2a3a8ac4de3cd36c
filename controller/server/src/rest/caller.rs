//! Who calls: the session behind the access token, and the address.

use super::{Api, error::Failure, needs};
use crate::{
    app::{AppError, Caller, Shown},
    raft::new_request_id,
};
use axum::{
    extract::{ConnectInfo, FromRequestParts, MatchedPath},
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};
use std::net::{IpAddr, SocketAddr};
use wharden_model::{RequestId, api::Secret};

/// A TOTP code for this one request.
pub const TOTP: HeaderName = HeaderName::from_static("wharden-totp");
/// `yes`: go ahead although it takes the caller's own rights.
pub const FORCE: HeaderName = HeaderName::from_static("wharden-force");
/// What keys of service accounts begin with.
const SERVICE_PREFIX: &str = "wsk_";
/// A recovery code in place of it.
pub const RECOVERY_CODE: HeaderName = HeaderName::from_static("wharden-recovery-code");

/// The id of this request, put there by the outermost layer.
#[derive(Clone, Debug)]
pub struct RequestIdOf(pub RequestId);

/// A caller with a session that passed both factors. A handler that takes one cannot be reached without.
pub struct Session(pub Caller);

impl FromRequestParts<Api> for Session {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
        let Source(source) = Source::from_request_parts(parts, api).await?;
        match caller(parts, api, source).await {
            Ok(caller) => Ok(Self(caller)),
            Err(error) => {
                // Made-up tokens and keys are a visit without a session, and have its limit.
                api.app.visit(source)?;
                Err(error.into())
            }
        }
    }
}

async fn caller(parts: &Parts, api: &Api, source: IpAddr) -> Result<Caller, AppError> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let token = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.split_once(' '))
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, token)| token.trim())
                .ok_or(AppError::NotLoggedIn("the Authorization header is not `Bearer TOKEN`"))?,
        ),
        (Some(_), Some(_)) => return Err(AppError::NotLoggedIn("there are two Authorization headers")),
    };
    let shown = shown(&parts.headers)?;
    let id = parts.extensions.get::<RequestIdOf>().map_or_else(new_request_id, |id| id.0.clone());
    if let Some(key) = token.filter(|token| token.starts_with(SERVICE_PREFIX)) {
        let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
        return if needs::is_for_service_accounts(parts.method.as_str(), route) {
            api.app.service(key, source, id).await
        } else {
            Err(api.app.for_people(key, source, id, &needs::name_of(parts.method.as_str(), route)).await)
        };
    }
    let force = match parts.headers.get(&FORCE).map(HeaderValue::as_bytes) {
        None => false,
        Some(b"yes") => true,
        Some(_) => return Err(AppError::invalid(FORCE.as_str(), "it is not `yes`")),
    };
    if token.is_some_and(|token| !api.app.knows_key_of(token)) {
        // To look for the key, the other controllers are asked.
        api.app.visit(source)?;
    }
    let caller = api.app.caller(token, shown.as_ref(), source, id).await?;
    Ok(Caller { force, ..caller })
}

/// The second factor that comes with this request, at most one.
fn shown(headers: &HeaderMap) -> Result<Option<Shown>, AppError> {
    let mut found = Vec::new();
    for name in [TOTP, RECOVERY_CODE] {
        for value in headers.get_all(&name) {
            let text = value.to_str().map_err(|_| AppError::invalid(name.as_str(), "it is not text"))?;
            let secret = Secret::new(text.trim());
            found.push(if name == TOTP { Shown::Totp(secret) } else { Shown::Recovery(secret) });
        }
    }
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(AppError::invalid(TOTP.as_str(), "there is more than one code")),
    }
}

/// The address that the connection comes from.
pub struct Source(pub IpAddr);

impl FromRequestParts<Api> for Source {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Failure> {
        parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| Self(info.0.ip()))
            .ok_or_else(|| AppError::internal("a connection without an address").into())
    }
}
