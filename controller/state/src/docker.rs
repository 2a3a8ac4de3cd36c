//! Who uses Docker from elsewhere: login sessions with certificates that have not ended.
//!
//! ```text
//!            Issue (session open, rate kept)
//!  nothing ─────────────────────────────────▶ known ──┐ Issue: later end
//!     ▲                                        │  ▲───┘
//!     │ the certificates have ended,           │ session closed, swapped twice, pushed out;
//!     │ slow clocks allowed for                ▼ user disabled or deleted
//!     └────────────────────────────────────  ended: every bundle names it
//! ```

use crate::{
    apply::{Context, State, retain},
    command::DockerCommand,
    entry::{Applied, Change, Kind, Rejection, Reply},
    limits,
};
use serde::{Deserialize, Serialize};
use wharden_model::{SessionId, Timestamp, UserName};

/// A login session in which certificates were issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerSession {
    pub user: UserName,
    /// End of the certificate that lasts longest.
    pub expires_at: Timestamp,
    /// The session is over, its certificates are not.
    pub ended: bool,
}

/// Certificates issued to a user in the present hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issues {
    pub since: Timestamp,
    pub count: u32,
}

impl State {
    pub(crate) fn apply_docker(&mut self, context: &mut Context<'_>, command: &DockerCommand) -> Reply {
        let DockerCommand::Issue { session, user, expires_at, .. } = command;
        let now = context.at;
        if self.open_session(session, now)?.user != *user {
            return Err(Rejection::SessionEnded);
        }
        self.forget_ended_certificates(now);
        self.count_issue(user, now)?;
        if let Some(known) = self.docker_sessions.get_mut(session) {
            known.expires_at = known.expires_at.max(*expires_at);
            return Ok(Applied::Done);
        }
        if self.docker_sessions.len() >= limits::DOCKER_SESSIONS_MAX {
            return Err(Rejection::Limit { what: Kind::DockerSession, max: limits::DOCKER_SESSIONS_MAX });
        }
        // Hosts refuse whom they do not know: bundles may have to name this user from now on.
        if !self.docker_sessions.values().any(|known| known.user == *user && !known.ended) {
            context.policy_changed();
        }
        let known = DockerSession { user: user.clone(), expires_at: *expires_at, ended: false };
        self.docker_sessions.insert(session.clone(), known);
        Ok(Applied::Done)
    }

    /// Ends a session, and with it the use of its certificates.
    pub(crate) fn end_session(&mut self, context: &mut Context<'_>, id: &SessionId) {
        if self.sessions.remove(id).is_none() {
            return;
        }
        context.changes.push(Change::SessionEnded(id.clone()));
        self.forget_ended_certificates(context.at);
        if let Some(known) = self.docker_sessions.get_mut(id) {
            known.ended = true;
            context.policy_changed();
        }
    }

    fn forget_ended_certificates(&mut self, now: Timestamp) {
        retain(&mut self.docker_sessions, |known| known.expires_at.plus_secs(limits::DOCKER_SESSION_KEPT_S) > now);
        retain(&mut self.docker_issues, |issues| issues.since.plus_secs(limits::DOCKER_ISSUES_WINDOW_S) > now);
    }

    fn count_issue(&mut self, user: &UserName, now: Timestamp) -> Result<(), Rejection> {
        let mut issues = self.docker_issues.get(user).cloned().unwrap_or(Issues { since: now, count: 0 });
        if issues.count >= limits::DOCKER_ISSUES_MAX {
            let until = issues.since.plus_secs(limits::DOCKER_ISSUES_WINDOW_S);
            return Err(Rejection::TooMany { seconds: until.millis_since(now).div_ceil(1000) });
        }
        issues.count += 1;
        self.docker_issues.insert(user.clone(), issues);
        Ok(())
    }
}
