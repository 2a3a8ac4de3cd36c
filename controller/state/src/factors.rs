//! Changes of the two factors of an account that is there.
//!
//! ```text
//!              SetPassword, SetTotp, SetRecovery (each with a second factor of before)
//!              ┌───────┐
//!   account ───┘       │◀── TakeUp (invite) ──── none
//!      │               │                          ▲
//!      └── Reset (another admin), Recover (root at a controller's console) ──┘
//! ```
//!
//! Whatever changes ends the other sessions of the user, except new recovery codes.

use crate::{
    access::Account,
    apply::{Context, State},
    command::AccountCommand,
    ended::EndReason,
    entry::{Applied, Rejection, Reply},
    level::LEVEL_AUTHORS,
};
use wharden_model::UserName;

impl State {
    pub(crate) fn apply_factors(&mut self, context: &mut Context<'_>, command: &AccountCommand) -> Reply {
        match command {
            // Taken up in `access`.
            AccountCommand::TakeUp { .. } => return Err(Rejection::BadToken),
            AccountCommand::SetPassword { user, old_hash, password_hash } => {
                let account = self.own_account(context, user)?;
                if account.password_hash != *old_hash {
                    return Err(Rejection::BadCredentials);
                }
                password_hash.clone_into(&mut account.password_hash);
                self.end_other_sessions_of(context, user, EndReason::Password);
            }
            AccountCommand::SetTotp { user, totp_sealed, totp_step, recovery_hashes, replaces } => {
                let account = self.own_account(context, user)?;
                // Each enrolment is completed once: codes of it that were used up would be good again.
                if replaces.as_ref().is_some_and(|before| account.totp_sealed != *before) {
                    return Err(Rejection::BadToken);
                }
                account.totp_sealed = totp_sealed.clone();
                account.totp_last_step = *totp_step;
                account.recovery_hashes = recovery_hashes.iter().cloned().collect();
                self.end_other_sessions_of(context, user, EndReason::Authenticator);
            }
            AccountCommand::SetRecovery { user, recovery_hashes } => {
                self.own_account(context, user)?.recovery_hashes = recovery_hashes.iter().cloned().collect();
            }
            AccountCommand::Recover { user, hash, expires_at, .. } => {
                self.invite(context, user, hash, *expires_at)?;
                self.forget_factors(context, user, EndReason::Recovered)?;
                self.user_mut(user)?.disabled = false;
                context.policy_changed();
            }
        }
        Ok(Applied::Done)
    }

    /// The account that its owner changes, with a second factor that came with the change and was used up by it.
    fn own_account(&mut self, context: &Context<'_>, user: &UserName) -> Result<&mut Account, Rejection> {
        let refused = Rejection::StepUp { used: false };
        let stepped_up = context.entry.origin.as_ref().is_some_and(|origin| origin.step_up.is_some());
        if !stepped_up || context.entry.actor != crate::Actor::User(user.clone()) {
            return Err(refused);
        }
        self.user_mut(user)?.account.as_mut().ok_or(refused)
    }

    /// Takes both factors away, and what they had opened.
    pub(crate) fn forget_factors(
        &mut self,
        context: &mut Context<'_>,
        user: &UserName,
        why: EndReason,
    ) -> Result<(), Rejection> {
        self.user_mut(user)?.account = None;
        // Who judged that somebody is left to change policies judged by this account.
        if self.level >= LEVEL_AUTHORS {
            context.policy_changed();
        }
        self.failures.remove(user.as_str());
        self.end_sessions_of(context, user, why);
        Ok(())
    }
}
