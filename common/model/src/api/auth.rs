use super::Secret;
use crate::{
    id::{GroupName, SessionId, UserName},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// `POST /v1/enrolment`: first step of taking up the bootstrap token or an invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolmentStart {
    /// Bootstrap token (`wbt_…`) or invite (`win_…`).
    pub token: Secret,
    /// Name of the account. With an invite it must be the invited one.
    pub username: UserName,
    /// Password, 12 to 256 characters.
    pub password: Secret,
}

/// Answer to [`EnrolmentStart`]. Nothing has been stored yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrolment {
    /// To be handed back; holds the pending enrolment, sealed, good for 10 minutes.
    pub enrolment: Secret,
    /// TOTP secret, base32 (RFC 6238: SHA-1, 6 digits, 30 s).
    pub totp_secret: Secret,
    /// `otpauth://` URL for a QR code.
    pub otpauth_url: Secret,
    /// Ten recovery codes, each good once.
    pub recovery_codes: Vec<Secret>,
}

/// `POST /v1/enrolment/complete`: second step; 204 when the account can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolmentComplete {
    /// From [`Enrolment`].
    pub enrolment: Secret,
    /// A current code of the new secret, which proves that it was set up.
    pub code: Secret,
}

/// `POST /v1/users/{name}/invite`: lets an existing user become an account that can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invite {
    /// Shown once.
    pub invite: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// `POST /v1/login`. Exactly one of `code` and `recovery_code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    pub username: UserName,
    pub password: Secret,
    /// TOTP code, 6 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Secret>,
    /// Recovery code in place of a TOTP code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_code: Option<Secret>,
    /// From an earlier login with both factors: this device does not wait when others guessed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Secret>,
}

/// Answer to [`Login`] and [`Refresh`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionTokens {
    pub session_id: SessionId,
    pub username: UserName,
    /// For `Authorization: Bearer`.
    pub access_token: Secret,
    /// End of the access token.
    pub access_expires_at: Timestamp,
    /// Good for one refresh.
    pub refresh_token: Secret,
    /// End of the session if it is not refreshed.
    pub refresh_expires_at: Timestamp,
    /// Recovery codes left, when one was used for this login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_codes_left: Option<u32>,
    /// Where each controller of the cluster is reached: a client tries another one when one is away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
    /// For the next login from this device; the one of before is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Secret>,
}

/// `POST /v1/session/refresh`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refresh {
    pub refresh_token: Secret,
}

/// `POST /v1/session/step-up`: makes the session's second factor fresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepUp {
    /// TOTP code, 6 digits.
    pub code: Secret,
}

/// `POST /v1/account/password`, with a second factor in the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordChange {
    pub current_password: Secret,
    /// 12 to 256 characters.
    pub new_password: Secret,
}

/// `POST /v1/account/recovery-codes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecoveryCodes {
    /// Ten codes, each good once. Shown this once.
    pub recovery_codes: Vec<Secret>,
}

/// `GET /v1/whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhoAmI {
    pub username: UserName,
    pub groups: Vec<GroupName>,
    pub session_id: SessionId,
    /// Start of the session.
    pub since: Timestamp,
    /// Factors that it passed, e.g. `["password", "totp"]`.
    pub factors: Vec<String>,
    /// When the second factor was last shown.
    pub mfa_at: Timestamp,
    /// End of the access token.
    pub access_expires_at: Timestamp,
}
