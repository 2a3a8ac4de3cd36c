use serde::{Deserialize, Serialize};

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ErrorCode {
    /// 400: the request cannot be read or breaks a rule of form.
    Invalid,
    /// 401: no session, or it has ended.
    NotLoggedIn,
    /// 401: wrong user name, password, code or token. Never says which.
    BadCredentials,
    /// 403: a policy, or the lack of one, refuses.
    Forbidden,
    /// 403: a code has to come with the request, in the header `Wharden-Totp`.
    StepUpRequired,
    /// 403: the code that came with the request is wrong or was used already.
    BadCode,
    /// 404: there is no such thing.
    NotFound,
    /// 409: it clashes with what is there.
    Conflict,
    /// 413: larger than the limit.
    TooLarge,
    /// 422: the policy does not validate; `details` has line and column.
    InvalidPolicy,
    /// 429: too many attempts; `retry_after_s` says when.
    TooMany,
    /// 500: a defect; the request id finds it in the log.
    Internal,
    /// 503: no leader, or the controller is starting or stopping. Try again.
    Unavailable,
}

/// The body of every answer that is not 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what was wrong, and where.
    pub message: String,
    /// For people: what to do next; empty when there is nothing to say.
    #[serde(default)]
    pub hint: String,
    /// Single faults, with their places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<ErrorDetail>,
    /// Seconds to wait, with code `too_many` or `unavailable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// Finds the request in logs and audit.
    #[serde(default)]
    pub request_id: String,
}

/// The place of a detail that says why a session ended; only a holder of a token of that session is told.
pub const SESSION_OVER: &str = "session";

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorDetail {
    /// Field path or `line:column`.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}
