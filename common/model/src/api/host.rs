use crate::{
    Revision,
    host::{HostReport, Posture},
    id::HostId,
    label::Labels,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// How a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum HostStatus {
    /// Its session is open.
    Connected,
    /// It has no session because controllers have started or changed a moment ago; it is expected back.
    Awaited,
    /// It has no session. It keeps enforcing what it has.
    Lost,
    /// It may not come back.
    Revoked,
}

/// `GET /v1/hosts`, `GET /v1/hosts/{id or name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Host {
    pub id: HostId,
    /// The name that it enrolled with; several hosts may have the same.
    pub name: String,
    pub labels: Labels,
    pub posture: Posture,
    pub status: HostStatus,
    pub enrolled_at: Timestamp,
    /// End of its newest certificate.
    pub certificate_expires_at: Timestamp,
    /// Last sign of life; `None` when this controller has seen none since it started.
    pub last_seen_at: Option<Timestamp>,
    /// Revision of the bundle that it acknowledged last; 0 for none yet.
    pub held_revision: Revision,
    /// Why it refused the newest bundle; empty when it did not.
    pub nack: String,
    /// What it last told about itself.
    pub report: Option<HostReport>,
}

/// `PATCH /v1/hosts/{id}`: absent fields stay; `labels` replaces all. `POST /v1/hosts/{id}/revoke` revokes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostPatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Labels>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posture: Option<Posture>,
}
