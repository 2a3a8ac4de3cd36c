use crate::{Revision, id::ClusterId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /version`, without a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// e.g. `0.1.0`.
    pub version: String,
    /// REST API versions spoken, e.g. `["v1"]`.
    pub api: Vec<String>,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterStatus {
    pub cluster_id: ClusterId,
    pub controllers: Vec<ControllerStatus>,
    /// Newest revision of policy.
    pub revision: Revision,
    pub hosts_connected: u64,
    pub hosts_total: u64,
    /// Connected hosts that do not yet hold the newest revision that concerns them.
    pub hosts_behind: u64,
    pub users: u64,
    pub policies: u64,
    /// Decision events stored, their copies counted too.
    pub events: u64,
    pub audit_records: u64,
}

/// One controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ControllerStatus {
    pub node_id: u64,
    pub version: String,
    pub role: String,
    pub term: u64,
    pub last_log_index: u64,
    pub applied_index: u64,
    pub started_at: Timestamp,
}
