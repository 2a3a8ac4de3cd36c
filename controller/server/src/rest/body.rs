//! JSON bodies: strict, bounded, with the path of what is wrong.

use super::{Api, error::Failure};
use crate::{app::AppError, limits};
use axum::{
    body::to_bytes,
    extract::{FromRequest, Request},
    http::header,
};
use serde::de::DeserializeOwned;

/// A JSON body of type `T`.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Failure> {
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        if media.split(';').next().is_none_or(|media| !media.trim().eq_ignore_ascii_case("application/json")) {
            return Err(AppError::invalid("Content-Type", "the body must be application/json").into());
        }
        let bytes = to_bytes(request.into_body(), limits::BODY_MAX).await.map_err(|error| {
            // axum gives one error for too long and for cut short.
            if std::error::Error::source(&error).is_some_and(|e| e.is::<http_body_util::LengthLimitError>()) {
                AppError::TooLarge(format!("the body is larger than {} bytes", limits::BODY_MAX))
            } else {
                AppError::invalid("", "the body was cut short")
            }
        })?;
        parse(&bytes).map(Self).map_err(Failure)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, AppError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let at = error.path().to_string();
        AppError::Invalid { at: if at == "." { String::new() } else { at }, message: error.into_inner().to_string() }
    })?;
    reader.end().map_err(|_| AppError::invalid("", "there is something after the end of the JSON body"))?;
    Ok(value)
}
