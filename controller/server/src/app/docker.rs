//! Docker from elsewhere: certificates for whoever has a session or the key of a service account, and the hosts that can be
//! used with them.
//!
//! No policy is asked here: what somebody may do with Docker is decided on the host, for each request, and everybody
//! may try. What the hosts tell about themselves is no more than what a client needs to reach them.

use super::{App, AppError, Caller};
use std::time::Duration;
use wharden_model::{
    api::{DockerCertificate, DockerHost, NewDockerCertificate},
    limits::CSR_PEM_MAX,
};
use wharden_pki::{CsrError, limits::USER_LIFETIME, pem};
use wharden_state::{Command, DockerCommand};

impl App {
    /// Makes a certificate that names the caller and the session, or a service account and what stands for its key. It ends
    /// with the session, or the key, at the latest.
    ///
    /// # Errors
    /// [`AppError`] when the request is none, or the caller has had too many.
    pub async fn docker_certificate(
        &self,
        caller: &Caller,
        new: &NewDockerCertificate,
    ) -> Result<DockerCertificate, AppError> {
        let now = self.now();
        let csr = request(&new.csr)?;
        let left = Duration::from_millis(caller.session.expires_at.millis_since(now));
        let (name, session, lifetime) = (&caller.user, caller.session_id.clone(), left.min(USER_LIFETIME));
        let (issued, command) = if caller.is_service {
            let issued = self.keys.ca.issue_service_account(&csr, name, &session, now, lifetime).map_err(refused)?;
            let command = DockerCommand::IssueToService {
                session,
                account: name.clone(),
                key_hash: caller.session.refresh_hash.clone(),
                serial: issued.serial.clone(),
                expires_at: issued.not_after,
            };
            (issued, command)
        } else {
            let issued = self.keys.ca.issue_user(&csr, name, &session, now, lifetime).map_err(refused)?;
            let command = DockerCommand::Issue {
                session,
                user: name.clone(),
                serial: issued.serial.clone(),
                expires_at: issued.not_after,
            };
            (issued, command)
        };
        // Not under the id of the request: each certificate is counted and audited, whoever repeats an id.
        self.propose_from(caller.source, caller.actor(), Command::Docker(command)).await?;
        Ok(DockerCertificate {
            username: caller.user.clone(),
            session_id: caller.session_id.clone(),
            serial: issued.serial,
            certificate: pem::encode(pem::CERTIFICATE, [issued.der.as_slice()]),
            expires_at: issued.not_after,
        })
    }

    /// Connected hosts whose guard listens on TCP.
    pub async fn docker_hosts(&self) -> Vec<DockerHost> {
        let state = self.state();
        let elsewhere = self.hosts_elsewhere().await;
        let live = state.hosts.iter().filter(|(_, host)| host.revoked_at.is_none());
        live.filter_map(|(id, host)| {
            let live = self.live(id, &elsewhere);
            let guard = live.report.filter(|_| live.connected)?.guard?;
            Some(DockerHost { id: id.clone(), name: host.name.clone(), address: guard.address, ca_pem: guard.ca_pem })
        })
        .collect()
    }
}

fn request(text: &str) -> Result<Vec<u8>, AppError> {
    if text.len() > CSR_PEM_MAX {
        return Err(AppError::invalid("csr", format!("it is longer than {CSR_PEM_MAX} bytes")));
    }
    match pem::decode(pem::REQUEST, text).as_deref() {
        Some([csr]) => Ok(csr.clone()),
        _ => Err(AppError::invalid("csr", "it is not one certificate request (PKCS#10) in PEM")),
    }
}

fn refused(error: CsrError) -> AppError {
    match error {
        CsrError::CaExpired(_) | CsrError::Sign => AppError::internal(error),
        other => AppError::invalid("csr", other.to_string()),
    }
}
