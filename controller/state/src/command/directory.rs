use super::Line;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use wharden_model::{GroupName, Timestamp, UserName};

/// Users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserCommand {
    Create {
        name: UserName,
        groups: Vec<GroupName>,
    },
    SetDisabled {
        name: UserName,
        disabled: bool,
    },
    Delete {
        name: UserName,
    },
    /// Lets a user set up password and second factor; replaces an earlier invite.
    Invite {
        name: UserName,
        /// SHA-256 of the invite.
        hash: Hex,
        expires_at: Timestamp,
    },
    /// As `Invite`, and takes both factors away at once: the device is lost.
    Reset {
        name: UserName,
        /// SHA-256 of the invite.
        hash: Hex,
        expires_at: Timestamp,
    },
    /// Forgets the failed logins of a user, who need not wait any more.
    Unlock {
        name: UserName,
    },
}

impl UserCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Create { name, groups } => {
                Line::new("user.create", format!("user {name}"), format!("groups {groups:?}"))
            }
            Self::SetDisabled { name, disabled } => {
                Line::new("user.update", format!("user {name}"), format!("disabled {disabled}"))
            }
            Self::Delete { name } => Line::new("user.delete", format!("user {name}"), ""),
            Self::Invite { name, expires_at, .. } => {
                Line::new("user.invite", format!("user {name}"), format!("until {expires_at}"))
            }
            Self::Reset { name, expires_at, .. } => Line::new(
                "user.reset",
                format!("user {name}"),
                format!("both factors removed, invite until {expires_at}"),
            ),
            Self::Unlock { name } => Line::new("user.update", format!("user {name}"), "unlocked"),
        }
    }
}

/// Groups of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupCommand {
    Create { name: GroupName, members: Vec<UserName> },
    Delete { name: GroupName },
    Add { name: GroupName, user: UserName },
    Remove { name: GroupName, user: UserName },
}

impl GroupCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::Create { name, members } => {
                Line::new("group.create", format!("group {name}"), format!("members {members:?}"))
            }
            Self::Delete { name } => Line::new("group.delete", format!("group {name}"), ""),
            Self::Add { name, user } => Line::new("group.update", format!("group {name}"), format!("add {user}")),
            Self::Remove { name, user } => Line::new("group.update", format!("group {name}"), format!("remove {user}")),
        }
    }
}
