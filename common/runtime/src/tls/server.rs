//! The server's side of a configuration.

use super::{Identity, TlsError, alpn, provider, roots, verifier::AcceptEnded};
use rustls::{
    ServerConfig,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    version::TLS13,
};
use std::sync::Arc;

/// What a server asks of its clients. CAs are DER.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// No certificate is asked for.
    None,
    /// One that these CAs made, or none.
    Optional(Vec<Vec<u8>>),
    /// One that these CAs made.
    Required(Vec<Vec<u8>>),
}

/// TLS 1.3 only. A server that asks for certificates resumes no sessions, so that every connection proves its key anew.
///
/// # Errors
/// [`TlsError`].
pub fn server_config(
    identity: &Identity,
    client_auth: &ClientAuth,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    if identity.chain.is_empty() {
        return Err(TlsError::EmptyChain);
    }
    let verifier: Arc<dyn ClientCertVerifier> = match client_auth {
        ClientAuth::None => WebPkiClientVerifier::no_client_auth(),
        ClientAuth::Optional(cas) => AcceptEnded::new(roots(cas)?, provider(), false)?,
        ClientAuth::Required(cas) => AcceptEnded::new(roots(cas)?, provider(), true)?,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::Protocol(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .map_err(|error| TlsError::Identity(error.to_string()))?;
    config.alpn_protocols = alpn(protocols);
    if !matches!(client_auth, ClientAuth::None) {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}
