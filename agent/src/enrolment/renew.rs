use super::{
    data_dir::{DataDir, DataDirError},
    enroll::public_keys,
    identity::{HostIdentity, IdentityError},
};
use crate::limits::{CALL_TIMEOUT, RENEW_AT};
use tonic::{Code, transport::Channel};
use wharden_model::Timestamp;
use wharden_pki::{CertError, KeyError, PeerCert, verify_host};
use wharden_proto::v1::{RenewRequest, agent_client::AgentClient};

/// Why the certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error("the controller does not renew this host's certificate: {0}")]
    Refused(String),
    #[error("the controller answered {code:?}: {message}")]
    Failed { code: Code, message: String },
    #[error("the new certificate cannot be used: {0}")]
    Certificate(#[from] CertError),
    #[error("the controller's answer cannot be used: {0}")]
    Answer(&'static str),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// When to renew a certificate: at a random share of its life, so that hosts enrolled together do not come together.
pub fn renew_at(cert: &PeerCert) -> Timestamp {
    let life = cert.not_after.millis_since(cert.not_before);
    let share = rand::random_range(RENEW_AT.0 * 100..=RENEW_AT.1 * 100);
    Timestamp(cert.not_before.0 + life / 10_000 * share + life % 10_000 * share / 10_000)
}

/// Asks for a new certificate for the same key, verifies it, and stores it.
///
/// # Errors
/// [`RenewError`]; the present certificate stays.
pub async fn renew(
    identity: &HostIdentity,
    dir: &DataDir,
    channel: Channel,
    now: Timestamp,
) -> Result<HostIdentity, RenewError> {
    let key = identity.key()?;
    let mut call = tonic::Request::new(RenewRequest { csr: key.csr_der()?.into() });
    call.set_timeout(CALL_TIMEOUT);
    let answer = AgentClient::new(channel).renew(call).await.map_err(|status| {
        let message = status.message().to_owned();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied | Code::NotFound => RenewError::Refused(message),
            code => RenewError::Failed { code, message },
        }
    })?;
    let answer = answer.into_inner();
    let leaf = answer.chain.first().ok_or(RenewError::Answer("it has no certificate"))?;
    if verify_host(identity.ca(), leaf, now)?.host_id != identity.host.host_id {
        return Err(RenewError::Answer("the certificate is for another host"));
    }
    // The CA stays the one of the enrolment: nobody else vouches for another.
    let chain = vec![leaf.to_vec(), identity.ca().to_vec()];
    let keys = public_keys(&answer.bundle_keys).ok_or(RenewError::Answer("it has no bundle keys"))?;
    let renewed = HostIdentity::new(identity.host.clone(), chain, keys, &key)?;
    renewed.store(dir)?;
    Ok(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::{ClusterId, HostId};

    #[test]
    fn certificates_are_renewed_between_half_and_seven_tenths_of_their_life() {
        let cert = PeerCert {
            cluster_id: ClusterId::new("c-0000000000000000").expect("id"),
            host_id: HostId::new("h-0000000000000000").expect("id"),
            serial: String::new(),
            not_before: Timestamp(1_000_000),
            not_after: Timestamp(1_000_000 + 86_400_000),
        };
        let times: Vec<_> = (0..200).map(|_| renew_at(&cert).0 - 1_000_000).collect();
        assert!(times.iter().all(|t| (43_200_000..=60_480_000).contains(t)));
        assert!(times.iter().max() > times.iter().min());
    }
}
