use bytes::Bytes;
use wharden_model::Revision;

/// The bundle of one scope at one revision, as it goes out. Shared between all sessions of the scope.
#[derive(Debug, PartialEq, Eq)]
pub struct SignedBundle {
    /// The revision that it is signed for.
    pub revision: Revision,
    /// SHA-256 of the payload.
    pub digest: [u8; 32],
    /// `model::Bundle` as JSON.
    pub payload: Bytes,
    /// Ed25519 over cluster, revision and digest.
    pub signature: [u8; 64],
}
