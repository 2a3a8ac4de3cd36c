//! What all controllers of a cluster can do together.
//!
//! A new version may bring commands, questions or forms that the one before cannot read. During a rolling upgrade both are
//! members, so nothing new is used until every member has told that it can: then the leader raises the level in the log, and
//! from that entry on a controller that is below it is refused. A level says what became possible with it:
//!
//! | level | since then |
//! |---|---|
//! | 1 | levels; every event is kept by two controllers; alerts, channels and thresholds of capacity |
//! | 2 | cluster keys that have names, and the change of them |

use crate::command::{ClusterCommand, Command};

/// What this version can do.
pub const LEVEL: u32 = 2;

/// From this level on events are copied.
pub const LEVEL_COPIES: u32 = 1;
/// From this level on the cluster key can be changed.
pub const LEVEL_KEYS: u32 = 2;

impl Command {
    /// The level from which the cluster may have it in its log.
    pub fn level(&self) -> u32 {
        match self {
            Self::Alert(_) | Self::Channel(_) | Self::Capacity(_) => 1,
            Self::Key(_) => LEVEL_KEYS,
            _ => 0,
        }
    }

    /// The version before levels cannot read it, and must hear that, instead of taking it for damaged.
    pub fn is_new(&self) -> bool {
        let levels =
            matches!(self, Self::Cluster(ClusterCommand::Raise { .. } | ClusterCommand::Initialise { level: 1.., .. }));
        levels || self.level() > 0
    }
}

/// States and commands from before there were levels are written as they were.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
pub(crate) fn is_none(level: &u32) -> bool {
    *level == 0
}
