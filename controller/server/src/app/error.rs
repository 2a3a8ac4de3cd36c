//! What can go wrong for a caller. Turned into HTTP at the last step, in `rest`.

use crate::{auth::enrolment::EnrolmentError, raft::ProposeError};
use wharden_model::{Decision, UserName, api::ValidationIssue};
use wharden_state::{Kind, Rejection};

/// One cause each; the text is for the caller.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The request breaks a rule of form.
    #[error("{message}")]
    Invalid { at: String, message: String },
    #[error("{0}")]
    NotLoggedIn(&'static str),
    /// For whoever holds a token of the session, with the reason.
    #[error("the session has ended: {0}")]
    SessionOver(String),
    #[error("wrong user name, password or code")]
    BadCredentials,
    /// The bootstrap token or invite is not good (any more).
    #[error("{0}")]
    BadToken(String),
    #[error("{who} may not {action} on {resource}: {}", .decision.why())]
    Forbidden { who: String, action: &'static str, resource: String, decision: Box<Decision> },
    /// A code has to come with the request.
    #[error("{action} needs {why}")]
    StepUpRequired { action: &'static str, why: String },
    /// The code that came with the request.
    #[error("{}", if *.used { "the code was used already" } else { "the code is not the one of now" })]
    BadCode { used: bool },
    /// What is for people alone, whatever policy says.
    #[error("service account {0} may not: this is for people, with both factors")]
    ForPeople(UserName),
    /// A rule that protects the caller from itself.
    #[error("{message}")]
    Guarded { message: String },
    #[error("there is no {kind} {name:?}")]
    NotFound { kind: Kind, name: String },
    #[error("there is no event {0}")]
    NoEvent(String),
    /// Something about capacity that is not there.
    #[error("{message}")]
    NoCapacity { message: String, hint: &'static str },
    #[error("{message}")]
    Conflict { message: String, hint: &'static str },
    #[error("{0}")]
    TooLarge(String),
    #[error("the policy is not valid: {} {}", .0.len(), if .0.len() == 1 { "issue" } else { "issues" })]
    InvalidPolicy(Vec<ValidationIssue>),
    #[error("too many attempts; try again in {seconds} s")]
    TooMany { seconds: u64 },
    /// Policy texts wait to be checked and tried, those of the caller or those of everybody.
    #[error("{}", if *.own { "too many of your policy checks are in line" } else { "too many policy checks are in line" })]
    Busy { own: bool },
    #[error("{0}")]
    Unavailable(String),
    /// A change that is neither confirmed nor out of the world.
    #[error("{0}; it may still be done")]
    Unconfirmed(String),
    #[error("{0}")]
    Internal(String),
}

impl AppError {
    /// A refusal that tells of what it is about no more than these words.
    pub fn about(self, words: &str) -> Self {
        match self {
            Self::Forbidden { who, action, decision, .. } => {
                Self::Forbidden { who, action, resource: words.to_owned(), decision }
            }
            other => other,
        }
    }

    /// A field of the request that cannot be taken.
    pub fn invalid(at: &str, message: impl Into<String>) -> Self {
        Self::Invalid { at: at.to_owned(), message: message.into() }
    }

    /// Something that is not there.
    pub fn not_found(kind: Kind, name: impl Into<String>) -> Self {
        Self::NotFound { kind, name: name.into() }
    }

    /// A defect, or a part of the machine that does not do its work.
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<ProposeError> for AppError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Rejected(rejection) => rejection.into(),
            ProposeError::Unavailable(why) => Self::Unavailable(why),
            ProposeError::Unconfirmed(why) => Self::Unconfirmed(why),
            ProposeError::TooLarge { .. } => Self::TooLarge(error.to_string()),
        }
    }
}

impl From<Rejection> for AppError {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        let conflict = |hint| Self::Conflict { message: message.clone(), hint };
        match rejection {
            Rejection::NotFound { kind, name } => Self::NotFound { kind, name },
            Rejection::Exists { .. } => conflict("choose another name, or change the one that is there"),
            Rejection::VersionMoved { .. } => conflict("look at the newest version, merge your change, and try again"),
            Rejection::RevisionMoved | Rejection::KeyMoved => conflict("try again"),
            Rejection::Limit { .. } => conflict("remove what is no longer needed"),
            Rejection::InUse(_) => conflict("remove what uses it first"),
            Rejection::Revoked(_) => conflict("a revoked host must enrol again"),
            Rejection::BadToken | Rejection::TokenExpired | Rejection::TokenUsedUp => Self::BadToken(message),
            Rejection::BadCredentials | Rejection::CodeUsed => Self::BadCredentials,
            Rejection::Locked { seconds } | Rejection::TooMany { seconds } => Self::TooMany { seconds },
            Rejection::StepUp { used } => Self::BadCode { used },
            Rejection::SessionEnded => Self::NotLoggedIn("the session has ended"),
            Rejection::Initialised | Rejection::NotInitialised => Self::Unavailable(message),
            Rejection::Changing { .. } => conflict("wait until it is done: `wharden cluster status` shows it"),
            Rejection::NoLearner { .. } => conflict("`wharden cluster status` shows what each controller is"),
            Rejection::LastController => conflict("add another controller first"),
            Rejection::NotNext { .. } | Rejection::OtherCertificate { .. } => conflict("try again"),
            Rejection::HasAccount(_) => {
                conflict("`wharden user reset NAME` takes both factors away and gives an invite")
            }
            Rejection::KeyChanging => conflict("`wharden key list` shows how far it is"),
            Rejection::NotHeld { .. } | Rejection::NotResealed { .. } => conflict("try again"),
            Rejection::AlertOver => conflict("there is nothing left to do about it"),
        }
    }
}

impl From<EnrolmentError> for AppError {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::WrongCode => Self::invalid("code", error.to_string()),
            EnrolmentError::Damaged | EnrolmentError::Expired => Self::BadToken(error.to_string()),
            EnrolmentError::Totp(why) => Self::Internal(why),
        }
    }
}
