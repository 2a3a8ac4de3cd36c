use crate::{
    bundle::{Barred, Held},
    limits::NEWCOMER_AGE,
};
use wharden_model::{ClusterId, Principal, SessionId, Timestamp, UserName};
use wharden_pki::{CertError, limits::SKEW, user_of};

/// A user or a service account elsewhere, by the certificate that the connection has proved.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The name of either.
    pub user: UserName,
    pub is_service_account: bool,
    /// The login session that the certificate was issued in, or what stands for the service account's key.
    session: SessionId,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why somebody elsewhere is not served.
#[derive(Debug, thiserror::Error)]
pub enum Unwelcome {
    #[error("{0}")]
    Certificate(#[from] CertError),
    #[error("{0}")]
    Barred(#[from] Barred),
}

impl Unwelcome {
    /// This host does not know who it is: it may in a moment.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Barred(Barred::NoBundle | Barred::Unknown(_) | Barred::UnknownServiceAccount(_)))
    }
}

impl Remote {
    /// Reads a certificate of which the TLS handshake has verified that the cluster's CA made it for a client.
    ///
    /// # Errors
    /// [`Unwelcome::Certificate`] when it names no user of this cluster.
    pub fn of(cert_der: &[u8], cluster: &ClusterId) -> Result<Self, Unwelcome> {
        let cert = user_of(cert_der)?;
        if cert.cluster_id != *cluster {
            let (found, expected) = (cert.cluster_id, cluster.clone());
            return Err(CertError::ForeignCluster { found, expected }.into());
        }
        let (not_before, not_after) = (cert.not_before, cert.not_after);
        let is_service_account = cert.is_service_account;
        Ok(Self { user: cert.user, is_service_account, session: cert.session, not_before, not_after })
    }

    /// Who it is, as long as that is good: to be asked for every request.
    ///
    /// # Errors
    /// [`Unwelcome`] once the certificate, the session or the user has ended.
    pub fn principal(&self, held: &Held, now: Timestamp) -> Result<Principal, Unwelcome> {
        if now < self.not_before {
            return Err(CertError::NotYet(self.not_before).into());
        }
        if now > self.not_after {
            return Err(CertError::Expired(self.not_after).into());
        }
        let name = self.user.to_string();
        if self.is_service_account {
            held.admits_service_account(&self.user, &self.session)?;
            return Ok(Principal::ServiceAccount { name });
        }
        held.admits(&self.user, &self.session)?;
        Ok(Principal::User { name })
    }

    /// True when the certificate was made a moment ago.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        u128::from(now.millis_since(self.not_before)) < (SKEW + NEWCOMER_AGE).as_millis()
    }

    /// Milliseconds until the certificate ends.
    pub fn left(&self, now: Timestamp) -> u64 {
        self.not_after.millis_since(now)
    }
}
