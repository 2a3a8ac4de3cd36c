//! Limits of the agents' side, each with its reason.

use std::time::Duration;

/// What an admin may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FleetConfig {
    /// Between two heartbeats of an agent; three missed ones end the session.
    pub heartbeat: Duration,
    /// Life of a host's certificate.
    pub certificate_lifetime: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(15), certificate_lifetime: wharden_pki::limits::HOST_LIFETIME }
    }
}
