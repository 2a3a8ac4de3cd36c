use super::Line;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use wharden_model::{SessionId, Timestamp, UserName};

/// The use of Docker from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DockerCommand {
    /// A certificate for a user in a login session of theirs.
    Issue {
        session: SessionId,
        user: UserName,
        /// Serial number of the certificate, hex.
        serial: String,
        expires_at: Timestamp,
    },
    /// A certificate for a service account, which showed its key.
    IssueToService {
        /// What stands for the key.
        session: SessionId,
        account: UserName,
        /// SHA-256 of the key: must still be the account's.
        key_hash: Hex,
        /// Serial number of the certificate, hex.
        serial: String,
        /// Not after the key's own end.
        expires_at: Timestamp,
    },
}

impl DockerCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Issue { session, user, serial, expires_at } => Line::new(
                "docker.certificate",
                format!("user {user}"),
                format!("session {session}, serial {serial}, until {expires_at}"),
            ),
            Self::IssueToService { session, account, serial, expires_at, .. } => Line::new(
                "docker.certificate",
                format!("service account {account}"),
                format!("session {session}, serial {serial}, until {expires_at}"),
            ),
        }
    }
}
