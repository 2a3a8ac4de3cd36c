use crate::{
    id::{HostId, SessionId, UserName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `POST /v1/docker/certificates`: lets the caller use Docker from elsewhere, by a key that only the caller has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewDockerCertificate {
    /// Certificate request, PKCS#10 in PEM, for a P-256 or Ed25519 key. Names in it are ignored.
    pub csr: String,
}

/// Answer to [`NewDockerCertificate`]. It ends with its session, or when the user is disabled or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DockerCertificate {
    /// The user that it names.
    pub username: UserName,
    /// The login session that it names.
    pub session_id: SessionId,
    /// Serial number, hex.
    pub serial: String,
    /// The certificate, PEM.
    pub certificate: String,
    /// Its end, 8 hours from now at the latest.
    pub expires_at: Timestamp,
}

/// `GET /v1/docker/hosts`: a host whose guard listens on TCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DockerHost {
    pub id: HostId,
    /// The name that it enrolled with; several hosts may have the same.
    pub name: String,
    /// Where its guard listens, `host:port`.
    pub address: String,
    /// The CA that made the guard's certificate, PEM. Good for this address only.
    pub ca_pem: String,
}
