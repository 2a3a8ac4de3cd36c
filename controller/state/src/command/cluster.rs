use super::Line;
use crate::{cluster::SealedKeys, hex::Hex};
use serde::{Deserialize, Serialize};
use wharden_model::ClusterId;

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
    },
}

impl ClusterCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Initialise { id, .. } => Line::new("cluster.init", format!("cluster {id}"), ""),
        }
    }
}

/// What happened without changing anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCommand {
    /// An attempt that policy refused before it became a command.
    Refused { action: String, resource: String, reason: String },
}

impl AuditCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Refused { action, resource, .. } => Line::new(action, resource.clone(), ""),
        }
    }
}
