//! What works without a session: health, readiness, metrics, version. None of it tells anything about the data.

use super::Api;
use crate::raft::Raft;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use wharden_model::api::Version;
use wharden_runtime::{metrics::Metrics, ready::Readiness};

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
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// The controller can serve: it is up, in contact with a majority, and its disks work.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = String), (status = 503, body = String)))]
async fn readyz(State(api): State<Api>) -> Response {
    ready(&api.app.readiness, &api.app.raft)
}

/// The answer to whether it can serve.
pub(super) fn ready(readiness: &Readiness, raft: &Raft) -> Response {
    let mut missing = match readiness.check() {
        Ok(()) => Vec::new(),
        Err(missing) => missing.iter().map(|m| format!("{}: {}\n", m.component, m.why)).collect(),
    };
    if let Err(why) = raft.reaches_quorum() {
        missing.push(format!("raft: {why}\n"));
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
    told(&api.metrics)
}

/// The answer with the metrics.
pub(super) fn told(metrics: &Metrics) -> Response {
    ([(header::CONTENT_TYPE, wharden_runtime::metrics::CONTENT_TYPE)], metrics.encode()).into_response()
}

/// The version of this controller.
#[utoipa::path(get, path = "/version", tag = "health", responses((status = 200, body = Version)))]
pub(super) async fn version() -> Json<Version> {
    Json(Version { version: env!("CARGO_PKG_VERSION").to_owned(), api: vec!["v1".to_owned()] })
}
