//! Parts of the path, with the documented answer to one that is no text.

use super::{Api, error::Failure};
use crate::app::AppError;
use axum::{extract::FromRequestParts, http::request::Parts};
use serde::de::DeserializeOwned;

/// The parameters of the route's path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Failure> {
        match axum::extract::Path::from_request_parts(parts, api).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status().is_server_error() => Err(AppError::internal(rejection).into()),
            Err(rejection) => Err(AppError::invalid("path", rejection.body_text()).into()),
        }
    }
}
