//! The CA that a host makes for the TCP port of its own guard. It can vouch for that host's guard and for nothing else:
//! whoever trusts it does so for one address, and no controller is ever known by it.

use crate::{
    ca::{CaError, ServerIdentity, ServerNameError, common_name, life, server_names, sign},
    key::KeyPair,
    limits::{GUARD_CA_LIFETIME, GUARD_LIFETIME},
    peer::{CertError, life_of, parse},
    pem,
};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose};
use rustls_pki_types::CertificateDer;
use wharden_model::{HostId, Timestamp};
use zeroize::Zeroizing;

/// Certificate and key of the CA of one guard.
pub struct GuardCa {
    cert_der: Vec<u8>,
    not_after: Timestamp,
    issuer: Issuer<'static, rcgen::KeyPair>,
}

impl GuardCa {
    /// Makes one for a host.
    ///
    /// # Errors
    /// [`CaError`] when the system has no randomness.
    pub fn generate(host: &HostId, now: Timestamp) -> Result<Self, CaError> {
        let key = KeyPair::generate()?;
        let (mut params, ..) = life(now, GUARD_CA_LIFETIME, Timestamp(u64::MAX));
        // Two CAs of one host must not share a name: a client that has the older would take them for the same.
        params.distinguished_name = common_name(&format!("Wharden guard {host} since {now}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = false;
        let cert = params.self_signed(&key.0).map_err(|_| CaError::Sign)?;
        Self::from_parts(cert.der(), &key.pkcs8_der())
    }

    /// Loads what [`GuardCa::cert_der`] and [`GuardCa::key_pkcs8`] gave.
    ///
    /// # Errors
    /// [`CaError`] when either is damaged or they do not belong together.
    pub fn from_parts(cert_der: &[u8], key_pkcs8: &[u8]) -> Result<Self, CaError> {
        let key = KeyPair::from_pkcs8(key_pkcs8)?;
        if !key.matches(cert_der) {
            return Err(CaError::Mismatch);
        }
        let cert = parse(cert_der)?;
        if !cert.is_ca() {
            return Err(CertError::NotACa.into());
        }
        let (_, not_after) = life_of(&cert)?;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(cert_der), key.0).map_err(|_| CaError::Sign)?;
        Ok(Self { cert_der: cert_der.to_vec(), not_after, issuer })
    }

    /// Its certificate.
    pub fn cert_der(&self) -> &[u8] {
        &self.cert_der
    }

    /// Its certificate in PEM, as clients want it.
    pub fn cert_pem(&self) -> String {
        pem::encode(pem::CERTIFICATE, [self.cert_der.as_slice()])
    }

    /// Its private key, PKCS#8, to be stored with mode 0600.
    pub fn key_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.issuer.key().serialize_der())
    }

    /// True when a certificate that it makes now would end before its time.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.not_after.as_secs() < now.as_secs().saturating_add(GUARD_LIFETIME.as_secs())
    }

    /// Makes key and certificate of the guard, which is dialled by `names` (DNS names or IP addresses).
    ///
    /// # Errors
    /// [`ServerNameError`] naming the name that is not one.
    pub fn issue(&self, names: &[String], now: Timestamp) -> Result<ServerIdentity, ServerNameError> {
        if now > self.not_after {
            return Err(ServerNameError::CaExpired(self.not_after));
        }
        let key = KeyPair::generate()?;
        let (mut params, _, not_after) = life(now, GUARD_LIFETIME, self.not_after);
        params.distinguished_name = common_name("Wharden guard");
        params.subject_alt_names = server_names(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (der, serial) = sign(params, &key.0, &self.issuer).ok_or(ServerNameError::Sign)?;
        Ok(ServerIdentity { chain: vec![der, self.cert_der.clone()], key_pkcs8: key.pkcs8_der(), serial, not_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ca, ca_cluster, peer_of, user_of, verify_host};
    use wharden_model::ClusterId;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn ca() -> GuardCa {
        GuardCa::generate(&HostId::new("h-0123456789abcdef").expect("id"), NOW).expect("CA")
    }

    #[test]
    fn a_guards_ca_vouches_for_its_guard_and_for_nobody_of_the_cluster() {
        let ca = ca();
        let server = ca.issue(&["web1".into(), "10.0.0.1".into()], NOW).expect("issued");
        assert_eq!(server.chain[1], ca.cert_der());
        assert_eq!(server.not_after, NOW.plus_secs(GUARD_LIFETIME.as_secs()));
        assert_eq!(ca_cluster(ca.cert_der()), Err(CertError::NotACa), "not a cluster's");
        assert_eq!(peer_of(&server.chain[0]), Err(CertError::NotAHost));
        assert_eq!(user_of(&server.chain[0]), Err(CertError::NotAUser));
        let cluster = Ca::generate(&ClusterId::new("c-0123456789abcdef").expect("id"), NOW).expect("CA");
        assert_eq!(verify_host(cluster.cert_der(), &server.chain[0], NOW), Err(CertError::ForeignCa));
        assert!(matches!(ca.issue(&["a b".into()], NOW), Err(ServerNameError::Name(_))));
        assert!(matches!(ca.issue(&[], NOW), Err(ServerNameError::Count(0))));
    }

    #[test]
    fn a_guards_ca_loads_again_and_says_when_it_ends() {
        let (one, two) = (ca(), ca());
        let again = GuardCa::from_parts(one.cert_der(), &one.key_pkcs8()).expect("loads");
        assert_eq!(again.cert_pem(), one.cert_pem());
        assert_eq!(GuardCa::from_parts(one.cert_der(), &two.key_pkcs8()).err(), Some(CaError::Mismatch));
        let end = NOW.plus_secs(GUARD_CA_LIFETIME.as_secs());
        assert!(!again.ends_soon(NOW));
        assert!(again.ends_soon(Timestamp(end.0 - 1000)));
        assert!(matches!(again.issue(&["web1".into()], end.plus_secs(1)), Err(ServerNameError::CaExpired(_))));
    }
}
