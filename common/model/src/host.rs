//! What a host is, as far as every part needs to know it.

use crate::break_glass::BreakGlassPass;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Whether a host's guard blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Posture {
    /// Nothing is ever blocked; what would have been is reported.
    #[default]
    Observe,
    /// Refusals block.
    Enforce,
}

impl Posture {
    /// The word in flags and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Posture {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "observe" => Ok(Self::Observe),
            "enforce" => Ok(Self::Enforce),
            other => Err(format!("{other:?} is not a posture: use observe or enforce")),
        }
    }
}

/// What an agent tells about its host when its session opens, and again when it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostReport {
    /// Host name, at most 253 bytes.
    pub hostname: String,
    /// Version of the agent, e.g. `0.1.0`.
    pub agent_version: String,
    /// Operating system, e.g. `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Kernel release, e.g. `6.1.0-18-amd64`.
    pub kernel: String,
    /// Machine architecture, e.g. `x86_64`.
    pub arch: String,
    /// Engine name and version, e.g. `docker 20.10.24`; empty while the engine does not answer.
    pub engine: String,
    /// Newest Engine API version that the engine speaks, e.g. `1.41`.
    pub engine_api: String,
    /// Logical processors.
    pub cpus: u32,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Running containers.
    pub containers_running: u32,
    /// All containers.
    pub containers_total: u32,
    /// Where its guard listens for people elsewhere; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<RemoteGuard>,
    /// Whom it lets pass by break-glass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlassPass>,
}

/// A guard that listens on TCP. A host tells this about itself only: whoever uses the CA does so for this address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemoteGuard {
    /// `host:port`, v6 addresses in brackets.
    pub address: String,
    /// The certificate of the CA that made the guard's own, PEM.
    pub ca_pem: String,
}
