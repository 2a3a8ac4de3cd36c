use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{Bundle, SessionId, UserName};

/// Whom a bundle knows. Somebody on this machine may be nobody to it and is then judged as such; somebody who comes from
/// elsewhere may not.
#[derive(Debug, Default)]
pub struct Directory {
    /// Disabled or not.
    users: BTreeMap<UserName, bool>,
    /// Those that may come from elsewhere.
    service_accounts: BTreeSet<UserName>,
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
    #[error("this host does not know service account {0}")]
    UnknownServiceAccount(UserName),
    #[error("the key of service account {0} that this certificate was made with has ended")]
    KeyEnded(UserName),
}

impl Directory {
    pub(super) fn of(bundle: &Bundle) -> Self {
        Self {
            users: bundle.users.iter().map(|user| (user.name.clone(), user.disabled)).collect(),
            service_accounts: bundle.service_accounts.iter().cloned().collect(),
            ended: bundle.ended_sessions.iter().cloned().collect(),
        }
    }

    pub(super) fn is_disabled(&self, user: &str) -> bool {
        self.users.get(user) == Some(&true)
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

    pub(super) fn admits_service_account(&self, account: &UserName, session: &SessionId) -> Result<(), Barred> {
        if self.ended.contains(session) {
            return Err(Barred::KeyEnded(account.clone()));
        }
        if !self.service_accounts.contains(account) {
            return Err(Barred::UnknownServiceAccount(account.clone()));
        }
        Ok(())
    }
}
