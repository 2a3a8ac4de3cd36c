//! Alerts: something that a person should know of, until it is over.

use crate::{
    id::{AlertId, AlertKind},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it during the day.
    Warning,
    /// Somebody should look at it now.
    Critical,
}

impl Severity {
    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "info" => Ok(Self::Info),
            "warning" => Ok(Self::Warning),
            "critical" => Ok(Self::Critical),
            other => Err(format!("{other:?} is not a severity: use info, warning or critical")),
        }
    }
}

/// How far it is with an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum AlertState {
    /// It is so, and nobody has said anything.
    Raised,
    /// Somebody takes care of it: it is not repeated.
    Acknowledged,
    /// Nobody wants to hear of it for a while.
    Snoozed,
    /// It is over.
    Resolved,
}

impl AlertState {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Acknowledged => "acknowledged",
            Self::Snoozed => "snoozed",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong, as the part says that found it. The same kind and key is the same alert, however often it is raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFact {
    /// Kind and key.
    pub id: AlertId,
    pub severity: Severity,
    /// What it is about, for people: `host web1`, `controller 2`.
    pub subject: String,
    /// One line.
    pub summary: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub advice: String,
}

impl AlertFact {
    /// Its kind.
    pub fn kind(&self) -> AlertKind {
        self.id.kind()
    }
}

/// One time that an alert was raised: its id and that moment name it for ever.
pub fn episode(id: &AlertId, raised_at: Timestamp) -> String {
    format!("{id}@{}", raised_at.0)
}
