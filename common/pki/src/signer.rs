//! Signatures over bundles: Ed25519, over a statement that binds cluster, revision and content.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use wharden_model::ClusterId;
use zeroize::Zeroizing;

/// Why a signing key cannot be made or loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    #[error("the system refused to make a signing key")]
    Generate,
    #[error("the signing key is damaged or not an Ed25519 key in PKCS#8")]
    Malformed,
}

/// Why a bundle's signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("no key to verify bundles with is known: enrol again")]
    NoKeys,
    #[error("the signature is {0} bytes long, not 64")]
    Length(usize),
    #[error("the signature is not by a key of this cluster, or not over this content and revision")]
    Refused,
}

/// The key that signs bundles.
pub struct BundleSigner {
    key: Ed25519KeyPair,
    pkcs8: Zeroizing<Vec<u8>>,
}

impl BundleSigner {
    /// A new one.
    ///
    /// # Errors
    /// [`SignerError::Generate`].
    pub fn generate() -> Result<Self, SignerError> {
        let key = Ed25519KeyPair::generate().map_err(|_| SignerError::Generate)?;
        let document = key.to_pkcs8().map_err(|_| SignerError::Generate)?;
        Ok(Self { key, pkcs8: Zeroizing::new(document.as_ref().to_vec()) })
    }

    /// One that was stored.
    ///
    /// # Errors
    /// [`SignerError::Malformed`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignerError> {
        let key = Ed25519KeyPair::from_pkcs8(der).map_err(|_| SignerError::Malformed)?;
        Ok(Self { key, pkcs8: Zeroizing::new(der.to_vec()) })
    }

    /// The private key, PKCS#8, to be sealed.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// What agents verify with.
    pub fn public_key(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.key.public_key().as_ref());
        out
    }

    /// Signs a [`bundle_statement`].
    pub fn sign(&self, statement: &[u8]) -> [u8; 64] {
        let mut out = [0; 64];
        out.copy_from_slice(self.key.sign(statement).as_ref());
        out
    }
}

/// What is signed for a bundle: a fixed text, the cluster, the revision (so that an old bundle cannot be passed off as
/// a new one) and the SHA-256 of the content. Every part has a fixed length, so no two bundles share a statement.
pub fn bundle_statement(cluster: &ClusterId, revision: u64, digest: &[u8; 32]) -> Vec<u8> {
    let mut statement = b"wharden bundle 1\n".to_vec();
    statement.extend_from_slice(cluster.as_str().as_bytes());
    statement.extend_from_slice(&revision.to_be_bytes());
    statement.extend_from_slice(digest);
    statement
}

/// Verifies a signature by any of the keys: while keys are being changed there are two.
///
/// # Errors
/// [`SignatureError`].
pub fn verify_bundle(keys: &[[u8; 32]], statement: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    if keys.is_empty() {
        return Err(SignatureError::NoKeys);
    }
    if signature.len() != 64 {
        return Err(SignatureError::Length(signature.len()));
    }
    let verified = keys.iter().any(|key| UnparsedPublicKey::new(&ED25519, key).verify(statement, signature).is_ok());
    if verified { Ok(()) } else { Err(SignatureError::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(last: char) -> ClusterId {
        ClusterId::new(format!("c-000000000000000{last}")).expect("id")
    }

    #[test]
    fn a_signature_holds_for_its_cluster_revision_and_content_only() {
        let signer = BundleSigner::generate().expect("key");
        let other = BundleSigner::generate().expect("key");
        let statement = bundle_statement(&cluster('1'), 7, &[1; 32]);
        let signature = signer.sign(&statement);
        let keys = [other.public_key(), signer.public_key()];
        assert_eq!(verify_bundle(&keys, &statement, &signature), Ok(()));
        for changed in [
            bundle_statement(&cluster('2'), 7, &[1; 32]),
            bundle_statement(&cluster('1'), 8, &[1; 32]),
            bundle_statement(&cluster('1'), 7, &[2; 32]),
        ] {
            assert_eq!(verify_bundle(&keys, &changed, &signature), Err(SignatureError::Refused));
        }
        assert_eq!(verify_bundle(&keys[..1], &statement, &signature), Err(SignatureError::Refused));
        assert_eq!(verify_bundle(&[], &statement, &signature), Err(SignatureError::NoKeys));
        assert_eq!(verify_bundle(&keys, &statement, &signature[..63]), Err(SignatureError::Length(63)));
    }

    #[test]
    fn a_stored_signer_signs_as_before() {
        let signer = BundleSigner::generate().expect("key");
        let again = BundleSigner::from_pkcs8(signer.pkcs8()).expect("stored");
        assert_eq!(again.public_key(), signer.public_key());
        assert_eq!(again.sign(b"x"), signer.sign(b"x"));
        assert_eq!(BundleSigner::from_pkcs8(&signer.pkcs8()[..40]).err(), Some(SignerError::Malformed));
    }

    #[test]
    fn the_statement_is_frozen() {
        let statement = bundle_statement(&cluster('a'), 0x0102, &[0xff; 32]);
        let mut expected = b"wharden bundle 1\nc-000000000000000a\0\0\0\0\0\0\x01\x02".to_vec();
        expected.extend_from_slice(&[0xff; 32]);
        assert_eq!(statement, expected);
    }
}
