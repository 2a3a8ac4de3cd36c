use crate::{
    id::{GroupName, UserName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/users`, `GET /v1/users/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    pub name: UserName,
    pub groups: Vec<GroupName>,
    /// A disabled user cannot log in and is refused everything on hosts.
    pub disabled: bool,
    /// True once password and second factor are set up.
    pub can_log_in: bool,
    /// Recovery codes left; `None` when it cannot log in.
    pub recovery_codes_left: Option<u32>,
    pub created_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
    /// Failed logins since the last good one; absent when there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_logins: Option<FailedLogins>,
}

/// Failed logins of one user. A device that the user logged in from passes all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedLogins {
    pub count: u32,
    pub last_at: Timestamp,
    /// No login is tried before; absent when one is. `POST /v1/users/{name}/unlock` lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// Where the most of them came from; empty when it was not noted.
    pub sources: Vec<FailedFrom>,
}

/// Failed logins from one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedFrom {
    /// Address, or the /64 network of an IPv6 address.
    pub address: String,
    pub count: u32,
}

/// `POST /v1/users`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUser {
    pub name: UserName,
    #[serde(default)]
    pub groups: Vec<GroupName>,
}

/// `PATCH /v1/users/{name}`: absent fields stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserPatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// `GET /v1/groups`, `GET /v1/groups/{name}`. Members: `PUT` and `DELETE /v1/groups/{name}/members/{user}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Group {
    pub name: GroupName,
    pub members: Vec<UserName>,
    pub created_at: Timestamp,
}

/// `POST /v1/groups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewGroup {
    pub name: GroupName,
    #[serde(default)]
    pub members: Vec<UserName>,
}
