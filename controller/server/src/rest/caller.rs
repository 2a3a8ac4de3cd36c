//! Who calls: the session behind the access token, and the address.

use super::{Api, error::Failure};
use crate::{
    app::{AppError, Caller},
    raft::new_request_id,
};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{header, request::Parts},
};
use std::net::{IpAddr, SocketAddr};
use wharden_model::RequestId;

/// The id of this request, put there by the outermost layer.
#[derive(Clone, Debug)]
pub struct RequestIdOf(pub RequestId);

/// A caller with a session that passed both factors. A handler that takes one cannot be reached without.
pub struct Session(pub Caller);

impl FromRequestParts<Api> for Session {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
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
            (Some(_), Some(_)) => return Err(AppError::NotLoggedIn("there are two Authorization headers").into()),
        };
        let id = parts.extensions.get::<RequestIdOf>().map_or_else(new_request_id, |id| id.0.clone());
        Ok(Self(api.app.caller(token, id)?))
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
