use super::Line;
use serde::{Deserialize, Serialize};
use wharden_model::{Mode, PolicyName};

/// Where a policy text came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyOrigin {
    /// Written by hand.
    Put,
    /// A starter pack.
    Pack,
    /// An earlier version.
    Rollback { to: u64 },
}

/// Policy documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyCommand {
    /// Creates or replaces. The text was validated before.
    Put {
        name: PolicyName,
        text: String,
        /// `None` keeps the present mode; `enforce` for a new policy.
        mode: Option<Mode>,
        /// Rules in the text, for lists.
        rules: u32,
        /// Rejected unless the present version is this one; 0 for none.
        if_version: Option<u64>,
        origin: PolicyOrigin,
    },
    Delete {
        name: PolicyName,
    },
}

impl PolicyCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Put { name, text, mode, rules, origin, .. } => {
                let mode = mode.map_or_else(String::new, |m| format!(", mode {m}"));
                let (action, from) = match origin {
                    PolicyOrigin::Put => ("policy.put", String::new()),
                    PolicyOrigin::Pack => ("pack.apply", String::new()),
                    PolicyOrigin::Rollback { to } => ("policy.rollback", format!(" to version {to}")),
                };
                Line::new(action, format!("policy {name}"), format!("{rules} rules, {} bytes{mode}{from}", text.len()))
            }
            Self::Delete { name } => Line::new("policy.delete", format!("policy {name}"), ""),
        }
    }
}
