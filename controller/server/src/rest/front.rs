//! What the port answers while the controller waits for a majority, and what from then on: whoever asks why it does nothing
//! yet is told.

use super::{Api, error, health, server};
use crate::{auth::source::Sources, raft::Raft};
use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};
use wharden_model::{
    Timestamp,
    api::{ErrorBody, ErrorCode},
};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    ready::Readiness,
};

/// All that it can tell before the controller is up.
pub struct Waiting {
    pub raft: Raft,
    pub readiness: Readiness,
    pub metrics: Metrics,
    /// Requests, by the address that they come from.
    pub visitors: Sources,
}

/// The routes of now. Clones are the same.
#[derive(Clone)]
pub struct Front {
    metrics: Metrics,
    waiting: Router,
    whole: Arc<OnceLock<Router>>,
}

impl Front {
    /// Until the controller is up.
    pub fn new(waiting: Waiting) -> Self {
        let (metrics, waiting) = (waiting.metrics.clone(), Arc::new(waiting));
        let router = Router::new()
            .route("/healthz", get(health::healthz))
            .route("/version", get(health::version))
            .route(
                "/readyz",
                get(|State(held): State<Arc<Waiting>>| async move { health::ready(&held.readiness, &held.raft) }),
            )
            .route("/metrics", get(|State(held): State<Arc<Waiting>>| async move { health::told(&held.metrics) }))
            .fallback(not_yet)
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&waiting), visit))
            .with_state(waiting);
        Self { metrics, waiting: server::around_all(router), whole: Arc::default() }
    }

    /// From now on there is everything.
    pub fn open(&self, api: Api) {
        // Another call would have the same.
        let _ = self.whole.set(server::router(api));
    }

    /// What answers a request that comes now.
    pub(super) fn router(&self) -> Router {
        self.whole.get().unwrap_or(&self.waiting).clone()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

async fn not_yet(State(held): State<Arc<Waiting>>) -> Response {
    error::respond(ErrorBody {
        code: ErrorCode::Unavailable,
        message: format!(
            "this controller has started and waits for a majority of the controllers: {}",
            held.raft.advice()
        ),
        hint: "ask another controller, or try again in a moment; `/readyz` says what is missing".to_owned(),
        details: Vec::new(),
        retry_after_s: Some(1),
        request_id: String::new(),
    })
}

async fn visit(
    State(held): State<Arc<Waiting>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match held.visitors.take(source.ip(), Timestamp(SystemClock.now())) {
        Ok(()) => next.run(request).await,
        Err(seconds) => error::Failure(crate::app::AppError::TooMany { seconds }).into_response(),
    }
}
