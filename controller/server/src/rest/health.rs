//! What works without a session: health, readiness, metrics, version. None of it tells anything about the data.

use super::Api;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::Version;

/// The routes of this noun.
pub fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(version))
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// The controller can serve: there is a leader and its disks work.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = String), (status = 503, body = String)))]
async fn readyz(State(api): State<Api>) -> Response {
    let mut missing = match api.app.readiness.check() {
        Ok(()) => Vec::new(),
        Err(missing) => missing.iter().map(|m| format!("{}: {}\n", m.component, m.why)).collect(),
    };
    if api.app.raft.metrics().current_leader.is_none() {
        missing.push("raft: no leader\n".to_owned());
    }
    if missing.is_empty() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.concat()).into_response()
    }
}

/// Metrics in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, body = String)))]
async fn metrics(State(api): State<Api>) -> Response {
    ([(header::CONTENT_TYPE, wharden_runtime::metrics::CONTENT_TYPE)], api.metrics.encode()).into_response()
}

/// The version of this controller.
#[utoipa::path(get, path = "/version", tag = "health", responses((status = 200, body = Version)))]
async fn version() -> Json<Version> {
    Json(Version { version: env!("CARGO_PKG_VERSION").to_owned(), api: vec!["v1".to_owned()] })
}
