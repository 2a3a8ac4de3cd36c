//! A new certificate for a host that has one.

use super::{peer, refusal::Refusal, server::Inner};
use wharden_pki::PeerCert;
use wharden_proto::v1::{RenewRequest, RenewResponse};

/// Changes nothing until the new certificate is used. Only where its life ends no later than that of the recorded one,
/// so that the order of the two could not be told, it is recorded at once.
///
/// # Errors
/// [`Refusal`].
pub(super) async fn renew(fleet: &Inner, peer: &PeerCert, request: &RenewRequest) -> Result<RenewResponse, Refusal> {
    let state = peer::state_of(peer, &*fleet.ledger).await?;
    let recorded = peer::for_renewal(peer, &state)?.certificate_expires_at;
    let issued = fleet.issue(&request.csr, &peer.host_id)?;
    if issued.not_after <= recorded {
        fleet.record(&peer.host_id, &issued.serial, issued.not_after).await?;
    }
    tracing::debug!(host = %peer.host_id, until = %issued.not_after, "a certificate was renewed");
    Ok(RenewResponse { chain: fleet.chain(issued), bundle_keys: fleet.bundle_keys() })
}
