//! The key of a host: made on the host, never leaves it. Its public half goes to the controller in a request.

use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls_pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate, X509CertificationRequest};
use zeroize::Zeroizing;

/// Why a key cannot be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("the key is damaged or not a P-256 key in PKCS#8")]
    Malformed,
    #[error("the system refused to make a key")]
    Generate,
    #[error("the certificate request could not be signed")]
    Request,
}

/// A P-256 key pair.
pub struct KeyPair(pub(crate) rcgen::KeyPair);

impl KeyPair {
    /// A new one.
    ///
    /// # Errors
    /// [`KeyError::Generate`] when the system has no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Self).map_err(|_| KeyError::Generate)
    }

    /// One that was stored.
    ///
    /// # Errors
    /// [`KeyError::Malformed`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from(der);
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(|_| KeyError::Malformed)
    }

    /// The private key, PKCS#8. Whoever stores it does so with mode 0600 or sealed.
    pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.serialize_der())
    }

    /// A certificate request for this key, PKCS#10. It carries no names: who asks is known by other means.
    ///
    /// # Errors
    /// [`KeyError::Request`].
    pub fn csr_der(&self) -> Result<Vec<u8>, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(&self.0).map_err(|_| KeyError::Request)?;
        Ok(request.der().to_vec())
    }

    /// True when the certificate is for this key.
    pub fn matches(&self, cert_der: &[u8]) -> bool {
        X509Certificate::from_der(cert_der)
            .is_ok_and(|(_, cert)| cert.public_key().raw == self.0.subject_public_key_info())
    }
}

/// SHA-256 of the public key in a certificate request, which is not verified: two requests with the same digest are for
/// the same key.
///
/// # Errors
/// [`KeyError::Malformed`] when it is no request.
pub fn requested_key_digest(csr_der: &[u8]) -> Result<[u8; 32], KeyError> {
    let Ok(([], request)) = X509CertificationRequest::from_der(csr_der) else { return Err(KeyError::Malformed) };
    Ok(Sha256::digest(request.certification_request_info.subject_pki.raw).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stored_key_makes_requests_for_the_same_public_key() {
        let key = KeyPair::generate().expect("key");
        let again = KeyPair::from_pkcs8(&key.pkcs8_der()).expect("stored");
        assert_eq!(key.0.subject_public_key_info(), again.0.subject_public_key_info());
        assert!(again.csr_der().is_ok());
        assert!(!key.matches(b"no certificate"));
    }

    proptest! {
        #[test]
        fn rubbish_is_no_key(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(KeyPair::from_pkcs8(&bytes).is_err());
        }
    }
}
