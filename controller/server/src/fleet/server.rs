use super::{FleetConfig, FleetCounts, HostLive};
use crate::{events::EventStore, keys::Keys, publish::Publisher, raft::Raft};
use std::sync::Arc;
use wharden_model::HostId;
use wharden_runtime::{clock::Clock, metrics::Metrics, shutdown::Shutdown, tls::TlsListener};

/// Why the agents' port stopped.
#[derive(Debug, thiserror::Error)]
#[error("the agents' port stopped: {0}")]
pub struct ServeError(String);

/// The agents' side. Clones are the same fleet.
#[derive(Clone)]
pub struct Fleet;

impl Fleet {
    /// Without serving yet.
    #[expect(clippy::too_many_arguments, reason = "the parts that it joins, each once")]
    pub fn new(
        _raft: Raft,
        _keys: Arc<Keys>,
        _publisher: Publisher,
        _events: EventStore,
        _clock: Arc<dyn Clock>,
        _config: FleetConfig,
        _metrics: &Metrics,
        _shutdown: &Shutdown,
    ) -> Self {
        Self
    }

    /// Serves agents until the shutdown. The listener asks for client certificates of the cluster's CA and does not
    /// require them (`ClientAuth::Optional`), ALPN `h2`.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(&self, _listener: TlsListener) -> Result<(), ServeError> {
        Ok(())
    }

    /// What is known of a host.
    pub fn status(&self, _id: &HostId) -> HostLive {
        HostLive::default()
    }

    /// Hosts with a session here.
    pub fn counts(&self) -> FleetCounts {
        FleetCounts::default()
    }
}
