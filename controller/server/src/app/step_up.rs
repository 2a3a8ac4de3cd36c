//! Step-up: how fresh a second factor an action needs, and the code that comes with a request.
//!
//! A code is only looked at here. It is used up in `state`, in the entry of the change that it came with.

use super::{App, AppError, Caller};
use crate::auth::{
    enrolment::{recovery_record, totp_record},
    totp,
};
use wharden_model::{AdminAction, StepUp, UserName, action::AdminGroup, api::Secret, step_up::FRESH_S};
use wharden_state::{Account, Actor, Command, Hex, Origin, Proof, SessionCommand, State};

/// A second factor as it came with a request.
#[derive(Clone, Debug)]
pub enum Shown {
    Totp(Secret),
    Recovery(Secret),
}

/// What of it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Nothing,
    /// Good, and not used yet as far as this controller knows.
    Good(Proof),
    Used,
    Wrong,
}

impl Caller {
    /// From where this is, for the log.
    pub(super) fn origin(&self) -> Origin {
        let step_up = match &self.shown {
            Checked::Good(proof) => Some(proof.clone()),
            _ => None,
        };
        let session = (!self.is_service).then(|| self.session_id.clone());
        Origin { source: Some(self.source.to_string()), session, step_up, request: None }
    }

    /// Who this is, for the log.
    pub(super) fn actor(&self) -> Actor {
        if self.is_service { Actor::Service(self.user.clone()) } else { Actor::User(self.user.clone()) }
    }
}

impl App {
    /// Looks at a second factor.
    pub(super) fn check_shown(&self, state: &State, user: &UserName, shown: &Shown) -> Checked {
        let Some(account) = state.users.get(user).and_then(|user| user.account.as_ref()) else {
            return Checked::Wrong;
        };
        match self.proof(user, account, shown) {
            None => Checked::Wrong,
            Some(Proof::Totp { step }) if step <= account.totp_last_step => Checked::Used,
            Some(proof) => Checked::Good(proof),
        }
    }

    /// The proof that a second factor is; `None` when it is wrong.
    pub(super) fn proof(&self, user: &UserName, account: &Account, shown: &Shown) -> Option<Proof> {
        match shown {
            Shown::Totp(code) => {
                let secret = self.keys.sealing().open(&totp_record(user), &account.totp_sealed.0);
                let secret = secret.inspect_err(|error| tracing::error!(%error, "a TOTP secret cannot be opened"));
                Some(Proof::Totp { step: totp::step_of(&secret.ok()?, code, self.now())? })
            }
            Shown::Recovery(code) => {
                let code = wharden_pki::recovery::normalise(code.reveal()).ok()?;
                // While the cluster key is changed, one under either key is good.
                let hashes = self.keys.sealing().keyed_hashes(&recovery_record(user), code.reveal().as_bytes());
                let known = hashes.into_iter().map(Hex).find(|hash| account.recovery_hashes.contains(hash));
                known.map(|hash| Proof::Recovery { hash })
            }
        }
    }

    /// The caller with the recovery code that it showed, when the state holds that under another hash by now: the cluster key was
    /// changed since it was looked at. `None` when that is not why it was refused.
    pub(super) fn shown_anew(&self, caller: &Caller) -> Option<Caller> {
        let code = caller.recovery.clone()?;
        let state = self.state();
        self.follow_keys(&state);
        let shown = self.check_shown(&state, &caller.user, &Shown::Recovery(code));
        let is_other = matches!(shown, Checked::Good(_)) && shown != caller.shown;
        is_other.then(|| Caller { shown, ..caller.clone() })
    }

    /// Hashes as this state does; else that comes a moment later.
    pub(super) fn follow_keys(&self, state: &State) {
        if let Err(error) = self.keys.holder.follow(state) {
            tracing::error!(%error, "a recovery code is looked at with the cluster keys of before");
        }
    }

    /// Seconds since the second factor was shown: 0 for a code that comes with the request, else at least 1. Looking uses
    /// no code up, so that none counts for it.
    pub(super) fn mfa_age(&self, caller: &Caller, action: AdminAction) -> i64 {
        if action.group() != AdminGroup::Read && matches!(caller.shown, Checked::Good(_)) {
            return 0;
        }
        i64::try_from(self.session_age(caller)).unwrap_or(i64::MAX)
    }

    fn session_age(&self, caller: &Caller) -> u64 {
        (self.now().millis_since(caller.session.mfa_at) / 1000).max(1)
    }

    /// The floor below policy.
    pub(super) fn check_floor(&self, caller: &Caller, action: &'static str, floor: StepUp) -> Result<(), AppError> {
        let why = match (&caller.shown, floor) {
            (Checked::Good(_), _) | (_, StepUp::Session) => return Ok(()),
            (Checked::Used, _) => return Err(AppError::BadCode { used: true }),
            (Checked::Wrong, _) => return Err(AppError::BadCode { used: false }),
            (Checked::Nothing, StepUp::Fresh) => {
                if self.session_age(caller) <= FRESH_S {
                    return Ok(());
                }
                format!("a second factor of the last {} minutes", FRESH_S / 60)
            }
            (Checked::Nothing, StepUp::Code) => "a code of its own".to_owned(),
        };
        Err(AppError::StepUpRequired { action, why })
    }

    /// Puts a refusal into the audit; a wrong code is counted.
    pub(super) async fn refused(
        &self,
        caller: &Caller,
        action: &str,
        resource: String,
        error: &AppError,
    ) -> Result<(), AppError> {
        if matches!(error, AppError::BadCode { used: false }) {
            self.wrong_code(caller).await?;
        }
        self.audit_refusal(caller, action, resource, error).await
    }

    /// Counts a wrong code against the session.
    pub(super) async fn wrong_code(&self, caller: &Caller) -> Result<(), AppError> {
        let command = Command::Session(SessionCommand::StepUpFail { id: caller.session_id.clone() });
        self.raft.propose_entry(self.refusal(caller, command)).await?;
        Ok(())
    }

    /// Makes the second factor of the caller's session fresh.
    ///
    /// # Errors
    /// [`AppError::BadCode`].
    pub async fn step_up(&self, mut caller: Caller, code: Secret) -> Result<(), AppError> {
        caller.shown = self.check_shown(&self.state(), &caller.user, &Shown::Totp(code));
        match caller.shown {
            Checked::Good(_) => {}
            Checked::Used => {
                let error = AppError::BadCode { used: true };
                self.audit_refusal(&caller, "session.step_up", format!("session {}", caller.session_id), &error)
                    .await?;
                return Err(error);
            }
            Checked::Wrong | Checked::Nothing => {
                self.wrong_code(&caller).await?;
                return Err(AppError::BadCode { used: false });
            }
        }
        let id = caller.session_id.clone();
        self.change(&caller, Command::Session(SessionCommand::StepUp { id })).await.map(|_| ())
    }
}
