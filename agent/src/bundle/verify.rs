use sha2::{Digest, Sha256};
use wharden_model::{Bundle, ClusterId, HostId, Revision};
use wharden_pki::{SignatureError, bundle_statement, verify_bundle};
use wharden_policy::{CompileError, Compiled};

/// A bundle that somebody says is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer<'a> {
    pub revision: Revision,
    pub digest: [u8; 32],
    pub signature: &'a [u8],
    /// The bundle's JSON.
    pub payload: &'a [u8],
}

/// Whose bundles are good here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub host_id: HostId,
    pub cluster_id: ClusterId,
    /// Ed25519 public keys that bundles may be signed with.
    pub keys: Vec<[u8; 32]>,
}

/// Why a bundle is not enforced.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("revision {offered} is older than {held}, which this host has already held")]
    Older { offered: Revision, held: Revision },
    #[error("the content does not have the digest that it was announced with")]
    Digest,
    #[error("the signature is not by a key of this cluster: {0}")]
    Signature(#[from] SignatureError),
    #[error("the content is not a bundle: {0}")]
    Content(serde_json::Error),
    #[error("the bundle is of cluster {found}, this host is in {expected}")]
    Cluster { found: ClusterId, expected: ClusterId },
    #[error("the bundle is for host {0}, not for this one")]
    Host(HostId),
    #[error("the policies cannot be enforced: {0}")]
    Compile(#[from] CompileError),
}

/// Verifies an offer from the outside in, and compiles it. `floor` is the newest revision ever held.
///
/// # Errors
/// [`VerifyError`].
pub fn verify(offer: &Offer<'_>, owner: &Owner, floor: Revision) -> Result<(Bundle, Compiled), VerifyError> {
    if offer.revision < floor {
        return Err(VerifyError::Older { offered: offer.revision, held: floor });
    }
    if <[u8; 32]>::from(Sha256::digest(offer.payload)) != offer.digest {
        return Err(VerifyError::Digest);
    }
    let statement = bundle_statement(&owner.cluster_id, offer.revision, &offer.digest);
    verify_bundle(&owner.keys, &statement, offer.signature)?;
    let bundle: Bundle = serde_json::from_slice(offer.payload).map_err(VerifyError::Content)?;
    if bundle.cluster_id != owner.cluster_id {
        return Err(VerifyError::Cluster { found: bundle.cluster_id, expected: owner.cluster_id.clone() });
    }
    if let Some(host) = bundle.scope.host.as_ref().filter(|host| **host != owner.host_id) {
        return Err(VerifyError::Host(host.clone()));
    }
    let compiled = Compiled::new(&bundle, offer.revision)?;
    Ok((bundle, compiled))
}
