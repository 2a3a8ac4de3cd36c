//! A host out of a join token.
//!
//! A retry must not take a second use: the log knows the request by an id that is drawn from the agent's own and the
//! secret of the token, so that nobody without both can ask for another host's certificate.

use super::{refusal::Refusal, server::Inner};
use crate::raft::{new_request_id, request_id_of};
use sha2::{Digest, Sha256};
use wharden_model::{HostId, RequestId, limits::HOSTNAME_MAX};
use wharden_pki::{Issued, token::JoinToken};
use wharden_proto::v1::{EnrollRequest, EnrollResponse};
use wharden_state::{Actor, Applied, Command, HostCommand, Rejection, State};

/// # Errors
/// [`Refusal`]. A use of the token is taken only by success, or by an answer that got lost.
pub(super) async fn enrol(fleet: &Inner, request: EnrollRequest) -> Result<EnrollResponse, Refusal> {
    let asked = RequestId::new(request.request_id)?;
    let token: JoinToken = request.token.parse()?;
    if token.ca_fingerprint != fleet.keys.ca.fingerprint() {
        return Err(Refusal::ForeignToken);
    }
    if !is_hostname(&request.hostname) {
        return Err(Refusal::Hostname);
    }
    // It may have been made at another controller a moment ago.
    if !knows(&fleet.ledger.state(), &token) && !knows(&*fleet.ledger.newest().await?, &token) {
        return Err(Refusal::UnknownToken);
    }
    // Only who has a token takes a turn: guessing keeps nobody from enrolling.
    let _place = fleet.admission.enrolment().await?;
    let drawn = new_host_id()?;
    let issued = fleet.issue(&request.csr, &drawn)?;
    let command = HostCommand::Enrol {
        id: drawn.clone(),
        token: token.id.clone(),
        token_hash: token.secret_hash().into(),
        name: request.hostname,
        serial: issued.serial.clone(),
        certificate_expires_at: issued.not_after,
    };
    // A retry is one only by the same actor.
    let applied = fleet.ledger.propose(log_id(&token, &asked)?, Actor::Anonymous, Command::Host(command)).await?;
    let Applied::Host { id } = applied else { return Err(Refusal::Rejected(Rejection::BadToken)) };
    let issued = if id == drawn { issued } else { again(fleet, &request.csr, &id).await? };
    let state = fleet.ledger.state();
    let host = state.hosts.get(&id).ok_or_else(|| Refusal::UnknownHost(id.clone()))?;
    tracing::info!(host = %id, name = %host.name, token = %token.id, "a host was enrolled");
    Ok(EnrollResponse {
        host_id: id.to_string(),
        cluster_id: fleet.keys.cluster_id.to_string(),
        chain: fleet.chain(issued),
        bundle_keys: fleet.bundle_keys(),
        posture: host.posture.to_string(),
    })
}

/// The first answer got lost: the host is there, and gets a certificate for the key that it has now.
async fn again(fleet: &Inner, csr: &[u8], id: &HostId) -> Result<Issued, Refusal> {
    let issued = fleet.issue(csr, id)?;
    fleet.record(id, &issued.serial, issued.not_after).await?;
    Ok(issued)
}

fn knows(state: &State, token: &JoinToken) -> bool {
    state.tokens.get(&token.id).is_some_and(|known| known.hash == token.secret_hash().into())
}

/// Names are shown to people and compared with what they type; what they mean is nobody's business here.
fn is_hostname(name: &str) -> bool {
    (1..=HOSTNAME_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

fn log_id(token: &JoinToken, asked: &RequestId) -> Result<RequestId, Refusal> {
    let mut hash = Sha256::new();
    hash.update(b"wharden enrol\n");
    hash.update(token.secret_hash());
    hash.update(asked.as_str());
    Ok(request_id_of(hash)?)
}

fn new_host_id() -> Result<HostId, Refusal> {
    Ok(HostId::new(format!("h-{:016x}", rand::random::<u64>()))?)
}

impl Inner {
    /// Writes a host's newest certificate into the log.
    pub(super) async fn record(
        &self,
        id: &HostId,
        serial: &str,
        certificate_expires_at: wharden_model::Timestamp,
    ) -> Result<(), Refusal> {
        let command = HostCommand::Renew { id: id.clone(), serial: serial.to_owned(), certificate_expires_at };
        self.ledger.propose(new_request_id(), Actor::Host(id.clone()), Command::Host(command)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_printable_and_short() {
        for good in ["web-1", "web.example.org", "Web_1", &"x".repeat(253)] {
            assert!(is_hostname(good), "{good}");
        }
        for bad in ["", "a b", "a\n", "\u{1b}[31m", "ä", &"x".repeat(254)] {
            assert!(!is_hostname(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_id_in_the_log_needs_the_token_and_the_agents_own_id() {
        let (one, two) = (JoinToken::generate([0; 32]), JoinToken::generate([0; 32]));
        let asked = |n: u8| RequestId::new(format!("{n:032x}")).expect("id");
        let id = log_id(&one, &asked(1)).expect("id");
        assert_eq!(log_id(&one, &asked(1)).expect("id"), id);
        assert_ne!(log_id(&one, &asked(2)).expect("id"), id);
        assert_ne!(log_id(&two, &asked(1)).expect("id"), id);
        assert_ne!(asked(1), id);
    }
}
