use crate::bundle::{Barred, Held};
use wharden_model::{ClusterId, Principal, SessionId, Timestamp, UserName};
use wharden_pki::{CertError, user_of};

/// A user elsewhere, by the certificate that the connection has proved.
#[derive(Clone, Debug)]
pub struct Remote {
    pub user: UserName,
    /// The login session that the certificate was issued in.
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
        Ok(Self { user: cert.user, session: cert.session, not_before, not_after })
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
        held.admits(&self.user, &self.session)?;
        Ok(Principal::User { name: self.user.to_string() })
    }

    /// Milliseconds until the certificate ends.
    pub fn left(&self, now: Timestamp) -> u64 {
        self.not_after.millis_since(now)
    }
}
