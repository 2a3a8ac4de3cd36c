use super::Line;
use crate::{cluster::SealedKeys, hex::Hex};
use serde::{Deserialize, Serialize};
use wharden_model::{ClusterId, KeyId, Timestamp};

/// The cluster itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterCommand {
    /// The first entry of every log.
    Initialise {
        id: ClusterId,
        /// DER.
        ca_certificate: Hex,
        /// Ed25519, 32 bytes.
        bundle_key: Hex,
        keys: SealedKeys,
        /// SHA-256 of the bootstrap token.
        bootstrap_hash: Hex,
        /// As [`Self::Raise`]; 0 in clusters of versions that knew no levels.
        #[serde(default, skip_serializing_if = "crate::level::is_none")]
        level: u32,
        /// The cluster key that `keys` are sealed with; not there in clusters of versions whose keys had no names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealing: Option<KeyId>,
    },
    /// The first entry after a restore: the state before it is that of a backup.
    Restore {
        /// When the backup was made.
        made_at: Timestamp,
        /// The log entry that it reached to.
        index: u64,
    },
    /// A new key signs access tokens from now on.
    RotateSigning {
        /// Rejected unless the present key is the one of this time: two controllers rotate by age once.
        if_since: Option<Timestamp>,
        /// As [`SealedKeys::token`].
        sealed: Hex,
        /// The tokens of the old key have ended by then.
        until: Timestamp,
    },
    /// Every controller can do what is of this level: from here on it may be used, and who cannot is no controller.
    Raise { level: u32 },
}

impl ClusterCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Initialise { id, .. } => Line::new("cluster.init", format!("cluster {id}"), ""),
            Self::Restore { made_at, index } => {
                Line::new("cluster.restore", "cluster", format!("backup of {made_at}, log entry {index}"))
            }
            Self::RotateSigning { if_since, until, .. } => {
                let why = if if_since.is_some() { "by age, " } else { "" };
                Line::new("key.rotate", "signing key", format!("{why}the old one counts until {until}"))
            }
            Self::Raise { level } => Line::new("cluster.raise", "cluster", format!("to level {level}")),
        }
    }
}

/// What happened without changing anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCommand {
    /// An attempt that policy refused before it became a command.
    Refused { action: String, resource: String, reason: String },
    /// Something that somebody may do and did.
    Done { action: String, resource: String, detail: String },
}

impl AuditCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Refused { action, resource, .. } => Line::new(action, resource.clone(), ""),
            Self::Done { action, resource, detail } => Line::new(action, resource.clone(), detail.clone()),
        }
    }
}
