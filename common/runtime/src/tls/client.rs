//! The client's side: configurations and dialling.

use super::{Identity, TlsError, alpn, pinned::PinnedCa, provider, roots};
use crate::limits::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT};
use rustls::{ClientConfig, version::TLS13};
use rustls_pki_types::ServerName;
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Trusts servers that these CAs (DER) made; presents `identity` when there is one.
///
/// # Errors
/// [`TlsError`].
pub fn client_config(
    cas: &[Vec<u8>],
    identity: Option<&Identity>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::Protocol(error.to_string()))?
        .with_root_certificates(roots(cas)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, .. }) if chain.is_empty() => return Err(TlsError::EmptyChain),
        Some(Identity { chain, key }) => builder
            .with_client_auth_cert(chain.clone(), key.clone_key())
            .map_err(|error| TlsError::Identity(error.to_string()))?,
    };
    config.alpn_protocols = alpn(protocols);
    Ok(Arc::new(config))
}

/// Trusts a server whose chain contains the CA with this SHA-256, if that CA made its certificate for the dialled name.
///
/// # Errors
/// [`TlsError`].
pub fn client_config_pinned(fingerprint: [u8; 32], protocols: &[&[u8]]) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = provider();
    let verifier = Arc::new(PinnedCa::new(fingerprint, provider.signature_verification_algorithms));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::Protocol(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = alpn(protocols);
    Ok(Arc::new(config))
}

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("{0:?} is neither a DNS name nor an IP address")]
    Name(String),
    #[error("cannot connect to {target}: {error}")]
    Connect { target: String, error: io::Error },
    #[error("{target} did not answer within {} s", .waited.as_secs())]
    Timeout { target: String, waited: Duration },
    #[error("{target} and this program do not trust each other: {error}")]
    Handshake { target: String, error: io::Error },
}

/// Dials and does the handshake, each with its own limit of time.
#[derive(Clone)]
pub struct Connector {
    tls: TlsConnector,
    connect_timeout: Duration,
    handshake_timeout: Duration,
}

impl Connector {
    /// With the default limits.
    pub fn new(config: Arc<ClientConfig>) -> Self {
        Self { tls: TlsConnector::from(config), connect_timeout: CONNECT_TIMEOUT, handshake_timeout: HANDSHAKE_TIMEOUT }
    }

    /// The same, giving up connecting after this.
    #[must_use]
    pub fn with_connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// Connects to `host` (a DNS name or an IP address, v6 without brackets), which must be in the server's certificate.
    ///
    /// # Errors
    /// [`DialError`]. A server that refuses the client's certificate does so after the client's side of the handshake is
    /// done (RFC 8446 §4.4.4): that error comes from the first read.
    pub async fn connect(&self, host: &str, port: u16) -> Result<TlsStream<TcpStream>, DialError> {
        self.connect_as(host, host, port).await
    }

    /// Connects to `host`, whose certificate must be for `name`.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn connect_as(&self, name: &str, host: &str, port: u16) -> Result<TlsStream<TcpStream>, DialError> {
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| DialError::Name(name.chars().take(80).collect()))?;
        let target = format!("{host}:{port}");
        let late = |target, waited| DialError::Timeout { target, waited };
        let tcp = match timeout(self.connect_timeout, TcpStream::connect((host, port))).await {
            Err(_) => return Err(late(target, self.connect_timeout)),
            Ok(connected) => connected.and_then(|tcp| tcp.set_nodelay(true).map(|()| tcp)),
        };
        let tcp = match tcp {
            Ok(tcp) => tcp,
            Err(error) => return Err(DialError::Connect { target, error }),
        };
        match timeout(self.handshake_timeout, self.tls.connect(name, tcp)).await {
            Err(_) => Err(late(target, self.handshake_timeout)),
            Ok(done) => done.map_err(|error| DialError::Handshake { target, error }),
        }
    }
}
