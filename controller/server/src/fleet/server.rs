use super::{
    FleetConfig, FleetCounts, HostLive, controllers,
    ledger::Ledger,
    limits::{
        CONNECTION_WINDOW, ENROLMENTS_MAX, HEADERS_MAX, INBOUND_MAX, KEEPALIVE, KEEPALIVE_TIMEOUT, STREAM_WINDOW,
        STREAMS_MAX,
    },
    live::Live,
    metrics::FleetMetrics,
    refusal::Refusal,
    service::Service,
};
use crate::{events::EventStore, keys::Keys, publish::Publisher, raft::Raft};
use bytes::Bytes;
use futures::StreamExt;
use std::{error::Error, sync::Arc};
use tokio::sync::{Semaphore, broadcast, watch};
use tonic::transport::Server;
use wharden_model::{HostId, Timestamp};
use wharden_pki::{CsrError, Issued};
use wharden_proto::{
    MESSAGE_MAX,
    v1::{Controllers, agent_server::AgentServer},
};
use wharden_runtime::{clock::Clock, metrics::Metrics, shutdown::Shutdown, tls::TlsListener};
use wharden_state::Change;

/// Why the agents' port stopped.
#[derive(Debug, thiserror::Error)]
#[error("the agents' port stopped: {0}")]
pub struct ServeError(String);

/// The agents' side. Clones are the same fleet.
#[derive(Clone)]
pub struct Fleet(Arc<Inner>);

/// What every call and session shares.
pub(super) struct Inner {
    pub ledger: Arc<dyn Ledger>,
    pub keys: Arc<Keys>,
    pub publisher: Publisher,
    pub events: EventStore,
    pub clock: Arc<dyn Clock>,
    pub config: FleetConfig,
    pub metrics: FleetMetrics,
    pub shutdown: Shutdown,
    pub live: Live,
    pub enrolments: Semaphore,
    /// What agents are told of the controllers.
    pub controllers: watch::Sender<Arc<Controllers>>,
}

impl Inner {
    /// Tells the sessions when the list of controllers is another one.
    fn look_at_controllers(&self) {
        let list = Arc::new(controllers::list(&self.ledger.state()));
        self.controllers.send_if_modified(|held| {
            let other = *held != list;
            *held = list;
            other
        });
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    pub fn issue(&self, csr: &[u8], id: &HostId) -> Result<Issued, CsrError> {
        self.keys.ca.issue_host(csr, id, self.now(), self.config.certificate_lifetime)
    }

    /// The certificate, then the CA's.
    pub fn chain(&self, issued: Issued) -> Vec<Bytes> {
        vec![issued.der.into(), Bytes::copy_from_slice(self.keys.ca.cert_der())]
    }

    pub fn bundle_keys(&self) -> Vec<Bytes> {
        vec![Bytes::copy_from_slice(&self.keys.bundles.public_key())]
    }
}

impl Fleet {
    /// Without serving yet. Follows revocations from now on.
    #[expect(clippy::too_many_arguments, reason = "the parts that it joins, each once")]
    pub fn new(
        raft: Raft,
        keys: Arc<Keys>,
        publisher: Publisher,
        events: EventStore,
        clock: Arc<dyn Clock>,
        config: FleetConfig,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Self {
        Self::with(Inner {
            ledger: Arc::new(raft),
            keys,
            publisher,
            events,
            clock,
            config,
            metrics: FleetMetrics::new(metrics),
            shutdown: shutdown.clone(),
            live: Live::default(),
            enrolments: Semaphore::new(ENROLMENTS_MAX),
            controllers: watch::Sender::default(),
        })
    }

    pub(super) fn with(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        let changes = inner.ledger.changes();
        inner.look_at_controllers();
        inner.shutdown.spawn_until_stopped("revocations", end_revoked(Arc::clone(&inner), changes));
        Self(inner)
    }

    /// Serves agents until the shutdown. The listener asks for client certificates of the cluster's CA and does not
    /// require them (`ClientAuth::Optional`), ALPN `h2`.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(&self, listener: TlsListener) -> Result<(), ServeError> {
        let connections = self.0.metrics.connections.clone();
        let incoming = listener.incoming().inspect(move |_| {
            connections.inc();
        });
        let service = AgentServer::new(Service(Arc::clone(&self.0)))
            .max_decoding_message_size(INBOUND_MAX)
            .max_encoding_message_size(MESSAGE_MAX);
        Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS_MAX)
            .http2_max_header_list_size(HEADERS_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .serve_with_incoming_shutdown(service, incoming, self.0.shutdown.stopped())
            .await
            .map_err(|error| ServeError(error.source().map_or_else(|| error.to_string(), ToString::to_string)))
    }

    /// What is known of a host.
    pub fn status(&self, id: &HostId) -> HostLive {
        self.0.live.status(id)
    }

    /// Hosts that have or had a session here, by id, after one of them.
    pub fn page(&self, after: Option<&HostId>, max: usize) -> Vec<(HostId, HostLive)> {
        self.0.live.page(after, max)
    }

    /// Hosts with a session here.
    pub fn counts(&self) -> FleetCounts {
        let newest = self.0.publisher.subscribe().borrow().as_ref().map_or(0, |published| published.revision());
        self.0.live.counts(newest)
    }

    /// Why hosts are not given the newest revision: its policies do not compile together.
    pub fn problem(&self) -> Option<String> {
        self.0.publisher.problem()
    }
}

/// Closes the stream of a host at the moment that its revocation is applied here.
async fn end_revoked(fleet: Arc<Inner>, mut changes: broadcast::Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::HostRevoked(id)) => fleet.live.end(&id, Refusal::Revoked(id.clone())),
            Ok(Change::Controllers) => fleet.look_at_controllers(),
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "fell behind the changes; looking at every session");
                fleet.look_at_controllers();
                let state = fleet.ledger.state();
                let gone = |id: &HostId| state.hosts.get(id).is_none_or(|host| host.revoked_at.is_some());
                for id in fleet.live.connected().into_iter().filter(gone) {
                    fleet.live.end(&id, Refusal::Revoked(id.clone()));
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
