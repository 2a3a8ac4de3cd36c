use super::Line;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use wharden_model::{BreakGlassNotice, BreakGlassStep, HostId, Labels, Posture, Timestamp, TokenId};

/// Join tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCommand {
    Create {
        id: TokenId,
        /// SHA-256 of the secret part.
        hash: Hex,
        expires_at: Timestamp,
        uses: u32,
        labels: Labels,
        posture: Posture,
    },
    Delete {
        id: TokenId,
    },
}

impl TokenCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Create { id, expires_at, uses, labels, posture, .. } => Line::new(
                "token.create",
                format!("token {id}"),
                format!("uses {uses}, until {expires_at}, labels {labels}, posture {posture}"),
            ),
            Self::Delete { id } => Line::new("token.delete", format!("token {id}"), ""),
        }
    }
}

/// Hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostCommand {
    /// Consumes a use of the token and makes a host.
    Enrol {
        id: HostId,
        token: TokenId,
        /// SHA-256 of the secret part of the token.
        token_hash: Hex,
        name: String,
        /// Serial number of the certificate, hex.
        serial: String,
        certificate_expires_at: Timestamp,
    },
    /// Records a new certificate.
    Renew {
        id: HostId,
        serial: String,
        certificate_expires_at: Timestamp,
    },
    /// Replaces all labels, or sets the posture, or both; what is absent stays.
    Patch {
        id: HostId,
        labels: Option<Labels>,
        posture: Option<Posture>,
    },
    Revoke {
        id: HostId,
    },
    /// Root at the host lets itself pass the guard, or has stopped to. Changes nothing but the audit.
    BreakGlass {
        id: HostId,
        notice: BreakGlassNotice,
    },
}

impl HostCommand {
    pub(super) fn line(&self) -> Option<Line> {
        match self {
            Self::Enrol { id, token, name, .. } => {
                Some(Line::new("host.enrol", format!("host {id}"), format!("name {name}, token {token}")))
            }
            Self::Renew { .. } => None,
            Self::Patch { id, labels, posture } => {
                let labels = labels.as_ref().map(|l| format!("labels {l}"));
                let posture = posture.map(|p| format!("posture {p}"));
                let detail: Vec<String> = labels.into_iter().chain(posture).collect();
                Some(Line::new("host.update", format!("host {id}"), detail.join(", ")))
            }
            Self::Revoke { id } => Some(Line::new("host.revoke", format!("host {id}"), "")),
            Self::BreakGlass { id, notice: BreakGlassNotice { at, user, step } } => {
                let (action, detail) = match step {
                    BreakGlassStep::Begin { until, reason } => {
                        ("host.break_glass.begin", format!("os user {user} from {at} until {until}: {reason}"))
                    }
                    BreakGlassStep::End(why) => ("host.break_glass.end", format!("os user {user} at {at}: {why}")),
                };
                Some(Line::new(action, format!("host {id}"), detail))
            }
        }
    }
}
