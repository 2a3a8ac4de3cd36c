use crate::{alert::Severity, time::Timestamp};
use serde::{Deserialize, Serialize};

/// `GET /v1/doctor`: everything that was looked at, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnosis {
    /// The clock of the controller that answers.
    pub at: Timestamp,
    /// Number of that controller.
    pub controller: u64,
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// A kind of alert, or another word.
    pub name: String,
    /// What would be a problem.
    pub what: String,
    pub problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    pub severity: Severity,
    /// What it is about.
    pub subject: String,
    pub summary: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub advice: String,
}

impl Check {
    /// The worst of its problems.
    pub fn worst(&self) -> Option<Severity> {
        self.problems.iter().map(|problem| problem.severity).max()
    }
}
