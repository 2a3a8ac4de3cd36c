//! Who a certificate says its holder is.
//!
//! [`peer_of`] and [`user_of`] only read: use them on a certificate that a TLS handshake has verified, expired ones
//! included. [`verify_host`] and [`verify_user`] check everything themselves: use them on a certificate that came any
//! other way. A host's certificate names no user and a user's no host, so that neither can stand in for the other.

use crate::{limits::CERT_MAX, uri::Name};
use sha2::{Digest, Sha256};
use wharden_model::{ClusterId, HostId, SessionId, Timestamp, UserName};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Why a certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    #[error("the certificate is longer than {CERT_MAX} bytes")]
    TooLarge,
    #[error("the certificate is damaged")]
    Malformed,
    #[error("the certificate names no Wharden host: it belongs to something else")]
    NotAHost,
    #[error("the certificate names no Wharden user: it belongs to something else")]
    NotAUser,
    #[error("the certificate names no Wharden controller: it belongs to something else")]
    NotAController,
    #[error("the certificate is no Wharden CA")]
    NotACa,
    #[error("the certificate was not made by this cluster's CA")]
    ForeignCa,
    #[error("the certificate is for cluster {found}, this is {expected}")]
    ForeignCluster { found: ClusterId, expected: ClusterId },
    #[error("the certificate may not be used by a client")]
    Usage,
    #[error("the certificate begins at {0}: set this machine's clock, or wait")]
    NotYet(Timestamp),
    #[error("the certificate ended at {0}: renew it")]
    Expired(Timestamp),
}

/// What a host's certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCert {
    /// The cluster whose CA made it.
    pub cluster_id: ClusterId,
    /// The host.
    pub host_id: HostId,
    /// Serial number in lower-case hex.
    pub serial: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

impl PeerCert {
    /// Whether it may be used at `now`.
    ///
    /// # Errors
    /// [`CertError::NotYet`] and [`CertError::Expired`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), CertError> {
        check_time(self.not_before, self.not_after, now)
    }
}

/// What the certificate of a user or a service account says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCert {
    /// The cluster whose CA made it.
    pub cluster_id: ClusterId,
    /// The user, or the service account.
    pub user: UserName,
    /// It is a service account of that name, and not the user.
    pub is_service_account: bool,
    /// The login session that it was issued in, or what stands for the service account's key; it is worth nothing once that
    /// has ended.
    pub session: SessionId,
    /// Serial number in lower-case hex.
    pub serial: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
}

impl UserCert {
    /// Whether it may be used at `now`.
    ///
    /// # Errors
    /// [`CertError::NotYet`] and [`CertError::Expired`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), CertError> {
        check_time(self.not_before, self.not_after, now)
    }
}

pub(crate) fn check_time(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Result<(), CertError> {
    if now < not_before {
        return Err(CertError::NotYet(not_before));
    }
    if now > not_after {
        return Err(CertError::Expired(not_after));
    }
    Ok(())
}

/// Reads the host out of a certificate. Does not verify it.
///
/// # Errors
/// [`CertError`] when it is damaged or names no host, or more than one.
pub fn peer_of(cert_der: &[u8]) -> Result<PeerCert, CertError> {
    peer_of_parsed(&parse(cert_der)?)
}

/// Verifies that the CA made this certificate for a host of its cluster, for use as a client, valid at `now`.
///
/// # Errors
/// [`CertError`] with the first thing that is wrong.
pub fn verify_host(ca_der: &[u8], cert_der: &[u8], now: Timestamp) -> Result<PeerCert, CertError> {
    let cert = parse(cert_der)?;
    let cluster = issued_by(&cert, ca_der)?;
    let peer = peer_of_parsed(&cert)?;
    check_client(&cert, &peer.cluster_id, cluster)?;
    peer.check_time(now)?;
    Ok(peer)
}

/// Reads the user out of a certificate. Does not verify it.
///
/// # Errors
/// [`CertError`] when it is damaged or names no user, or more than one.
pub fn user_of(cert_der: &[u8]) -> Result<UserCert, CertError> {
    user_of_parsed(&parse(cert_der)?)
}

/// Verifies that the CA made this certificate for a user of its cluster, for use as a client, valid at `now`.
///
/// # Errors
/// [`CertError`] with the first thing that is wrong.
pub fn verify_user(ca_der: &[u8], cert_der: &[u8], now: Timestamp) -> Result<UserCert, CertError> {
    let cert = parse(cert_der)?;
    let cluster = issued_by(&cert, ca_der)?;
    let user = user_of_parsed(&cert)?;
    check_client(&cert, &user.cluster_id, cluster)?;
    user.check_time(now)?;
    Ok(user)
}

/// The cluster of the CA, if that CA made the certificate.
fn issued_by(cert: &X509Certificate<'_>, ca_der: &[u8]) -> Result<ClusterId, CertError> {
    let ca = parse(ca_der)?;
    let cluster = ca_cluster_parsed(&ca)?;
    if cert.issuer() != ca.subject() || !signed_by(cert, &ca) {
        return Err(CertError::ForeignCa);
    }
    Ok(cluster)
}

fn check_client(cert: &X509Certificate<'_>, found: &ClusterId, expected: ClusterId) -> Result<(), CertError> {
    if *found != expected {
        return Err(CertError::ForeignCluster { found: found.clone(), expected });
    }
    if cert.is_ca() || !cert.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.client_auth) {
        return Err(CertError::Usage);
    }
    Ok(())
}

/// The cluster that a CA certificate belongs to. Does not verify it.
///
/// # Errors
/// [`CertError::NotACa`] when it is not one of ours.
pub fn ca_cluster(ca_der: &[u8]) -> Result<ClusterId, CertError> {
    ca_cluster_parsed(&parse(ca_der)?)
}

/// The last moment of the life of a CA certificate. Does not verify it.
///
/// # Errors
/// [`CertError`] when it is no certificate.
pub fn ca_ends(ca_der: &[u8]) -> Result<Timestamp, CertError> {
    Ok(life_of(&parse(ca_der)?)?.1)
}

/// SHA-256 of a certificate, as join tokens carry it.
pub fn fingerprint(cert_der: &[u8]) -> [u8; 32] {
    Sha256::digest(cert_der).into()
}

pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>, CertError> {
    if der.len() > CERT_MAX {
        return Err(CertError::TooLarge);
    }
    match X509Certificate::from_der(der) {
        Ok(([], cert)) => Ok(cert),
        _ => Err(CertError::Malformed),
    }
}

fn ca_cluster_parsed(cert: &X509Certificate<'_>) -> Result<ClusterId, CertError> {
    match name_of(cert)? {
        Some(Name::Ca(cluster)) if cert.is_ca() => Ok(cluster),
        _ => Err(CertError::NotACa),
    }
}

fn peer_of_parsed(cert: &X509Certificate<'_>) -> Result<PeerCert, CertError> {
    let Some(Name::Host(cluster_id, host_id)) = name_of(cert)? else { return Err(CertError::NotAHost) };
    let (not_before, not_after) = life_of(cert)?;
    Ok(PeerCert { cluster_id, host_id, serial: serial_of(cert), not_before, not_after })
}

fn user_of_parsed(cert: &X509Certificate<'_>) -> Result<UserCert, CertError> {
    let (is_service_account, (cluster_id, user, session)) = match name_of(cert)? {
        Some(Name::User(cluster, user, session)) => (false, (cluster, user, session)),
        Some(Name::ServiceAccount(cluster, account, session)) => (true, (cluster, account, session)),
        _ => return Err(CertError::NotAUser),
    };
    let (not_before, not_after) = life_of(cert)?;
    Ok(UserCert { cluster_id, user, is_service_account, session, serial: serial_of(cert), not_before, not_after })
}

pub(crate) fn serial_of(cert: &X509Certificate<'_>) -> String {
    data_encoding::HEXLOWER.encode(cert.raw_serial())
}

/// First and last moment.
pub(crate) fn life_of(cert: &X509Certificate<'_>) -> Result<(Timestamp, Timestamp), CertError> {
    let at = |secs: i64| u64::try_from(secs).map(Timestamp::from_secs).map_err(|_| CertError::Malformed);
    let validity = cert.validity();
    Ok((at(validity.not_before.timestamp())?, at(validity.not_after.timestamp())?))
}

/// Our CA signs with ECDSA over P-256 and SHA-256, written in exactly one way. The parser is laxer, and a certificate
/// that could be rewritten without breaking its signature would have more than one fingerprint.
fn signed_by(cert: &X509Certificate<'_>, ca: &X509Certificate<'_>) -> bool {
    const ECDSA_WITH_SHA256: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    const BIT_STRING: u8 = 3;
    let signature = &cert.signature_value.data;
    let Ok(length) = u8::try_from(signature.len() + 1) else { return false };
    let mut end = ECDSA_WITH_SHA256.to_vec();
    end.extend_from_slice(&[BIT_STRING, length, 0]);
    end.extend_from_slice(signature);
    cert.as_raw().ends_with(&end) && cert.verify_signature(Some(ca.public_key())).is_ok()
}

/// The one URI of ours; `None` when there is none or more than one, since then nobody could say which counts.
pub(crate) fn name_of(cert: &X509Certificate<'_>) -> Result<Option<Name>, CertError> {
    let names = cert.subject_alternative_name().map_err(|_| CertError::Malformed)?;
    let mut uris = names.iter().flat_map(|extension| &extension.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    Ok(match (uris.next(), uris.next()) {
        (Some(uri), None) => Name::parse(uri),
        _ => None,
    })
}
