//! Break-glass: root at a host's console lets itself pass the guard for a while, and everybody hears of it.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who passes a host's guard at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BreakGlassPass {
    /// The OS user.
    pub user: String,
    /// When it ends by itself, by the host's clock.
    pub until: Timestamp,
}

/// What a host tells about it, for the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlassNotice {
    /// When it happened, by the host's clock.
    pub at: Timestamp,
    /// The OS user that passes.
    pub user: String,
    /// What happened.
    pub step: BreakGlassStep,
}

/// What happened to a break-glass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakGlassStep {
    /// It began.
    Begin {
        /// When it ends by itself, by the host's clock.
        until: Timestamp,
        /// Why, in the words of whoever did it.
        reason: String,
    },
    /// It is over.
    End(BreakGlassEnd),
}

/// Why a break-glass is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakGlassEnd {
    /// Root ended it, or began another.
    Command,
    /// Its time is up.
    Time,
    /// The host was started anew.
    Reboot,
}

impl fmt::Display for BreakGlassEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command => "ended by root",
            Self::Time => "its time is up",
            Self::Reboot => "the host was started anew",
        })
    }
}
