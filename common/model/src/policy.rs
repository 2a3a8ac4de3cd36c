//! What a policy document is, apart from its text.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How a policy takes part in decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Mode {
    /// Decides.
    #[default]
    Enforce,
    /// Evaluated and reported, never decides: neither its permits nor its forbids count.
    Monitor,
    /// Kept, not evaluated.
    Disabled,
}

impl Mode {
    /// The word in policies, flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Monitor => "monitor",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "enforce" => Ok(Self::Enforce),
            "monitor" => Ok(Self::Monitor),
            "disabled" => Ok(Self::Disabled),
            other => Err(format!("{other:?} is not a mode: use enforce, monitor or disabled")),
        }
    }
}
