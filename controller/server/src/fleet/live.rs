use wharden_model::{HostReport, Revision, Timestamp};

/// What this controller knows of a host from its sessions. A restart forgets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostLive {
    /// Its session is open here.
    pub connected: bool,
    /// Last sign of life; `None` for none since this controller started.
    pub last_seen_at: Option<Timestamp>,
    /// Revision of the bundle that it acknowledged last; 0 for none.
    pub held_revision: Revision,
    /// Digest of that bundle.
    pub held_digest: Option<[u8; 32]>,
    /// Why it refused the newest bundle; empty when it did not.
    pub nack: String,
    /// What it last told about itself.
    pub report: Option<HostReport>,
    /// Decision events that its agent lost since it started, because its spool was full.
    pub events_lost: u64,
}

/// Hosts with a session on this controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// All of them.
    pub connected: u64,
    /// Those that do not hold yet what the newest revision makes of their bundle.
    pub behind: u64,
}
