//! Errors as HTTP: the last step.

use crate::app::AppError;
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use wharden_model::api::{ErrorBody, ErrorCode, ErrorDetail, SESSION_OVER, ValidationIssue};
use wharden_state::Kind;

/// An error on its way to the caller.
#[derive(Debug)]
pub struct Failure(pub AppError);

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

/// What a handler gives.
pub type Answer<T> = Result<T, Failure>;

const fn code_of(error: &AppError) -> ErrorCode {
    match error {
        AppError::Invalid { .. } => ErrorCode::Invalid,
        AppError::NotLoggedIn(_) | AppError::SessionOver(_) => ErrorCode::NotLoggedIn,
        AppError::BadCredentials | AppError::BadToken(_) => ErrorCode::BadCredentials,
        AppError::Forbidden { .. } | AppError::ForPeople(_) | AppError::Guarded { .. } => ErrorCode::Forbidden,
        AppError::StepUpRequired { .. } => ErrorCode::StepUpRequired,
        AppError::BadCode { .. } => ErrorCode::BadCode,
        AppError::NotFound { .. } | AppError::NoEvent(_) | AppError::NoCapacity { .. } => ErrorCode::NotFound,
        AppError::Conflict { .. } => ErrorCode::Conflict,
        AppError::TooLarge(_) => ErrorCode::TooLarge,
        AppError::InvalidPolicy(_) => ErrorCode::InvalidPolicy,
        AppError::TooMany { .. } | AppError::Busy { own: true } => ErrorCode::TooMany,
        AppError::Unavailable(_) | AppError::Unconfirmed(_) | AppError::Busy { own: false } => ErrorCode::Unavailable,
        AppError::Internal(_) => ErrorCode::Internal,
    }
}

/// The status that goes with a code.
pub const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Invalid => StatusCode::BAD_REQUEST,
        ErrorCode::NotLoggedIn | ErrorCode::BadCredentials => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::StepUpRequired | ErrorCode::BadCode => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::InvalidPolicy => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::TooMany => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn hint_of(error: &AppError) -> &str {
    match error {
        AppError::NotLoggedIn(_) | AppError::SessionOver(_) => "log in: `wharden login`",
        AppError::BadCredentials => "check all three; a code is good once and for 30 seconds",
        AppError::BadToken(_) => {
            "check the user name; else ask an admin for another invite: `wharden user invite NAME`. The first admin's token is \
             the one that `wharden-controller init` printed"
        }
        AppError::Forbidden { .. } => {
            "ask an admin for a policy that permits it: `wharden policy list` shows those there are"
        }
        AppError::ForPeople(_) => "log in: `wharden login`; keys of service accounts only look",
        AppError::StepUpRequired { .. } => "send the code that the authenticator shows now as Wharden-Totp",
        AppError::BadCode { used: true } => "each code works once: wait for the next one, 30 seconds at most",
        AppError::BadCode { used: false } => "check the authenticator and the clock of the device that it runs on",
        AppError::Guarded { .. } => {
            "let another admin do it, or force it with a code: `--force`; what would leave no admin cannot be forced"
        }
        AppError::InvalidPolicy(_) => "mend the text; `wharden policy validate FILE` checks it without storing",
        AppError::TooMany { .. } => "wait",
        AppError::Busy { own: true } => "wait for the answers to those that you have sent",
        AppError::Busy { own: false } => "try again in a moment; each takes a second or two",
        AppError::Unavailable(_) => "try again in a moment; `/readyz` says what is missing",
        AppError::Unconfirmed(_) => {
            "`/readyz` says what is missing; look whether it was done before you repeat it, or repeat the same request with the \
             X-Request-Id that you gave it, which does it once"
        }
        AppError::Internal(_) => "look for the request id in the controller's log",
        AppError::Conflict { hint, .. } | AppError::NoCapacity { hint, .. } => hint,
        AppError::NoEvent(_) => "it may be older than what is kept: `wharden events --ids` shows those there are",
        AppError::NotFound { kind, .. } => shown_by(*kind),
        AppError::Invalid { .. } | AppError::TooLarge(_) => "",
    }
}

/// Which command shows what there is.
const fn shown_by(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "`wharden user list` shows the users; `wharden user create NAME` makes one",
        Kind::Group => "`wharden group list` shows the groups; `wharden group create NAME` makes one",
        Kind::Member => "`wharden group show NAME` shows its members",
        Kind::Token => "`wharden token list` shows the join tokens",
        Kind::Host => "`wharden host list` shows the hosts",
        Kind::Policy => "`wharden policy list` shows the policies",
        Kind::Version => "`wharden policy history NAME` shows its versions",
        Kind::Session => "`wharden session list` shows the sessions",
        Kind::Controller => "`wharden cluster status` shows the controllers",
        Kind::ServiceAccount => "`wharden service-account list` shows the service accounts",
        Kind::Alert => "`wharden alerts list` shows the alerts",
        Kind::Channel => "`wharden notify channel list` shows the channels",
        Kind::Thresholds => "`wharden capacity thresholds list` shows the thresholds",
        Kind::Invite | Kind::DockerSession | Kind::Code | Kind::RetiredKey | Kind::FormerKey => "",
    }
}

fn issue(issue: &ValidationIssue) -> ErrorDetail {
    let rule = if issue.rule.is_empty() { String::new() } else { format!("rule {}: ", issue.rule) };
    let help = if issue.help.is_empty() { String::new() } else { format!(" ({})", issue.help) };
    ErrorDetail { at: format!("{}:{}", issue.line, issue.column), message: format!("{rule}{}{help}", issue.message) }
}

impl Failure {
    fn body(&self) -> ErrorBody {
        let error = &self.0;
        let (details, retry_after_s) = match error {
            AppError::InvalidPolicy(issues) => (issues.iter().map(issue).collect(), None),
            AppError::Invalid { at, message } if !at.is_empty() => {
                (vec![ErrorDetail { at: at.clone(), message: message.clone() }], None)
            }
            AppError::SessionOver(why) => {
                (vec![ErrorDetail { at: SESSION_OVER.to_owned(), message: why.clone() }], None)
            }
            AppError::TooMany { seconds } => (Vec::new(), Some(*seconds)),
            AppError::Unavailable(_) | AppError::Busy { .. } => (Vec::new(), Some(1)),
            _ => (Vec::new(), None),
        };
        let message = match error {
            // What went wrong inside is for the operator's log.
            AppError::Internal(_) => "something went wrong inside the controller".to_owned(),
            other => other.to_string(),
        };
        ErrorBody {
            code: code_of(error),
            message,
            hint: hint_of(error).to_owned(),
            details,
            retry_after_s,
            request_id: String::new(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let AppError::Internal(why) = &self.0 {
            tracing::error!(%why, "request failed");
        }
        respond(self.body())
    }
}

/// The answer with this body. The layer that knows the request id fills it in from the extension.
pub fn respond(body: ErrorBody) -> Response {
    let status = status_of(body.code);
    let retry = body.retry_after_s;
    let mut response = (status, Json(&body)).into_response();
    if let Some(seconds) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response.extensions_mut().insert(body);
    response
}
