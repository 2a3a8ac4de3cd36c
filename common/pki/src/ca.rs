//! The private CA of a cluster. Hosts, controllers and users get their certificates here and nowhere else.
//!
//! Nothing in a request but its public key reaches the certificate: who the holder is was decided before.

use crate::{
    key::{KeyError, KeyPair},
    limits::{CA_LIFETIME, CSR_MAX, SERVER_NAMES_MAX, SKEW, USER_LIFETIME},
    peer::{self, CertError, life_of, parse},
    pem,
    uri::Name,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls_pki_types::{CertificateDer, ServerName};
use std::{net::IpAddr, time::Duration};
use wharden_model::{ClusterId, HostId, SessionId, Timestamp, UserName};
use x509_parser::prelude::{FromDer, X509CertificationRequest};
use zeroize::Zeroizing;

/// Why the CA cannot be made or loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    #[error("the CA's key: {0}")]
    Key(#[from] KeyError),
    #[error("the CA's certificate: {0}")]
    Certificate(#[from] CertError),
    #[error("the CA's key does not belong to its certificate: restore both from one backup")]
    Mismatch,
    #[error("the CA's certificate could not be made")]
    Sign,
}

mod controller;

pub use controller::{ControllerCert, ControllerCertError, controller_name, controller_of};

/// Why a certificate request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    #[error("the certificate request is longer than {CSR_MAX} bytes")]
    TooLarge,
    #[error("the certificate request is not a PKCS#10 request in DER")]
    Malformed,
    #[error("the certificate request is not signed by the key that it is for")]
    Signature,
    #[error("the certificate request is for a kind of key that is not issued: use P-256 or Ed25519")]
    KeyKind,
    #[error("the CA ended at {0}: no certificate can be made")]
    CaExpired(Timestamp),
    #[error("the certificate could not be made")]
    Sign,
}

/// Why the certificate of a controller or a guard was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerNameError {
    #[error("{0:?} is neither a DNS name nor an IP address")]
    Name(String),
    #[error("a server has 1 to {SERVER_NAMES_MAX} names, not {0}")]
    Count(usize),
    #[error("the server's key: {0}")]
    Key(#[from] KeyError),
    #[error("the CA ended at {0}: no certificate can be made")]
    CaExpired(Timestamp),
    #[error("the certificate could not be made")]
    Sign,
}

/// A certificate that the CA has just made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The certificate.
    pub der: Vec<u8>,
    /// Serial number: 32 lower-case hex digits.
    pub serial: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

/// What a controller or a guard needs to serve TLS.
pub struct ServerIdentity {
    /// Its certificate, then the CA's: first contact by fingerprint needs the CA to be sent.
    pub chain: Vec<Vec<u8>>,
    /// Its private key, PKCS#8.
    pub key_pkcs8: Zeroizing<Vec<u8>>,
    /// Serial number: 32 lower-case hex digits.
    pub serial: String,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

/// The certificate and key of the CA.
pub struct Ca {
    cluster_id: ClusterId,
    cert_der: Vec<u8>,
    not_after: Timestamp,
    issuer: Issuer<'static, rcgen::KeyPair>,
}

impl Ca {
    /// Makes the CA of a new cluster.
    ///
    /// # Errors
    /// [`CaError`] when the system has no randomness.
    pub fn generate(cluster_id: &ClusterId, now: Timestamp) -> Result<Self, CaError> {
        let key = KeyPair::generate()?;
        let (mut params, ..) = life(now, CA_LIFETIME, Timestamp(u64::MAX));
        params.distinguished_name = common_name(&format!("Wharden CA {cluster_id}"));
        params.subject_alt_names = vec![uri(&Name::Ca(cluster_id.clone())).ok_or(CaError::Sign)?];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = false;
        let cert = params.self_signed(&key.0).map_err(|_| CaError::Sign)?;
        Self::from_parts(cert.der(), &key.pkcs8_der())
    }

    /// Loads the CA from what [`Ca::cert_der`] and [`Ca::key_pkcs8`] gave.
    ///
    /// # Errors
    /// [`CaError`] when either is damaged or they do not belong together.
    pub fn from_parts(cert_der: &[u8], key_pkcs8: &[u8]) -> Result<Self, CaError> {
        let key = KeyPair::from_pkcs8(key_pkcs8)?;
        let cluster_id = peer::ca_cluster(cert_der)?;
        if !key.matches(cert_der) {
            return Err(CaError::Mismatch);
        }
        let (_, not_after) = life_of(&parse(cert_der)?)?;
        let issuer = Issuer::from_ca_cert_der(&CertificateDer::from(cert_der), key.0).map_err(|_| CaError::Sign)?;
        Ok(Self { cluster_id, cert_der: cert_der.to_vec(), not_after, issuer })
    }

    /// The cluster that it belongs to.
    pub fn cluster_id(&self) -> &ClusterId {
        &self.cluster_id
    }

    /// The last moment of its life: nothing that it signs is good any longer.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Its certificate.
    pub fn cert_der(&self) -> &[u8] {
        &self.cert_der
    }

    /// Its certificate in PEM, for `--cacert` and the like.
    pub fn cert_pem(&self) -> String {
        pem::encode(pem::CERTIFICATE, [self.cert_der.as_slice()])
    }

    /// Its private key, PKCS#8, to be sealed.
    pub fn key_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.issuer.key().serialize_der())
    }

    /// SHA-256 of its certificate: what join tokens carry.
    pub fn fingerprint(&self) -> [u8; 32] {
        peer::fingerprint(&self.cert_der)
    }

    /// Makes the certificate of a host for the key in the request; everything else in the request is ignored.
    ///
    /// # Errors
    /// [`CsrError`].
    pub fn issue_host(
        &self,
        csr_der: &[u8],
        host_id: &HostId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Issued, CsrError> {
        let name = Name::Host(self.cluster_id.clone(), host_id.clone());
        self.issue_client(csr_der, host_id.as_str(), &name, now, lifetime)
    }

    /// Makes the certificate of a user in a login session for the key in the request; everything else in the request is
    /// ignored. It lasts [`USER_LIFETIME`](crate::limits::USER_LIFETIME) at most.
    ///
    /// # Errors
    /// [`CsrError`].
    pub fn issue_user(
        &self,
        csr_der: &[u8],
        user: &UserName,
        session: &SessionId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Issued, CsrError> {
        let name = Name::User(self.cluster_id.clone(), user.clone(), session.clone());
        self.issue_client(csr_der, user.as_str(), &name, now, lifetime.min(USER_LIFETIME))
    }

    /// The same for a service account. `session` stands for its key.
    ///
    /// # Errors
    /// [`CsrError`].
    pub fn issue_service_account(
        &self,
        csr_der: &[u8],
        account: &UserName,
        session: &SessionId,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Issued, CsrError> {
        let name = Name::ServiceAccount(self.cluster_id.clone(), account.clone(), session.clone());
        self.issue_client(csr_der, account.as_str(), &name, now, lifetime.min(USER_LIFETIME))
    }

    fn issue_client(
        &self,
        csr_der: &[u8],
        shown: &str,
        name: &Name,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<Issued, CsrError> {
        if now > self.not_after {
            return Err(CsrError::CaExpired(self.not_after));
        }
        let key = requested_key(csr_der)?;
        let (mut params, not_before, not_after) = life(now, lifetime, self.not_after);
        params.distinguished_name = common_name(shown);
        params.subject_alt_names = vec![uri(name).ok_or(CsrError::Sign)?];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (der, serial) = sign(params, &key, &self.issuer).ok_or(CsrError::Sign)?;
        Ok(Issued { der, serial, not_before, not_after })
    }

    /// Makes key and certificate of a controller that is dialled by `names` (DNS names or IP addresses).
    ///
    /// # Errors
    /// [`ServerNameError`] naming the name that is not one.
    pub fn issue_server(
        &self,
        names: &[String],
        node_id: u64,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<ServerIdentity, ServerNameError> {
        if now > self.not_after {
            return Err(ServerNameError::CaExpired(self.not_after));
        }
        let key = KeyPair::generate()?;
        let (mut params, _, not_after) = life(now, lifetime, self.not_after);
        params.distinguished_name = common_name(&format!("Wharden controller {node_id}"));
        params.subject_alt_names = server_names(names)?;
        let own = uri(&Name::Controller(self.cluster_id.clone(), node_id)).ok_or(ServerNameError::Sign)?;
        params.subject_alt_names.push(own);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (der, serial) = sign(params, &key.0, &self.issuer).ok_or(ServerNameError::Sign)?;
        Ok(ServerIdentity { chain: vec![der, self.cert_der.clone()], key_pkcs8: key.pkcs8_der(), serial, not_after })
    }
}

/// Makes a certificate that is no CA's; the certificate and its serial number.
pub(crate) fn sign(
    mut params: CertificateParams,
    key: &impl PublicKeyData,
    issuer: &Issuer<'static, rcgen::KeyPair>,
) -> Option<(Vec<u8>, String)> {
    let mut serial = [0_u8; 16];
    rand::fill(&mut serial);
    // Positive and of full length in DER, so that it reads the same wherever it is shown.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(key, issuer).ok()?;
    Some((cert.der().to_vec(), data_encoding::HEXLOWER.encode(&serial)))
}

/// Parameters with a life from a little before `now`, never past `end`.
pub(crate) fn life(now: Timestamp, lifetime: Duration, end: Timestamp) -> (CertificateParams, Timestamp, Timestamp) {
    let begin = now.as_secs().saturating_sub(SKEW.as_secs());
    // The last second that DER's GeneralizedTime can say is in the year 9999.
    const LAST: u64 = 253_402_300_799;
    let finish = now.as_secs().saturating_add(lifetime.as_secs()).min(end.as_secs()).min(LAST);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + Duration::from_secs(begin.min(LAST));
    params.not_after = epoch + Duration::from_secs(finish);
    (params, Timestamp::from_secs(begin), Timestamp::from_secs(finish))
}

pub(crate) fn common_name(name: &str) -> DistinguishedName {
    let mut dn = DistinguishedName::new();
    dn.push(DnType::CommonName, name);
    dn
}

fn uri(name: &Name) -> Option<SanType> {
    name.uri().try_into().ok().map(SanType::URI)
}

/// Whether a certificate can be made for these names.
///
/// # Errors
/// [`ServerNameError`].
pub fn check_server_names(names: &[String]) -> Result<(), ServerNameError> {
    server_names(names).map(drop)
}

/// The names that a server is dialled by.
pub(crate) fn server_names(names: &[String]) -> Result<Vec<SanType>, ServerNameError> {
    if names.is_empty() || names.len() > SERVER_NAMES_MAX {
        return Err(ServerNameError::Count(names.len()));
    }
    names.iter().map(|name| server_name(name)).collect()
}

fn server_name(name: &str) -> Result<SanType, ServerNameError> {
    let bad = || ServerNameError::Name(name.chars().take(80).collect());
    match ServerName::try_from(name).map_err(|_| bad())? {
        ServerName::IpAddress(ip) => Ok(SanType::IpAddress(IpAddr::from(ip))),
        _ => name.to_owned().try_into().map(SanType::DnsName).map_err(|_| bad()),
    }
}

/// The public key of a request whose signature proves that the asker holds the private half.
fn requested_key(csr_der: &[u8]) -> Result<SubjectPublicKeyInfo, CsrError> {
    if csr_der.len() > CSR_MAX {
        return Err(CsrError::TooLarge);
    }
    let Ok(([], request)) = X509CertificationRequest::from_der(csr_der) else { return Err(CsrError::Malformed) };
    let spki = &request.certification_request_info.subject_pki;
    let key = SubjectPublicKeyInfo::from_der(spki.raw).map_err(|_| CsrError::KeyKind)?;
    let kind = key.algorithm();
    if *kind != rcgen::PKCS_ECDSA_P256_SHA256 && *kind != rcgen::PKCS_ED25519 {
        return Err(CsrError::KeyKind);
    }
    request.verify_signature().map_err(|_| CsrError::Signature)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
