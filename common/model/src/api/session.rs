use crate::{
    id::{SessionId, UserName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `GET /v1/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    pub id: SessionId,
    pub user: UserName,
    pub opened_at: Timestamp,
    /// When the second factor was last shown.
    pub mfa_at: Timestamp,
    /// Factors that it passed.
    pub factors: Vec<String>,
    /// Address that the login came from.
    pub source: String,
    /// End of the session if it is not refreshed.
    pub expires_at: Timestamp,
    /// The session of this very request.
    pub current: bool,
}

/// `POST /v1/sessions/revoke`: ends all sessions of a user, but the one of this request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokeSessions {
    /// Whose; the caller's own without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
}

/// Answer to [`RevokeSessions`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevokedSessions {
    pub user: UserName,
    /// Sessions that were open.
    pub ended: u64,
}

/// `POST /v1/keys/signing/rotate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedKey {
    /// Key id of the new key, as in the header of access tokens.
    pub key_id: String,
    /// Tokens of the old key are accepted until then.
    pub old_until: Timestamp,
}
