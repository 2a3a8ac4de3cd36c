//! Certificates that controllers show to each other, as client and as server.
//!
//! Each names its cluster and the number of its controller twice: as a URI, which the called one reads, and as a DNS name
//! that exists nowhere else, which the caller dials by. So the handshake itself checks that the one who answers is the one
//! who was called.

use super::{Ca, CsrError, Issued, ServerNameError, common_name, life, requested_key, server_names, sign, uri};
use crate::{
    limits::CONTROLLER_LIFETIME,
    peer::{CertError, check_time, life_of, name_of, parse, serial_of},
    uri::Name,
};
use rcgen::ExtendedKeyUsagePurpose;
use wharden_model::{ClusterId, Timestamp};

/// Why the certificate of a controller was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControllerCertError {
    #[error(transparent)]
    Request(#[from] CsrError),
    #[error(transparent)]
    Names(#[from] ServerNameError),
}

/// What a controller's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerCert {
    /// The cluster whose CA made it.
    pub cluster_id: ClusterId,
    /// The number of the controller.
    pub number: u64,
    /// Serial number in lower-case hex.
    pub serial: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

impl ControllerCert {
    /// Whether it may be used at `now`.
    ///
    /// # Errors
    /// [`CertError::NotYet`] and [`CertError::Expired`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), CertError> {
        check_time(self.not_before, self.not_after, now)
    }
}

/// Reads the controller out of a certificate. Does not verify it.
///
/// # Errors
/// [`CertError`] when it is damaged or names no controller, or more than one.
pub fn controller_of(cert_der: &[u8]) -> Result<ControllerCert, CertError> {
    let cert = parse(cert_der)?;
    let Some(Name::Controller(cluster_id, number)) = name_of(&cert)? else { return Err(CertError::NotAController) };
    let (not_before, not_after) = life_of(&cert)?;
    Ok(ControllerCert { cluster_id, number, serial: serial_of(&cert), not_before, not_after })
}

/// The name that other controllers dial this one by. `.internal` is reserved for such use and never in the public DNS.
pub fn controller_name(cluster: &ClusterId, number: u64) -> String {
    format!("controller-{number}.{cluster}.wharden.internal")
}

impl Ca {
    /// Makes the certificate that controller `number` shows to others, for the key in the request; everything else in the
    /// request is ignored. `names` are those that a new controller may dial it by.
    ///
    /// # Errors
    /// [`ControllerCertError`].
    pub fn issue_controller(
        &self,
        csr_der: &[u8],
        names: &[String],
        number: u64,
        now: Timestamp,
    ) -> Result<Issued, ControllerCertError> {
        if now > self.not_after {
            return Err(CsrError::CaExpired(self.not_after).into());
        }
        let key = requested_key(csr_der)?;
        let (mut params, not_before, not_after) = life(now, CONTROLLER_LIFETIME, self.not_after);
        params.distinguished_name = common_name(&format!("Wharden controller {number}"));
        params.subject_alt_names = server_names(names)?;
        params.subject_alt_names.extend(server_names(&[controller_name(&self.cluster_id, number)])?);
        params.subject_alt_names.push(uri(&Name::Controller(self.cluster_id.clone(), number)).ok_or(CsrError::Sign)?);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let (der, serial) = sign(params, &key, &self.issuer).ok_or(CsrError::Sign)?;
        Ok(Issued { der, serial, not_before, not_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyPair, peer_of, requested_key_digest, user_of, verify_host};

    const NOW: Timestamp = Timestamp(1_800_000_000_123);

    fn ca() -> Ca {
        Ca::generate(&ClusterId::new("c-0123456789abcdef").expect("id"), NOW).expect("CA")
    }

    #[test]
    fn a_controllers_certificate_names_cluster_and_number_and_nobody_else() {
        let ca = ca();
        let key = KeyPair::generate().expect("key");
        let csr = key.csr_der().expect("request");
        let issued = ca.issue_controller(&csr, &["10.0.0.3".into()], 3, NOW).expect("issued");
        let cert = controller_of(&issued.der).expect("reads");
        assert_eq!((&cert.cluster_id, cert.number, &cert.serial), (ca.cluster_id(), 3, &issued.serial));
        assert!(cert.check_time(NOW).is_ok() && cert.check_time(Timestamp(0)).is_err());
        assert_eq!(peer_of(&issued.der), Err(CertError::NotAHost));
        assert_eq!(user_of(&issued.der), Err(CertError::NotAUser));
        assert_eq!(verify_host(ca.cert_der(), &issued.der, NOW), Err(CertError::NotAHost));
        assert!(key.matches(&issued.der));
        assert_eq!(controller_of(ca.cert_der()), Err(CertError::NotAController));
        let again = ca.issue_controller(&csr, &["10.0.0.3".into()], 3, NOW).expect("issued");
        assert_ne!(again.serial, issued.serial);
    }

    #[test]
    fn wrong_names_and_requests_are_refused() {
        let ca = ca();
        let csr = KeyPair::generate().expect("key").csr_der().expect("request");
        let issue = |csr: &[u8], names: &[String], now| ca.issue_controller(csr, names, 1, now).err();
        assert!(matches!(issue(&csr, &["a b".into()], NOW), Some(ControllerCertError::Names(_))));
        assert!(matches!(issue(&csr, &[], NOW), Some(ControllerCertError::Names(_))));
        assert!(matches!(issue(b"no", &["a".into()], NOW), Some(ControllerCertError::Request(_))));
        let late = Timestamp(u64::MAX);
        assert!(matches!(issue(&csr, &["a".into()], late), Some(ControllerCertError::Request(_))));
    }

    #[test]
    fn requests_for_one_key_have_one_digest() {
        let (one, two) = (KeyPair::generate().expect("key"), KeyPair::generate().expect("key"));
        let digest = |key: &KeyPair| requested_key_digest(&key.csr_der().expect("request")).expect("digest");
        assert_eq!(digest(&one), digest(&one));
        assert_ne!(digest(&one), digest(&two));
        assert!(requested_key_digest(b"rubbish").is_err());
    }
}
