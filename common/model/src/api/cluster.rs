use super::Secret;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// `GET /v1/cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Controllers {
    /// By number.
    pub controllers: Vec<Controller>,
    /// The controller whose change of membership is under way.
    pub changing: Option<u64>,
    /// Voters that must be reachable for anything to be written.
    pub quorum: u64,
    /// Voters that are.
    pub reachable_voters: u64,
    /// What all of them can do and the cluster uses; grows when the last controller was upgraded.
    #[serde(default)]
    pub level: u32,
}

/// One controller of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Controller {
    /// Grows only: a number that was taken back is never given again.
    pub number: u64,
    pub name: String,
    /// `joining`, `learner`, `voter` or `leaving`.
    pub role: String,
    pub leader: bool,
    /// It answers the controller that was asked.
    pub reachable: bool,
    /// Version of its program; empty when it does not answer.
    pub version: String,
    /// Newest log entry that it has applied.
    pub applied_index: Option<u64>,
    /// Log entries that it is behind the newest that is known.
    pub lag: Option<u64>,
    /// For other controllers.
    pub peer_address: String,
    /// For clients.
    pub rest_url: String,
    /// For agents.
    pub agent_address: String,
    pub joined_at: Timestamp,
}

/// `POST /v1/cluster/codes`, and `POST /v1/cluster/{number}/replace`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewControllerCode {
    /// Seconds that the code is good for, 60 to 86,400.
    pub ttl_s: u64,
    /// The new controller gets no vote until it is promoted. Not with `replace`.
    #[serde(default)]
    pub learner: bool,
}

/// Answer to [`NewControllerCode`]. The code cannot be shown again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ControllerCode {
    /// `wcj_<id>_<secret>_<fingerprint of the cluster's CA>`, good once.
    pub code: Secret,
    pub expires_at: Timestamp,
    /// Where to join: the controller that was asked.
    pub peer_address: String,
    /// The controller that goes once the new one votes.
    pub replaces: Option<u64>,
}
