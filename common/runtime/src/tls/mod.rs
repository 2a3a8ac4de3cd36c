//! TLS 1.3 by rustls on aws-lc-rs: configurations, first contact by fingerprint, and a listener that survives floods.
//!
//! Certificates and keys come in as bytes (DER); who may have which is decided elsewhere. A client's certificate that has
//! ended still passes the handshake: whoever serves the connection sees it and decides, since a host that was off for a
//! week must be able to renew.

mod client;
mod listener;
mod pinned;
mod server;
mod verifier;

pub use client::{Connector, DialError, client_config, client_config_pinned};
pub use listener::{HandshakeLimits, TlsListener, bind, peer_certificate, turn_away};
pub use rustls::{ClientConfig, ServerConfig};
pub use server::{ClientAuth, Visitors, server_config, server_config_by_name};
/// An accepted connection after its handshake.
pub type TlsStream = tokio_rustls::server::TlsStream<tokio::net::TcpStream>;

use rustls::crypto::CryptoProvider;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{fmt, sync::Arc};

/// ALPN of HTTP/1.1.
pub const HTTP1: &[u8] = b"http/1.1";
/// ALPN of HTTP/2, which gRPC needs.
pub const HTTP2: &[u8] = b"h2";

/// Why a TLS configuration cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    #[error("there is no certificate to present")]
    EmptyChain,
    #[error("there is no CA to trust")]
    NoRoots,
    #[error("a CA certificate cannot be used: {0}")]
    Root(String),
    #[error("the certificate and its private key cannot be used together: {0}")]
    Identity(String),
    #[error("TLS 1.3 is not available: {0}")]
    Protocol(String),
}

/// A certificate chain, leaf first, and its private key in PKCS#8. `Debug` shows neither.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Takes copies; whether they fit is seen when a configuration is made.
    pub fn new(chain: &[Vec<u8>], key_pkcs8: &[u8]) -> Self {
        Self {
            chain: chain.iter().map(|der| CertificateDer::from(der.clone())).collect(),
            key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key_pkcs8.to_vec())),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// Makes aws-lc-rs the provider of the whole process, for libraries that ask for the default one. May be called again.
pub fn install_provider() {
    // An error only says that a provider is already installed.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(cas: &[Vec<u8>]) -> Result<Arc<rustls::RootCertStore>, TlsError> {
    let mut store = rustls::RootCertStore::empty();
    for der in cas {
        store.add(CertificateDer::from(der.clone())).map_err(|error| TlsError::Root(error.to_string()))?;
    }
    if store.is_empty() { Err(TlsError::NoRoots) } else { Ok(Arc::new(store)) }
}

fn alpn(protocols: &[&[u8]]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.to_vec()).collect()
}

#[cfg(test)]
mod tests;
