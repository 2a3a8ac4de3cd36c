use super::Line;
use crate::{controller::Seat, hex::Hex};
use serde::{Deserialize, Serialize};
use wharden_model::{CodeId, Timestamp};

/// The controllers of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControllerCommand {
    /// The first controller enters itself; later, a controller tells where it is reached now.
    Register {
        number: u64,
        seat: Seat,
        /// Serial number of its certificate for other controllers, hex.
        serial: String,
    },
    /// A code that lets one more controller join.
    Allow {
        id: CodeId,
        /// SHA-256 of the secret part.
        hash: Hex,
        expires_at: Timestamp,
        /// It becomes a voter as soon as it has caught up.
        voter: bool,
        /// The controller whose place it takes, which is removed afterwards.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<u64>,
    },
    /// Uses a code.
    Join {
        code: CodeId,
        code_hash: Hex,
        /// SHA-256 of the joiner's public key: the same key again is a retry.
        key: Hex,
        /// Must be the next number.
        number: u64,
        seat: Seat,
        serial: String,
    },
    /// Gives a learner a vote.
    Promote { number: u64 },
    /// Takes a controller out of the cluster.
    Remove { number: u64 },
    /// What the Raft membership is, as the leader sees it.
    Settle { voters: Vec<u64>, learners: Vec<u64> },
}

impl ControllerCommand {
    pub(super) fn line(&self) -> Line {
        let of = |number: &u64| format!("controller {number}");
        match self {
            Self::Register { number, seat, .. } => {
                Line::new("cluster.register", of(number), format!("{}, peers {}", seat.name, seat.peer))
            }
            Self::Allow { id, expires_at, voter, replaces, .. } => {
                let replaces = replaces.map_or_else(String::new, |old| format!(", in place of {old}"));
                let voter = if *voter { "voter" } else { "learner" };
                Line::new("cluster.update", format!("code {id}"), format!("{voter}, until {expires_at}{replaces}"))
            }
            Self::Join { code, number, seat, .. } => {
                Line::new("cluster.join", of(number), format!("{}, peers {}, code {code}", seat.name, seat.peer))
            }
            Self::Promote { number } => Line::new("cluster.update", of(number), "promote"),
            Self::Remove { number } => Line::new("cluster.update", of(number), "remove"),
            Self::Settle { voters, learners } => {
                Line::new("cluster.settle", "controllers", format!("voters {voters:?}, learners {learners:?}"))
            }
        }
    }
}
