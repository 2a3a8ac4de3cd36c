use crate::{key_id::KeyId, time::Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /v1/keys`, and the answer to `POST /v1/keys/cluster/rotate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Keys {
    pub signing: SigningKey,
    pub cluster: ClusterKeyStatus,
}

/// The key that access tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SigningKey {
    /// As in the header of access tokens.
    pub key_id: String,
    pub since: Timestamp,
}

/// The key that secrets in the state are sealed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterKeyStatus {
    pub key_id: KeyId,
    /// Since when it seals.
    pub since: Timestamp,
    /// How far a change of it is; absent when none is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<KeyStep>,
    /// Values that are still sealed with the key before.
    pub left: u64,
    /// Which keys each controller holds.
    pub controllers: Vec<KeyHolder>,
}

/// Steps of a change of the cluster key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum KeyStep {
    /// A new key goes to all controllers; nothing is sealed with it yet.
    HandingOver,
    /// The new key seals; what the old one sealed is sealed anew.
    SealingAnew,
    /// Nothing is sealed with the old key; a controller that answers has not destroyed it yet.
    Destroying,
}

/// A controller and the cluster keys on its disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyHolder {
    pub number: u64,
    pub name: String,
    /// It answers the controller that was asked.
    pub reachable: bool,
    /// Empty when it does not answer.
    pub keys: Vec<KeyId>,
}
