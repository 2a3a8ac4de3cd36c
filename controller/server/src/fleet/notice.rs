//! What a host has to say for the audit.

use super::server::Inner;
use crate::raft::request_id_of;
use sha2::{Digest, Sha256};
use wharden_model::{
    BreakGlassNotice, BreakGlassStep, HostId, RequestId,
    limits::{BREAK_GLASS_REASON_MAX, EVENT_STRING_MAX},
};
use wharden_proto::{NOTICE_MAX, v1::Notice};
use wharden_state::{Actor, Command, HostCommand};

/// Why a notice is not in the audit.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoticeError {
    #[error("it cannot be read: {0}")]
    Malformed(String),
    #[error(transparent)]
    Propose(#[from] crate::raft::ProposeError),
}

impl NoticeError {
    /// Sending it again will not help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Malformed(_))
    }
}

/// Writes a notice into the audit. The same one a second time changes nothing.
///
/// # Errors
/// [`NoticeError`].
pub(super) async fn record(fleet: &Inner, host: &HostId, notice: &Notice) -> Result<(), NoticeError> {
    let read = read(&notice.json).map_err(NoticeError::Malformed)?;
    let id = log_id(host, &notice.id).map_err(|error| NoticeError::Malformed(error.to_string()))?;
    tracing::error!(%host, notice = ?read, "break-glass at a host");
    let command = HostCommand::BreakGlass { id: host.clone(), notice: read };
    fleet.ledger.propose(id, Actor::Host(host.clone()), Command::Host(command)).await?;
    Ok(())
}

fn read(json: &[u8]) -> Result<BreakGlassNotice, String> {
    if json.len() > NOTICE_MAX {
        return Err(format!("it is longer than {NOTICE_MAX} bytes"));
    }
    let mut notice: BreakGlassNotice = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    fit(&mut notice.user, EVENT_STRING_MAX);
    if let BreakGlassStep::Begin { reason, .. } = &mut notice.step {
        fit(reason, BREAK_GLASS_REASON_MAX);
    }
    Ok(notice)
}

fn fit(text: &mut String, max: usize) {
    text.retain(|c| !c.is_control());
    text.truncate(text.floor_char_boundary(max));
}

/// A host cannot name another one's requests.
fn log_id(host: &HostId, id: &str) -> Result<RequestId, wharden_model::IdError> {
    let mut hash = Sha256::new();
    hash.update(b"wharden notice\n");
    hash.update(host.as_str());
    hash.update(RequestId::new(id)?.as_str());
    request_id_of(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_bounded_and_belong_to_their_host() {
        let json = |reason: &str| {
            let step = serde_json::json!({ "begin": { "until": 9, "reason": reason } });
            serde_json::to_vec(&serde_json::json!({ "at": 1, "user": "ro\not", "step": step })).expect("JSON")
        };
        let notice = read(&json(&"ä".repeat(400))).expect("read");
        assert_eq!(notice.user, "root");
        assert!(matches!(notice.step, BreakGlassStep::Begin { reason, .. } if reason.len() == BREAK_GLASS_REASON_MAX));
        assert!(read(&json(&"x".repeat(NOTICE_MAX))).is_err());
        let (one, two) = (HostId::new("h-0000000000000001"), HostId::new("h-0000000000000002"));
        let id = |host: &HostId| log_id(host, &"0".repeat(32)).expect("id");
        assert_ne!(id(&one.expect("id")), id(&two.expect("id")));
    }
}
