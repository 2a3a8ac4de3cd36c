use super::Secret;
use crate::{id::UserName, time::Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /v1/service-accounts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceAccount {
    /// `ServiceAccount::"name"` in policies.
    pub name: UserName,
    /// What it is for.
    pub purpose: String,
    pub created_by: String,
    pub created_at: Timestamp,
    /// When its key was made.
    pub rotated_at: Timestamp,
    /// End of its key.
    pub expires_at: Timestamp,
}

/// `POST /v1/service-accounts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewServiceAccount {
    pub name: UserName,
    /// What it is for, for those who read the list.
    #[serde(default)]
    pub purpose: String,
    /// Seconds that its key is good for: an hour to a year.
    pub ttl_s: u64,
}

/// `POST /v1/service-accounts/{name}/rotate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotateServiceAccount {
    /// Seconds that the new key is good for: an hour to a year.
    pub ttl_s: u64,
}

/// Answer to [`NewServiceAccount`] and [`RotateServiceAccount`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedServiceAccount {
    /// For `Authorization: Bearer`. Shown this once.
    pub key: Secret,
    pub info: ServiceAccount,
}
