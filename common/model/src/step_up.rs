//! How fresh a second factor an admin action needs, whatever policy says. Policy may ask for more, by
//! `context.mfa_age_seconds`, and never for less.

use crate::action::{AdminAction, AdminGroup};

/// The oldest second factor, in seconds, that counts as fresh.
pub const FRESH_S: u64 = 300;

/// The least that an action needs besides a session, which has passed both factors once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepUp {
    /// Nothing more.
    Session,
    /// The session's second factor is at most [`FRESH_S`] old, or a code comes with the request.
    Fresh,
    /// A code comes with the request. It is good for this one request.
    Code,
}

impl StepUp {
    /// In words, for documents.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Fresh => "second factor of the last 5 minutes",
            Self::Code => "code with the request",
        }
    }
}

impl AdminAction {
    /// The floor: what this action needs at least. Looking needs a session; creating and altering a fresh second
    /// factor; what takes away, or gives somebody a way in, a code of its own.
    pub const fn step_up(self) -> StepUp {
        match self {
            // Who sets up an account, who may act, and who is in which group: each gives rights to people.
            Self::UserInvite | Self::UserUpdate | Self::GroupUpdate => StepUp::Code,
            // Who joins as a controller gets the cluster's key.
            Self::ClusterUpdate => StepUp::Code,
            // Everything that the cluster holds leaves it.
            Self::BackupCreate => StepUp::Code,
            // What every token here is believed by.
            Self::KeyRotate => StepUp::Code,
            // Where the cluster's troubles are told, to whom, and with which secret.
            Self::ChannelCreate => StepUp::Code,
            // A way in for a program.
            Self::ServiceAccountCreate | Self::ServiceAccountRotate => StepUp::Code,
            // Taking back a join token or ending a session makes things safer, and is wanted in a hurry.
            Self::TokenDelete | Self::SessionRevoke | Self::ServiceAccountDelete => StepUp::Fresh,
            _ => match self.group() {
                AdminGroup::Read => StepUp::Session,
                AdminGroup::Write => StepUp::Fresh,
                AdminGroup::Remove => StepUp::Code,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_looking_works_without_step_up() {
        for action in AdminAction::ALL {
            assert_eq!(action.step_up() == StepUp::Session, action.group() == AdminGroup::Read, "{action}");
        }
    }
}
