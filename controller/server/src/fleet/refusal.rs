//! What an agent hears when it is refused. It tries again after anything but `PERMISSION_DENIED` and
//! `INVALID_ARGUMENT`; after `UNAUTHENTICATED` it renews its certificate first.

use crate::raft::ProposeError;
use tonic::Status;
use wharden_model::{HostId, IdError};
use wharden_pki::{CertError, CsrError, token::TokenError};
use wharden_proto::PROTOCOL;
use wharden_state::Rejection;

/// Why an agent's call or session ended.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no client certificate was shown: enrol this host first")]
    NoCertificate,
    #[error("{0}")]
    Certificate(#[from] CertError),
    #[error("host {0} is not known to this cluster: enrol it again")]
    UnknownHost(HostId),
    #[error("host {0} is revoked: an admin has to enrol it again")]
    Revoked(HostId),
    #[error(
        "a newer certificate of host {0} is in use, this one no longer counts; if nobody replaced it on this host, \
         somebody else has its key: revoke the host"
    )]
    Superseded(HostId),
    #[error("join token: {0}")]
    Token(#[from] TokenError),
    #[error("the join token is of another cluster: make one on this one")]
    ForeignToken,
    #[error("the join token is not known: it was deleted, or ended long ago; make a new one")]
    UnknownToken,
    #[error("the host name is not 1 to 253 printable ASCII characters without spaces")]
    Hostname,
    #[error("{0}")]
    Csr(#[from] CsrError),
    #[error("{0}")]
    Id(#[from] IdError),
    #[error("too many hosts enrol at this moment: try again")]
    Busy,
    #[error("the change was refused: {0}")]
    Rejected(Rejection),
    #[error("{0}")]
    Unavailable(String),
    #[error("the first message is not Hello")]
    NoHello,
    #[error("no Hello came in time")]
    LateHello,
    #[error("this controller speaks version {PROTOCOL} of the protocol, the agent {0}: update the older of the two")]
    Protocol(u32),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the host opened another session")]
    Replaced,
    #[error("no heartbeat came in time")]
    Silent,
    #[error("the controller is stopping: connect to another one, or again in a moment")]
    Stopping,
    #[error("the agent ended the session")]
    Closed,
    #[error("the connection failed: {0}")]
    Connection(String),
}

impl From<ProposeError> for Refusal {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Rejected(Rejection::Revoked(id)) => Self::Revoked(id),
            ProposeError::Rejected(rejection) => Self::Rejected(rejection),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::NoCertificate | Refusal::Certificate(_) => Self::unauthenticated(text),
            Refusal::UnknownHost(_)
            | Refusal::Revoked(_)
            | Refusal::Superseded(_)
            | Refusal::ForeignToken
            | Refusal::UnknownToken
            | Refusal::Rejected(_) => Self::permission_denied(text),
            Refusal::Token(_)
            | Refusal::Hostname
            | Refusal::Csr(_)
            | Refusal::Id(_)
            | Refusal::NoHello
            | Refusal::Malformed(_) => Self::invalid_argument(text),
            Refusal::Protocol(_) => Self::failed_precondition(text),
            Refusal::Busy => Self::resource_exhausted(text),
            Refusal::Replaced => Self::aborted(text),
            Refusal::LateHello | Refusal::Silent => Self::deadline_exceeded(text),
            Refusal::Unavailable(_) | Refusal::Stopping => Self::unavailable(text),
            Refusal::Closed | Refusal::Connection(_) => Self::cancelled(text),
        }
    }
}
