//! The metrics listener: `GET /metrics` in the OpenMetrics text form, and nothing else.

use crate::{guard::Guard, session::SessionState};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::gauge::Gauge;
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::sleep};
use wharden_runtime::metrics::{CONTENT_TYPE, Metrics};

/// Scrapers served at one time.
const CONNECTIONS_MAX: usize = 16;
/// Time-out of a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after an error of accepting.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Values that are read when somebody asks.
pub struct Gauges {
    guard: Arc<Guard>,
    session: watch::Receiver<SessionState>,
    metrics: Metrics,
    connections: Gauge,
    events_lost: Gauge,
    events_over_share: Gauge,
    events_written: Gauge,
    spool_bytes: Gauge,
    revision: Gauge,
    connected: Gauge,
}

impl Gauges {
    /// Registers them.
    pub fn new(metrics: Metrics, guard: Arc<Guard>, session: watch::Receiver<SessionState>) -> Self {
        let gauge = |name: &str, help: &str| {
            let gauge = Gauge::<i64>::default();
            metrics.register(|registry| registry.register(name, help, gauge.clone()));
            gauge
        };
        Self {
            connections: gauge("guard_connections", "Open connections to the guard"),
            events_lost: gauge("events_lost", "Decision events lost since the start"),
            events_over_share: gauge(
                "events_over_share",
                "Those of them that were more than their principal's part of the spool",
            ),
            events_written: gauge("events_written", "Decision events written since the start"),
            spool_bytes: gauge("spool_bytes", "Bytes of decision events that wait for a controller"),
            revision: gauge("policy_revision", "Revision of the bundle in force, 0 for none"),
            connected: gauge("session_open", "1 while a session with a controller is open"),
            metrics,
            guard,
            session,
        }
    }

    fn text(&self) -> String {
        let reporter = &self.guard.reporter;
        let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.connections.set(int(self.guard.connections.count() as u64));
        self.events_lost.set(int(reporter.lost()));
        self.events_over_share.set(int(reporter.over_share()));
        self.events_written.set(int(reporter.written()));
        self.spool_bytes.set(int(reporter.stats().bytes));
        self.revision.set(int(self.guard.bundles.current().revision));
        self.connected.set(i64::from(self.session.borrow().controller.is_some()));
        self.metrics.encode()
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, kind, body) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => (StatusCode::OK, CONTENT_TYPE, self.text()),
            _ => (StatusCode::NOT_FOUND, "text/plain", "GET /metrics is all that is here\n".to_owned()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
        response
    }
}

/// Serves the metrics, for ever.
pub async fn serve(listener: TcpListener, gauges: Gauges) {
    let gauges = Arc::new(gauges);
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let gauges = Arc::clone(&gauges);
        connections.spawn(async move {
            let answer = service_fn(move |request| {
                let response = gauges.answer(&request);
                async move { Ok::<_, Infallible>(response) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = served.await {
                tracing::debug!(%error, "a scraper's connection failed");
            }
        });
    }
}
