//! Sessions of admins, and the bookkeeping of failed logins.
//!
//! ```text
//!            Open (password and second factor, step > last used)
//!  nothing ─────────────────────────────────────────────────────▶ open ──┐ Refresh (current token):
//!     ▲                                                            │  ▲──┘ new token
//!     └── Close, expiry, user disabled or deleted, ────────────────┘
//!         Refresh with a token that was swapped before,
//!         too many wrong codes in a row
//! ```

use crate::{
    apply::{Context, State},
    command::{Proof, SessionCommand},
    ended::EndReason,
    entry::{Applied, Rejection, Reply},
    hex::Hex,
    limits,
};
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use wharden_model::{SessionId, Timestamp, UserName};

/// One login. There is no session with one factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub user: UserName,
    pub opened_at: Timestamp,
    /// When the second factor was shown.
    pub mfa_at: Timestamp,
    /// `totp` or `recovery_code`.
    pub second_factor: String,
    /// SHA-256 of the refresh token that is good now.
    pub refresh_hash: Hex,
    pub expires_at: Timestamp,
    pub source: String,
    /// Wrong codes since the last good one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wrong_codes: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl State {
    pub(crate) fn apply_session(&mut self, context: &mut Context<'_>, command: &SessionCommand) -> Reply {
        match command {
            SessionCommand::Open { id, user, password_hash, proof, refresh_hash, expires_at, source, device } => {
                let shown = device.as_ref().and_then(|device| device.shown.as_ref());
                self.check_not_locked(user.as_str(), source, shown, context.at)?;
                let recovery_codes_left = self.consume(user, password_hash, proof)?;
                self.forget_failures(user.as_str(), source);
                if let Some(device) = device {
                    self.remember_device(user, device, context.at)?;
                }
                self.user_mut(user)?.last_login_at = Some(context.at);
                self.make_room(context, user);
                let session = Session {
                    user: user.clone(),
                    opened_at: context.at,
                    mfa_at: context.at,
                    second_factor: proof.name().to_owned(),
                    refresh_hash: refresh_hash.clone(),
                    expires_at: *expires_at,
                    source: source.clone(),
                    wrong_codes: 0,
                };
                self.sessions.insert(id.clone(), session.into());
                Ok(Applied::Session { recovery_codes_left })
            }
            SessionCommand::Fail { name, source, device } => {
                self.count_failure(name, source, device.as_ref(), context.at);
                Ok(Applied::Done)
            }
            SessionCommand::Refresh { id, old_hash, new_hash, expires_at } => {
                let now = context.at;
                let session =
                    self.sessions.get_mut(id).filter(|s| s.expires_at > now).ok_or(Rejection::SessionEnded)?;
                if session.refresh_hash == *old_hash {
                    session.refresh_hash = new_hash.clone();
                    session.expires_at = *expires_at;
                    return Ok(Applied::Done);
                }
                self.end_session(context, id, EndReason::TokenReused);
                // The session is gone for good, so this is a change and not a rejection.
                Ok(Applied::SessionReuse)
            }
            SessionCommand::Close { id } => {
                if !self.sessions.contains_key(id) {
                    return Err(Rejection::SessionEnded);
                }
                let own = context.entry.session() == Some(id);
                self.end_session(context, id, if own { EndReason::SignedOut } else { EndReason::Revoked });
                Ok(Applied::Done)
            }
            // The code that comes with it is all of it.
            SessionCommand::StepUp { .. } => Ok(Applied::Done),
            SessionCommand::CloseAll { user, except } => {
                self.user_mut(user)?;
                self.end_sessions_but(context, user, except.as_ref(), EndReason::Revoked);
                Ok(Applied::Done)
            }
            SessionCommand::StepUpFail { id } => self.count_wrong_code(context, id),
        }
    }

    /// Consumes the second factor; returns how many recovery codes are left.
    fn consume(&mut self, user: &UserName, password_hash: &str, proof: &Proof) -> Result<u32, Rejection> {
        let found = self.users.get_mut(user).filter(|u| !u.disabled).ok_or(Rejection::BadCredentials)?;
        let account = found.account.as_mut().ok_or(Rejection::BadCredentials)?;
        if account.password_hash != password_hash {
            return Err(Rejection::BadCredentials);
        }
        account.consume(proof)
    }

    /// Drops expired sessions of the user, and the oldest when there are too many.
    fn make_room(&mut self, context: &mut Context<'_>, user: &UserName) {
        let mut mine: Vec<(Timestamp, SessionId, bool)> = self
            .sessions
            .iter()
            .filter(|(_, s)| s.user == *user)
            .map(|(id, s)| (s.opened_at, id.clone(), s.expires_at <= context.at))
            .collect();
        mine.sort();
        let mut live = mine.iter().filter(|(_, _, expired)| !expired).count();
        for (_, id, expired) in mine {
            if expired || live >= limits::SESSIONS_PER_USER_MAX {
                live -= usize::from(!expired);
                let why = if expired { EndReason::Expired } else { EndReason::TooMany };
                self.end_session(context, &id, why);
            }
        }
    }

    /// The session when it is open at `now` and its user may act.
    ///
    /// # Errors
    /// [`Rejection::SessionEnded`].
    pub fn open_session(&self, id: &SessionId, now: Timestamp) -> Result<&Session, Rejection> {
        self.sessions
            .get(id)
            .map(Deref::deref)
            .filter(|s: &&Session| s.expires_at > now && self.users.get(&s.user).is_some_and(|u| !u.disabled))
            .ok_or(Rejection::SessionEnded)
    }
}
