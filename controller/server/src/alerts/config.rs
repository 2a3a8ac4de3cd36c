use serde::{Deserialize, Serialize};

/// `[alerts]` of the configuration. Should be the same on all controllers: the one that leads decides by its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertsConfig {
    /// Seconds without a sign of life after which a host or a controller is lost.
    pub lost_s: u64,
    /// Seconds that a controller leads before it says anything of hosts: they come back one after the other.
    pub grace_s: u64,
    /// Per cent of the disk that must be free.
    pub disk_free_percent: u64,
    /// Milliseconds that the clocks of two controllers may differ.
    pub clock_skew_ms: u64,
    /// Milliseconds that a write to the disk may take.
    pub fsync_ms: u64,
    /// Seconds that an audit sink may take nothing although there is something to take.
    pub audit_sink_s: u64,
    /// The same for a channel.
    pub channel_s: u64,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self {
            lost_s: 30,
            grace_s: 60,
            disk_free_percent: 15,
            clock_skew_ms: 2000,
            fsync_ms: 500,
            audit_sink_s: 120,
            channel_s: 120,
        }
    }
}

impl AlertsConfig {
    /// As it is without a file.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
