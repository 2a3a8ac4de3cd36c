//! Who uses Docker from elsewhere: login sessions, and keys of service accounts, with certificates that have not ended.
//!
//! ```text
//!            Issue (session open, or key good; rate kept)
//!  nothing ─────────────────────────────────▶ known ──┐ Issue: later end
//!     ▲                                        │  ▲───┘
//!     │ the certificates have ended,           │ session closed, swapped twice, pushed out; user disabled
//!     │ slow clocks allowed for                ▼ or deleted; service account rotated or deleted
//!     └────────────────────────────────────  ended: every bundle names it
//! ```

use crate::{
    apply::{Context, State, retain},
    command::DockerCommand,
    ended::EndReason,
    entry::{Applied, Change, Kind, Rejection, Reply},
    limits,
};
use serde::{Deserialize, Serialize};
use wharden_model::{SessionId, Timestamp, UserName};

/// A login session in which certificates were issued, or a key of a service account with which they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerSession {
    /// The user, or the service account.
    pub user: UserName,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_service_account: bool,
    /// End of the certificate that lasts longest.
    pub expires_at: Timestamp,
    /// The session is over, its certificates are not.
    pub ended: bool,
}

/// Certificates issued to a user or a service account in the present hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issues {
    pub since: Timestamp,
    pub count: u32,
}

impl State {
    pub(crate) fn apply_docker(&mut self, context: &mut Context<'_>, command: &DockerCommand) -> Reply {
        let now = context.at;
        self.forget_ended_certificates(now);
        match command {
            DockerCommand::Issue { session, user, expires_at, .. } => {
                if self.open_session(session, now)?.user != *user {
                    return Err(Rejection::SessionEnded);
                }
                let counted = counted(self.docker_issues.get(user), now)?;
                self.docker_issues.insert(user.clone(), counted);
                self.note_certificate(context, session, user, *expires_at, false)
            }
            DockerCommand::IssueToService { session, account, key_hash, expires_at, .. } => {
                let known = self.service_accounts.get_mut(account);
                let known = known.filter(|known| known.hash == *key_hash && known.expires_at >= *expires_at);
                let known = known.ok_or(Rejection::SessionEnded)?;
                known.docker_issues = Some(counted(known.docker_issues.as_ref(), now)?);
                self.note_certificate(context, session, account, *expires_at, true)
            }
        }
    }

    fn note_certificate(
        &mut self,
        context: &mut Context<'_>,
        session: &SessionId,
        user: &UserName,
        expires_at: Timestamp,
        is_service_account: bool,
    ) -> Reply {
        if let Some(known) = self.docker_sessions.get_mut(session) {
            known.expires_at = known.expires_at.max(expires_at);
            return Ok(Applied::Done);
        }
        if self.docker_sessions.len() >= limits::DOCKER_SESSIONS_MAX {
            return Err(Rejection::Limit { what: Kind::DockerSession, max: limits::DOCKER_SESSIONS_MAX });
        }
        let fresh = DockerSession { user: user.clone(), is_service_account, expires_at, ended: false };
        // Hosts refuse whom they do not know: bundles may have to name this one from now on.
        let is_same = |known: &DockerSession| {
            known.user == *user && known.is_service_account == is_service_account && !known.ended
        };
        if !self.docker_sessions.values().any(|known| is_same(known)) {
            context.policy_changed();
        }
        self.docker_sessions.insert(session.clone(), fresh.into());
        Ok(Applied::Done)
    }

    /// A service account has another key, or is gone: its certificates are worth nothing.
    pub(crate) fn end_service_certificates(&mut self, context: &mut Context<'_>, account: &UserName) {
        self.forget_ended_certificates(context.at);
        let mine = |known: &DockerSession| known.is_service_account && known.user == *account && !known.ended;
        let ids: Vec<SessionId> =
            self.docker_sessions.iter().filter(|(_, known)| mine(known)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(known) = self.docker_sessions.get_mut(&id) {
                known.ended = true;
                context.policy_changed();
            }
        }
    }

    /// Ends a session, and with it the use of its certificates.
    pub(crate) fn end_session(&mut self, context: &mut Context<'_>, id: &SessionId, why: EndReason) {
        let Some(session) = self.sessions.remove(id) else { return };
        self.remember_end(context, id, session.user.clone(), why);
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
}

/// One more certificate, unless there were too many in this hour.
fn counted(before: Option<&Issues>, now: Timestamp) -> Result<Issues, Rejection> {
    let window = limits::DOCKER_ISSUES_WINDOW_S;
    let held = before.filter(|issues| issues.since.plus_secs(window) > now);
    let mut issues = held.cloned().unwrap_or(Issues { since: now, count: 0 });
    if issues.count >= limits::DOCKER_ISSUES_MAX {
        let until = issues.since.plus_secs(window);
        return Err(Rejection::TooMany { seconds: until.millis_since(now).div_ceil(1000) });
    }
    issues.count += 1;
    Ok(issues)
}
