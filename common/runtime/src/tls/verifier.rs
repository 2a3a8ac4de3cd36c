//! A verifier of client certificates that lets ended ones through, and nothing else that the usual one would refuse.

use super::TlsError;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::{sync::Arc, time::Duration};
use x509_parser::prelude::{FromDer, X509Certificate};

#[derive(Debug)]
pub(super) struct AcceptEnded(Arc<dyn ClientCertVerifier>);

impl AcceptEnded {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        required: bool,
    ) -> Result<Arc<Self>, TlsError> {
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let inner = builder.build().map_err(|error| TlsError::Root(error.to_string()))?;
        Ok(Arc::new(Self(inner)))
    }
}

impl ClientCertVerifier for AcceptEnded {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    /// An ended certificate is verified as of its last moment.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let at = match last_moment(end_entity) {
            Some(end) if end < now.as_secs() => UnixTime::since_unix_epoch(Duration::from_secs(end)),
            _ => now,
        };
        self.0.verify_client_cert(end_entity, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn last_moment(der: &CertificateDer<'_>) -> Option<u64> {
    let (_, cert) = X509Certificate::from_der(der).ok()?;
    u64::try_from(cert.validity().not_after.timestamp()).ok()
}
