//! The server's side of a configuration.

use super::{Identity, TlsError, alpn, provider, roots, verifier::AcceptEnded};
use rustls::{
    ServerConfig,
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
    sign::{CertifiedKey, SingleCertAndKey},
    version::TLS13,
};
use std::sync::{Arc, OnceLock};

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

/// What a server shows to those who dial it by another name than its own: nothing of its own before it is set, then one
/// identity for good. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Visitors(Arc<OnceLock<Arc<CertifiedKey>>>);

impl Visitors {
    /// Shows them this; what was set first stays.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn show(&self, identity: &Identity) -> Result<(), TlsError> {
        let key = certified(identity)?;
        self.0.get_or_init(|| key);
        Ok(())
    }
}

/// By the name that is dialled (SNI, RFC 6066 §3), which an address is not.
#[derive(Debug)]
struct ByName {
    name: String,
    own: Arc<CertifiedKey>,
    visitors: Visitors,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().is_some_and(|name| name.eq_ignore_ascii_case(&self.name));
        let shown = if asked { None } else { self.visitors.0.get() };
        Some(Arc::clone(shown.unwrap_or(&self.own)))
    }
}

fn certified(identity: &Identity) -> Result<Arc<CertifiedKey>, TlsError> {
    if identity.chain.is_empty() {
        return Err(TlsError::EmptyChain);
    }
    CertifiedKey::from_der(identity.chain.clone(), identity.key.clone_key(), &provider())
        .map(Arc::new)
        .map_err(|error| TlsError::Identity(error.to_string()))
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
    configured(Arc::new(SingleCertAndKey::from(certified(identity)?)), client_auth, protocols)
}

/// The same, with one identity for who dials `name` and another one for everybody else.
///
/// # Errors
/// [`TlsError`].
pub fn server_config_by_name(
    (name, identity): (&str, &Identity),
    visitors: &Visitors,
    client_auth: &ClientAuth,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let by_name = ByName { name: name.to_owned(), own: certified(identity)?, visitors: visitors.clone() };
    configured(Arc::new(by_name), client_auth, protocols)
}

fn configured(
    certificates: Arc<dyn ResolvesServerCert>,
    client_auth: &ClientAuth,
    protocols: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier: Arc<dyn ClientCertVerifier> = match client_auth {
        ClientAuth::None => WebPkiClientVerifier::no_client_auth(),
        ClientAuth::Optional(cas) => AcceptEnded::new(roots(cas)?, provider(), false)?,
        ClientAuth::Required(cas) => AcceptEnded::new(roots(cas)?, provider(), true)?,
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| TlsError::Protocol(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificates);
    config.alpn_protocols = alpn(protocols);
    if !matches!(client_auth, ClientAuth::None) {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}
