use super::Line;
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
}

impl DockerCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Issue { session, user, serial, expires_at } => Line::new(
                "docker.certificate",
                format!("user {user}"),
                format!("session {session}, serial {serial}, until {expires_at}"),
            ),
        }
    }
}
