use super::Secret;
use crate::{
    host::Posture,
    id::{TokenId, UserName},
    label::Labels,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `POST /v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// Seconds that it is good for, 60 to 2,592,000 (30 days).
    pub ttl_s: u64,
    /// Hosts that may enrol with it, 1 to 100,000.
    pub uses: u32,
    /// Labels that the hosts get.
    #[serde(default)]
    pub labels: Labels,
    /// Posture that the hosts start in.
    #[serde(default)]
    pub posture: Posture,
}

/// Answer to [`NewToken`]. The token cannot be shown again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedToken {
    /// `wjt_<id>_<secret>_<fingerprint of the cluster's CA>`.
    pub token: Secret,
    pub info: JoinToken,
}

/// `GET /v1/tokens`; `DELETE /v1/tokens/{id}` ends one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JoinToken {
    pub id: TokenId,
    pub created_by: UserName,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub uses_left: u32,
    pub labels: Labels,
    pub posture: Posture,
}
