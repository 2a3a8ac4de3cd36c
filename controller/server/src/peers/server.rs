//! The peers' port: who calls is looked at before what is asked.

use super::{
    Inbound, Reply, Request, Roster, Stranger,
    limits::{
        CERTIFICATES_KNOWN, CONNECTION_WINDOW, CONNECTIONS, HEADERS_MAX, KEEPALIVE, KEEPALIVE_TIMEOUT, STREAM_WINDOW,
        STREAMS_MAX,
    },
    message::too_old,
};
use crate::connections::Connections;
use futures::{StreamExt, future::BoxFuture};
use prometheus_client::metrics::counter::Counter;
use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};
use tonic::{Request as Asked, Response, Status, transport};
use wharden_model::ClusterId;
use wharden_pki::{CertError, ControllerCert, controller_of};
use wharden_proto::{
    PEER_MESSAGE_MAX,
    v1::{
        JoinRequest, JoinResponse, PeerFrame,
        peer_server::{Peer, PeerServer},
    },
};
use wharden_runtime::{shutdown::Shutdown, tls::TlsListener};

/// Why the peers' port stopped.
#[derive(Debug, thiserror::Error)]
#[error("the controllers' port stopped: {0}")]
pub struct ServeError(String);

/// Why a controller may not join now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefusal {
    /// The same request will be refused again.
    #[error("{0}")]
    No(String),
    /// Worth trying again.
    #[error("{0}")]
    NotNow(String),
}

/// Lets controllers in.
pub trait Door: Send + Sync + 'static {
    /// Answers one that has a code.
    fn join(&self, request: JoinRequest) -> BoxFuture<'_, Result<JoinResponse, JoinRefusal>>;
}

/// The port, before it is served.
pub struct Server {
    pub roster: Roster,
    pub cluster: ClusterId,
    pub inbound: Arc<dyn Inbound>,
    pub door: Arc<dyn Door>,
    /// Connections that found no place.
    pub refused: Counter,
}

impl Server {
    /// Serves other controllers until the shutdown. The listener asks for certificates of the cluster's CA and does not
    /// require them, since one that joins has none.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(self, listener: TlsListener, shutdown: &Shutdown) -> Result<(), ServeError> {
        let connections = Connections::new(CONNECTIONS, self.refused.clone());
        let incoming = listener
            .incoming()
            .filter_map(move |stream| std::future::ready(stream.map(|stream| connections.admit(stream)).transpose()));
        let service = Service { server: Arc::new(self), known: Arc::default() };
        let peers = PeerServer::new(service)
            .max_decoding_message_size(PEER_MESSAGE_MAX)
            .max_encoding_message_size(PEER_MESSAGE_MAX);
        transport::Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS_MAX)
            .http2_max_header_list_size(HEADERS_MAX)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .serve_with_incoming_shutdown(peers, incoming, shutdown.stopped())
            .await
            .map_err(|error| ServeError(error.source().map_or_else(|| error.to_string(), ToString::to_string)))
    }
}

#[derive(Clone)]
struct Service {
    server: Arc<Server>,
    /// Who a certificate is of, by its bytes: each call of a connection shows the same one.
    known: Arc<Mutex<HashMap<Vec<u8>, ControllerCert>>>,
}

impl Service {
    /// Reads a certificate that the handshake has verified.
    fn holder(&self, certificate: &[u8]) -> Result<ControllerCert, CertError> {
        // The map is whole after a panic.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cert) = known.get(certificate) {
            return Ok(cert.clone());
        }
        let cert = controller_of(certificate)?;
        if known.len() >= CERTIFICATES_KNOWN {
            known.clear();
        }
        known.insert(certificate.to_vec(), cert.clone());
        Ok(cert)
    }

    /// The controller that the connection proved, or what to tell it.
    fn who<T>(&self, request: &Asked<T>) -> Result<u64, Stop> {
        let refuse = |why: String| Stop::Refuse(Status::permission_denied(why));
        let certificates = request.peer_certs();
        let leaf = certificates.as_ref().and_then(|chain| chain.first());
        let leaf = leaf.ok_or_else(|| refuse("a controller shows its certificate".to_owned()))?;
        let cert = self.holder(leaf).map_err(|error| refuse(error.to_string()))?;
        match self.server.roster.judge(&cert, &self.server.cluster) {
            Ok(number) => Ok(number),
            Err(Stranger::Removed(number)) => {
                tracing::debug!(controller = number, "a removed controller calls");
                Err(Stop::Removed)
            }
            Err(stranger) => {
                tracing::warn!(%stranger, "a caller is not a peer");
                Err(refuse(stranger.to_string()))
            }
        }
    }
}

enum Stop {
    Removed,
    Refuse(Status),
}

#[tonic::async_trait]
impl Peer for Service {
    async fn call(&self, request: Asked<PeerFrame>) -> Result<Response<PeerFrame>, Status> {
        let reply = match self.who(&request) {
            Ok(from) => {
                let (can, must) = (request.get_ref().level, self.server.roster.level());
                if can < must {
                    let why = too_old(from, can, must);
                    tracing::warn!(%why, "a peer is refused");
                    return Err(Status::failed_precondition(why));
                }
                let asked = Request::from_frame(request.into_inner())
                    .map_err(|error| Status::failed_precondition(error.to_string()))?;
                self.server.inbound.receive(from, asked).await
            }
            Err(Stop::Removed) => Reply::Removed,
            Err(Stop::Refuse(status)) => return Err(status),
        };
        reply.into_frame().map(Response::new).map_err(|error| Status::internal(error.to_string()))
    }

    async fn join(&self, request: Asked<JoinRequest>) -> Result<Response<JoinResponse>, Status> {
        self.server.door.join(request.into_inner()).await.map(Response::new).map_err(|refusal| {
            tracing::warn!(%refusal, "a controller was not let in");
            match refusal {
                JoinRefusal::No(why) => Status::permission_denied(why),
                JoinRefusal::NotNow(why) => Status::unavailable(why),
            }
        })
    }
}
