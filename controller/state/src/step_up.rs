//! Step-up: a second factor that comes with one request.
//!
//! ```text
//!  entry {command, origin.step_up} ──▶ session open? step later than the last used? ──▶ command
//!                                        │ no                                            │ refused
//!                                        ▼                                               ▼
//!                                      refused, nothing consumed              refused, nothing consumed
//! ```
//!
//! The code and the command are one entry: it cannot be taken off one request and put on another, and it is used once
//! on whichever controllers it is shown. What is consumed makes the session's second factor fresh.

use crate::{
    apply::{Context, State},
    command::{AuditCommand, Command},
    ended::EndReason,
    entry::{Actor, Applied, Entry, Origin, Rejection, Reply},
    level::LEVEL_AUTHORS,
    limits,
};
use wharden_model::SessionId;

impl State {
    /// Consumes the second factor that came with the entry, when there is one.
    pub(crate) fn step_up(&mut self, context: &Context<'_>) -> Result<(), Rejection> {
        let Some(origin) = &context.entry.origin else { return Ok(()) };
        let Some(proof) = &origin.step_up else { return Ok(()) };
        let bad = Rejection::StepUp { used: false };
        let (Some(id), Actor::User(user)) = (&origin.session, &context.entry.actor) else { return Err(bad) };
        if self.open_session(id, context.at)?.user != *user {
            return Err(Rejection::SessionEnded);
        }
        let account = self.user_mut(user)?.account.as_mut().ok_or_else(|| bad.clone())?;
        account.consume(proof).map_err(|error| Rejection::StepUp { used: error == Rejection::CodeUsed })?;
        if let Some(session) = self.sessions.get_mut(id) {
            session.mfa_at = context.at;
            proof.name().clone_into(&mut session.second_factor);
            session.wrong_codes = 0;
        }
        Ok(())
    }

    /// An error when the session that a change comes from is over: it was open where it was asked for, which may be behind.
    pub(crate) fn check_author(&self, context: &Context<'_>) -> Result<(), Rejection> {
        let Entry { actor: Actor::User(user), origin: Some(Origin { session: Some(id), .. }), command, .. } =
            context.entry
        else {
            return Ok(());
        };
        // What was refused is noted whoever asked.
        if self.level < LEVEL_AUTHORS || matches!(command, Command::Audit(AuditCommand::Refused { .. })) {
            return Ok(());
        }
        if self.open_session(id, context.at)?.user == *user { Ok(()) } else { Err(Rejection::SessionEnded) }
    }

    /// Counts a wrong code; the session ends when there were too many.
    pub(crate) fn count_wrong_code(&mut self, context: &mut Context<'_>, id: &SessionId) -> Reply {
        let session = self.sessions.get_mut(id).ok_or(Rejection::SessionEnded)?;
        session.wrong_codes += 1;
        if session.wrong_codes >= limits::WRONG_CODES_MAX {
            self.end_session(context, id, EndReason::WrongCodes);
        }
        Ok(Applied::Done)
    }
}
