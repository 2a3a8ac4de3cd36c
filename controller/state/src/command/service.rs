use super::Line;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use wharden_model::{Timestamp, UserName};

/// Accounts without a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceCommand {
    Create {
        name: UserName,
        /// SHA-256 of the key.
        hash: Hex,
        expires_at: Timestamp,
        purpose: String,
    },
    /// Another key; the one of before is void.
    Rotate {
        name: UserName,
        hash: Hex,
        expires_at: Timestamp,
    },
    Delete {
        name: UserName,
    },
}

impl ServiceCommand {
    pub(super) fn line(&self) -> Line {
        let about = |name: &UserName| format!("service account {name}");
        match self {
            Self::Create { name, expires_at, purpose, .. } => {
                Line::new("service_account.create", about(name), format!("until {expires_at}, for {purpose:?}"))
            }
            Self::Rotate { name, expires_at, .. } => {
                Line::new("service_account.rotate", about(name), format!("until {expires_at}"))
            }
            Self::Delete { name } => Line::new("service_account.delete", about(name), ""),
        }
    }
}
