//! What an agent hears when it is refused. It tries again after anything but `PERMISSION_DENIED` and
//! `INVALID_ARGUMENT`; after `UNAUTHENTICATED` it renews its certificate first; and when it is told to.

use super::limits::RIVAL_RETRY;
use crate::raft::ProposeError;
use std::time::Duration;
use tonic::{Status, metadata::MetadataValue};
use wharden_model::{HostId, IdError};
use wharden_pki::{CertError, CsrError, token::TokenError};
use wharden_proto::{PROTOCOL, RETRY_AFTER_MS};
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
    #[error("too many hosts come at this moment: come again in {} ms", .retry_after.as_millis())]
    Busy { retry_after: Duration },
    #[error("two machines use the key of host {0}: its open session stays; revoke the host and enrol it again")]
    Contested(HostId),
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

/// Says when to come again.
fn later(mut status: Status, retry_after: Duration) -> Status {
    let ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
    status.metadata_mut().insert(RETRY_AFTER_MS, MetadataValue::from(ms));
    status
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
            Refusal::Busy { retry_after } => later(Self::resource_exhausted(text), retry_after),
            Refusal::Contested(_) => later(Self::aborted(text), RIVAL_RETRY.mul_f64(rand::random_range(0.5..=1.0))),
            Refusal::Replaced => Self::aborted(text),
            Refusal::LateHello | Refusal::Silent => Self::deadline_exceeded(text),
            Refusal::Unavailable(_) | Refusal::Stopping => Self::unavailable(text),
            Refusal::Closed | Refusal::Connection(_) => Self::cancelled(text),
        }
    }
}
