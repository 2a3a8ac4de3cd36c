//! Accepting TLS connections. Handshakes run beside each other, are bounded in number and time, and a client that fails
//! its own never disturbs another's.

use super::{ServerConfig, TlsStream};
use crate::{
    limits::{ACCEPT_PAUSE, BACKLOG, HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, HANDSHAKES_PER_SOURCE},
    places::Places,
};
use futures::stream::{self, Stream};
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// How many handshakes may be in progress and how long each may take.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// Further connections wait in the kernel's queue.
    pub concurrent: usize,
    /// Of these, those from one address; further ones are closed at once.
    pub per_source: usize,
    /// From the accepted connection to the end of its handshake.
    pub timeout: Duration,
}

impl Default for HandshakeLimits {
    fn default() -> Self {
        Self { concurrent: HANDSHAKES_MAX, per_source: HANDSHAKES_PER_SOURCE, timeout: HANDSHAKE_TIMEOUT }
    }
}

/// Listens on an address with a queue long enough for a fleet that comes back at once.
///
/// # Errors
/// What the system says, with the address.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

/// Closes what connects, for as long as it is polled: who comes hears at once that nobody serves here yet, and goes elsewhere.
pub async fn turn_away(tcp: &TcpListener) -> Infallible {
    loop {
        // What cannot be accepted now is so later.
        if tcp.accept().await.is_err() {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// A listener whose connections have done their handshake. Handshakes go on only while it is polled for.
pub struct TlsListener {
    tcp: TcpListener,
    config: watch::Receiver<Arc<ServerConfig>>,
    limits: HandshakeLimits,
    handshakes: JoinSet<Option<(TlsStream, SocketAddr)>>,
    /// Handshakes in progress by address.
    sources: Places<IpAddr>,
}

impl TlsListener {
    /// With a configuration that stays.
    pub fn new(tcp: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self::with(tcp, watch::channel(config).1, HandshakeLimits::default())
    }

    /// With a configuration that may be replaced while it runs, e.g. when the certificate is renewed. Connections keep
    /// the one that they began with.
    pub fn with(tcp: TcpListener, config: watch::Receiver<Arc<ServerConfig>>, limits: HandshakeLimits) -> Self {
        Self { tcp, config, limits, handshakes: JoinSet::new(), sources: Places::default() }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Handshakes in progress.
    pub fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    /// The next connection. Failed handshakes are logged and forgotten. Loses nothing when it is cancelled.
    pub async fn accept(&mut self) -> (TlsStream, SocketAddr) {
        loop {
            tokio::select! {
                biased;
                Some(done) = self.handshakes.join_next() => {
                    // A handshake that panicked or failed has closed its connection; there is no one to tell.
                    if let Ok(Some(connection)) = done {
                        return connection;
                    }
                }
                accepted = self.tcp.accept(), if self.handshakes.len() < self.limits.concurrent => match accepted {
                    Ok((tcp, peer)) => self.start(tcp, peer),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept connections; trying again");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    /// All connections, for servers that take a stream. It never ends.
    pub fn incoming(self) -> impl Stream<Item = io::Result<TlsStream>> {
        stream::unfold(self, |mut listener| async move {
            let (connection, _) = listener.accept().await;
            Some((Ok(connection), listener))
        })
    }

    fn start(&mut self, tcp: TcpStream, peer: SocketAddr) {
        let Some(place) = self.sources.take(peer.ip(), self.limits.per_source) else {
            tracing::debug!(%peer, "too many handshakes from one address: closing one");
            return;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&self.config.borrow()));
        let limit = self.limits.timeout;
        self.handshakes.spawn(async move {
            let _place = place;
            tcp.set_nodelay(true).ok()?;
            match timeout(limit, acceptor.accept(tcp)).await {
                Ok(Ok(stream)) => Some((stream, peer)),
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "handshake failed");
                    None
                }
                Err(_) => {
                    tracing::debug!(%peer, "handshake took too long");
                    None
                }
            }
        });
    }
}

/// The certificate (DER) that the client proved to hold, if it presented one. It may have ended.
pub fn peer_certificate(stream: &TlsStream) -> Option<&[u8]> {
    stream.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref)
}

/// The client gave up while it waited in the queue: nothing is wrong with the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
