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
//! | 3 | audit records of what was refused have the id of the request; a good login clears its name and not its address;
//! |   | certificates for Docker for service accounts; changes end with the session of their author |
//! | 4 | sessions that are over are kept with the reason; failed logins with their sources, until somebody unlocks the name; |
//! |   | the audit calls a change as policy calls the action; no invite for who has an account |

use crate::command::{ClusterCommand, Command, DockerCommand, UserCommand};

/// What this version can do.
pub const LEVEL: u32 = 4;

/// From this level on events are copied.
pub const LEVEL_COPIES: u32 = 1;
/// From this level on the cluster key can be changed.
pub const LEVEL_KEYS: u32 = 2;

/// From this level on an entry may name its request.
pub const LEVEL_REQUEST: u32 = 3;
/// From this level on a good login takes one failed one off its address, and no more all of them.
pub const LEVEL_SOURCES: u32 = 3;

/// From this level on service accounts get certificates for Docker.
pub const LEVEL_SERVICE_DOCKER: u32 = 3;

/// From this level on a change is refused whose author's session is over when it is applied, one whose code replaces an
/// authenticator that is another by now too, and the loss of an account moves the revision of policy.
pub const LEVEL_AUTHORS: u32 = 3;

/// From this level on it is kept why a session ended.
pub const LEVEL_ENDED: u32 = 4;

/// From this level on failed logins of a name are kept with their sources, and an admin can lift the wait.
pub const LEVEL_UNLOCK: u32 = 4;

/// From this level on the audit has one name for an action, whether it was allowed or refused.
pub const LEVEL_ACTION_NAMES: u32 = 4;

/// From this level on an invite for somebody who has an account is refused.
pub const LEVEL_INVITES: u32 = 4;

impl Command {
    /// The level from which the cluster may have it in its log.
    pub fn level(&self) -> u32 {
        match self {
            Self::Alert(_) | Self::Channel(_) | Self::Capacity(_) => 1,
            Self::Key(_) => LEVEL_KEYS,
            Self::Docker(DockerCommand::IssueToService { .. }) => LEVEL_SERVICE_DOCKER,
            Self::User(UserCommand::Unlock { .. }) => LEVEL_UNLOCK,
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
