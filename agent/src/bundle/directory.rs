use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{Bundle, SessionId, UserName};

/// Whom a bundle knows. Somebody on this machine may be nobody to it and is then judged as such; somebody who comes from
/// elsewhere may not.
#[derive(Debug, Default)]
pub struct Directory {
    /// Disabled or not.
    users: BTreeMap<UserName, bool>,
    ended: BTreeSet<SessionId>,
}

/// Why a user who comes from elsewhere is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    #[error("this host has no policies yet, and so knows nobody")]
    NoBundle,
    #[error("this host does not know user {0}")]
    Unknown(UserName),
    #[error("user {0} is disabled")]
    Disabled(UserName),
    #[error("the login session of user {0} has ended")]
    Ended(UserName),
}

impl Directory {
    pub(super) fn of(bundle: &Bundle) -> Self {
        Self {
            users: bundle.users.iter().map(|user| (user.name.clone(), user.disabled)).collect(),
            ended: bundle.ended_sessions.iter().cloned().collect(),
        }
    }

    pub(super) fn admits(&self, user: &UserName, session: &SessionId) -> Result<(), Barred> {
        if self.ended.contains(session) {
            return Err(Barred::Ended(user.clone()));
        }
        match self.users.get(user) {
            None => Err(Barred::Unknown(user.clone())),
            Some(true) => Err(Barred::Disabled(user.clone())),
            Some(false) => Ok(()),
        }
    }
}
