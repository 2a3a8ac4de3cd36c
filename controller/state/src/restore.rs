//! A state that comes back from a backup.
//!
//! What was used up between the backup and the loss must not become good again, so everything that can be used once ends:
//! sessions, invites, join tokens. What was revoked or deleted in that time is back; nobody can know it, and whoever
//! restores is told.

use crate::{
    Controllers, KeyChange,
    apply::{Context, State},
    ended::EndReason,
    entry::{Applied, Rejection, Reply},
};
use wharden_model::SessionId;

/// Log entries by which a restored log is ahead of its backup: more than the lost one can have gone on by (a thousand
/// years of a write a second are 3e10, a year is 3e7), so that no revision is ever given twice.
pub const EPOCH_ENTRIES: u64 = 1_000_000_000;

impl State {
    pub(crate) fn apply_restore(&mut self, context: &mut Context<'_>) -> Reply {
        if self.cluster.is_none() {
            return Err(Rejection::NotInitialised);
        }
        self.epoch += 1;
        let sessions: Vec<SessionId> = self.sessions.keys().cloned().collect();
        for session in sessions {
            self.end_session(context, &session, EndReason::Restored);
        }
        self.invites = Default::default();
        self.tokens = Default::default();
        // The controller that starts from this enters itself, under a number that none has had.
        self.controllers = Controllers::default();
        // A key that was offered is not held here for certain; a change that had begun to seal goes on.
        if let Some(sealing) = self.sealing.as_mut().filter(|sealing| sealing.change != Some(KeyChange::Resealing)) {
            sealing.change = None;
        }
        context.policy_changed();
        Ok(Applied::Done)
    }
}
