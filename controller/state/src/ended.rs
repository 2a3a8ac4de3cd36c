//! Sessions that are over, and why. Whoever holds a token of one is told; nobody else is.

use crate::{
    apply::{Context, State},
    entry::Actor,
    level::LEVEL_ENDED,
    limits,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use wharden_model::{SessionId, Timestamp, UserName};

/// A session that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSession {
    pub id: SessionId,
    pub user: UserName,
    pub at: Timestamp,
    pub why: EndReason,
    /// Who made it end, when that was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserName>,
}

/// What ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    SignedOut,
    /// By its user from another session, or by an admin.
    Revoked,
    Password,
    Authenticator,
    /// Its user came into a group or went.
    Roles,
    Disabled,
    Deleted,
    /// Both factors were taken away.
    Reset,
    /// The same at the console of a controller.
    Recovered,
    /// An invite was taken up.
    SetUpAnew,
    /// Its refresh token was shown a second time.
    TokenReused,
    WrongCodes,
    Expired,
    /// Its user has the most sessions that one can have.
    TooMany,
    /// The cluster came back from a backup.
    Restored,
}

impl fmt::Display for EndedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.by.as_ref() == Some(&self.user);
        let by = match &self.by {
            Some(by) if !own => format!(" by {by}"),
            _ => String::new(),
        };
        let at = self.at;
        match self.why {
            EndReason::SignedOut => write!(f, "you logged out at {at}"),
            EndReason::Revoked if own => write!(f, "you ended it from another session at {at}"),
            EndReason::Revoked => write!(f, "it was revoked{by} at {at}"),
            EndReason::Password => write!(f, "your password was changed at {at}"),
            EndReason::Authenticator => write!(f, "another authenticator was set up for you at {at}"),
            EndReason::Roles => write!(f, "your groups were changed{by} at {at}"),
            EndReason::Disabled => write!(f, "your user was disabled{by} at {at}"),
            EndReason::Deleted => write!(f, "your user was deleted{by} at {at}"),
            EndReason::Reset => write!(f, "both your factors were reset{by} at {at}"),
            EndReason::Recovered => write!(f, "both your factors were reset at the console of a controller at {at}"),
            EndReason::SetUpAnew => write!(f, "your account was set up anew at {at}"),
            EndReason::TokenReused => {
                write!(f, "its refresh token was used a second time at {at}, so somebody else may have it")
            }
            EndReason::WrongCodes => {
                write!(f, "{} wrong codes in a row came with it, the last at {at}", limits::WRONG_CODES_MAX)
            }
            EndReason::Expired => write!(f, "it was not used for too long"),
            EndReason::TooMany => {
                write!(f, "you had {} sessions when you opened one more at {at}", limits::SESSIONS_PER_USER_MAX)
            }
            EndReason::Restored => write!(f, "the cluster was restored from a backup at {at}"),
        }
    }
}

impl State {
    /// What is known of a session that is over.
    pub fn ended_session(&self, id: &SessionId) -> Option<&EndedSession> {
        self.ended_sessions.iter().rev().find(|ended| ended.id == *id)
    }

    pub(crate) fn remember_end(&mut self, context: &Context<'_>, id: &SessionId, user: UserName, why: EndReason) {
        if self.level < LEVEL_ENDED {
            return;
        }
        let by = match &context.entry.actor {
            Actor::User(name) => Some(name.clone()),
            _ => None,
        };
        self.ended_sessions.push_back(EndedSession { id: id.clone(), user, at: context.at, why, by });
        let is_old = |ended: &EndedSession| ended.at.plus_secs(limits::ENDED_SESSION_KEPT_S) <= context.at;
        while self.ended_sessions.len() > limits::ENDED_SESSIONS_MAX || self.ended_sessions.front().is_some_and(is_old)
        {
            self.ended_sessions.pop_front();
        }
    }
}
