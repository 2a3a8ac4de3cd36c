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
    /// The floor: what this action needs at least. Looking needs a session, what changes something a code of its own, but
    /// for what takes rights back or gives nobody any, which a fresh second factor is enough for.
    pub const fn step_up(self) -> StepUp {
        match self {
            // Makes things safer, and is wanted in a hurry.
            Self::TokenDelete | Self::SessionRevoke | Self::ServiceAccountDelete => StepUp::Fresh,
            // Daily work: whoever could do it without a code could still let nobody in, nor anything pass. A label that a rule looks
            // at needs a code (the controller knows which).
            Self::HostLabel | Self::AlertUpdate | Self::ChannelTest | Self::CapacityUpdate => StepUp::Fresh,
            _ => match self.group() {
                AdminGroup::Read => StepUp::Session,
                AdminGroup::Write | AdminGroup::Remove => StepUp::Code,
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
