//! JSON bodies: strict, bounded, with the path of what is wrong.

use super::{Api, error::Failure};
use crate::{app::AppError, limits};
use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use http_body_util::BodyExt;
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
        let bytes = read(request.into_body()).await?;
        parse(&bytes).map(Self).map_err(Failure)
    }
}

/// The whole body. Of one that is too long, some more is read and dropped, since a client that still writes when the
/// connection closes never sees the answer.
async fn read(mut body: axum::body::Body) -> Result<Vec<u8>, AppError> {
    let mut bytes = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| AppError::invalid("", "the body was cut short"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen <= limits::BODY_MAX {
            bytes.extend_from_slice(&data);
        } else if seen > limits::BODY_DRAIN_MAX {
            break;
        }
    }
    if seen > limits::BODY_MAX {
        return Err(AppError::TooLarge(format!("the body is larger than {} bytes", limits::BODY_MAX)));
    }
    Ok(bytes)
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
