//! Whether a host may have a session, or a new certificate, by the certificate that its connection proved.
//!
//! The state records the newest certificate *that was used*: the first at enrolment, later ones when a session opens
//! with them. A host may show that one, or one that was issued after it; anything older is refused. So:
//! - an answer with a new certificate that got lost costs nothing: the agent goes on with the one it has;
//! - once the new one is used, a copy of the old key is worth nothing, before its certificate ends too;
//! - if somebody else renews with a copied key, the host itself is refused, which people notice.

use super::{ledger::Ledger, refusal::Refusal};
use std::sync::Arc;
use wharden_model::{ClusterId, Timestamp};
use wharden_pki::{PeerCert, peer_of};
use wharden_state::{Host, State};

/// Reads who the connection belongs to. The TLS handshake has verified that our CA made it.
pub(super) fn of<T>(request: &tonic::Request<T>, cluster: &ClusterId) -> Result<PeerCert, Refusal> {
    let certificates = request.peer_certs().ok_or(Refusal::NoCertificate)?;
    let peer = peer_of(certificates.first().ok_or(Refusal::NoCertificate)?)?;
    if peer.cluster_id != *cluster {
        let (found, expected) = (peer.cluster_id, cluster.clone());
        return Err(wharden_pki::CertError::ForeignCluster { found, expected }.into());
    }
    Ok(peer)
}

/// A state that knows the host: it may have been enrolled at another controller a moment ago, and a host that hears that it is
/// not known waits long before it comes again. Only who has a certificate of this cluster gets here.
pub(super) async fn state_of(peer: &PeerCert, ledger: &dyn Ledger) -> Result<Arc<State>, Refusal> {
    let state = ledger.state();
    if state.hosts.contains_key(&peer.host_id) { Ok(state) } else { Ok(ledger.newest().await?) }
}

/// The host that may renew: its certificate may have ended.
pub(super) fn for_renewal<'s>(peer: &PeerCert, state: &'s State) -> Result<&'s Host, Refusal> {
    let host = state.hosts.get(&peer.host_id).ok_or_else(|| Refusal::UnknownHost(peer.host_id.clone()))?;
    if host.revoked_at.is_some() {
        return Err(Refusal::Revoked(peer.host_id.clone()));
    }
    if peer.serial != host.serial && !is_newer(peer, host) {
        return Err(Refusal::Superseded(peer.host_id.clone()));
    }
    Ok(host)
}

/// The host that may have a session now.
pub(super) fn for_session<'s>(peer: &PeerCert, state: &'s State, now: Timestamp) -> Result<&'s Host, Refusal> {
    let host = for_renewal(peer, state)?;
    peer.check_time(now)?;
    Ok(host)
}

/// It was issued after the one that is recorded: lives end in the order of issue.
pub(super) fn is_newer(peer: &PeerCert, host: &Host) -> bool {
    peer.serial != host.serial && peer.not_after > host.certificate_expires_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::HostId;

    fn peer(serial: &str, not_after: u64) -> PeerCert {
        PeerCert {
            cluster_id: ClusterId::new("c-0000000000000001").expect("id"),
            host_id: HostId::new("h-0000000000000001").expect("id"),
            serial: serial.to_owned(),
            not_before: Timestamp::from_secs(0),
            not_after: Timestamp::from_secs(not_after),
        }
    }

    fn state(revoked: bool) -> State {
        let host = serde_json::json!({
            "name": "web", "labels": {}, "posture": "observe", "token": "jt-000000000000", "enrolled_at": 0,
            "serial": "b", "certificate_expires_at": 200_000, "revoked_at": revoked.then_some(1)
        });
        let mut state = State::default();
        state.hosts.insert(peer("", 0).host_id, serde_json::from_value(host).expect("host"));
        state
    }

    #[test]
    fn the_certificate_in_use_or_a_later_one_counts_and_nothing_older() {
        let state = state(false);
        let at = Timestamp::from_secs;
        assert!(for_session(&peer("b", 200), &state, at(200)).is_ok());
        assert!(matches!(for_session(&peer("b", 200), &state, at(201)), Err(Refusal::Certificate(_))));
        assert!(for_renewal(&peer("b", 200), &state).is_ok(), "ended");
        assert!(for_session(&peer("c", 201), &state, at(100)).is_ok(), "later");
        for old in [peer("a", 100), peer("a", 200)] {
            assert!(matches!(for_session(&old, &state, at(50)), Err(Refusal::Superseded(_))));
            assert!(matches!(for_renewal(&old, &state), Err(Refusal::Superseded(_))));
        }
    }

    #[test]
    fn a_host_that_is_revoked_or_unknown_gets_nothing() {
        let good = peer("b", 200);
        assert!(matches!(for_renewal(&good, &state(true)), Err(Refusal::Revoked(_))));
        assert!(matches!(for_renewal(&good, &State::default()), Err(Refusal::UnknownHost(_))));
    }
}
