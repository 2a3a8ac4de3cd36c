//! One's own account: password, authenticator, recovery codes. No policy is asked: these are everybody's own. Each
//! change needs a second factor of before, and ends the other sessions, except new recovery codes.

use super::{App, AppError, Caller, access};
use crate::{
    auth::{
        enrolment::{For, Pending, recovery_hash},
        password,
    },
    limits,
};
use wharden_model::{
    StepUp, UserName,
    api::{Enrolment, EnrolmentComplete, Invite, PasswordChange, RecoveryCodes},
};
use wharden_pki::token::{SecretKind, hash_secret};
use wharden_state::{Account, AccountCommand, Actor, Command, Hex, LEVEL_AUTHORS};

impl App {
    pub async fn change_password(&self, caller: &Caller, change: PasswordChange) -> Result<(), AppError> {
        self.may_change_own(caller, "account.password").await?;
        self.attempt(caller.source)?;
        let old_hash = self.own_account(caller)?.password_hash;
        if !password::verify(change.current_password, Some(old_hash.clone())).await {
            let error = AppError::invalid("current_password", "it is not the password of this account");
            // The entry carries the code: a guess costs it.
            self.change(caller, access::told("account.password", format!("user {}", caller.user), &error)).await?;
            return Err(error);
        }
        let password_hash =
            password::hash(change.new_password).await.map_err(|e| AppError::invalid("new_password", e.to_string()))?;
        let command = AccountCommand::SetPassword { user: caller.user.clone(), old_hash, password_hash };
        self.change(caller, Command::Account(command)).await?;
        self.sources.give_back(caller.source);
        Ok(())
    }

    /// Another authenticator, first step. Stores nothing.
    pub fn begin_totp(&self, caller: &Caller) -> Result<Enrolment, AppError> {
        let account = self.own_account(caller)?;
        let session = caller.session_id.to_string();
        let (cluster, sealing) = (self.keys.cluster_id.as_str(), self.keys.sealing());
        let user = caller.user.clone();
        let purpose = For::Replacement { of: &account.totp_sealed.0 };
        Ok(Pending::begin(purpose, session, user, account.password_hash, cluster, &sealing, self.now())?)
    }

    /// Second step: a code of the new one, and a second factor of before.
    pub async fn complete_totp(&self, caller: &Caller, complete: EnrolmentComplete) -> Result<(), AppError> {
        self.may_change_own(caller, "account.totp").await?;
        let sealing = self.keys.sealing();
        let (pending, totp_step) =
            Pending::complete(For::Replacement { of: &[] }, &complete.enrolment, &complete.code, &sealing, self.now())?;
        if pending.user != caller.user || pending.token_hash != caller.session_id.as_str() {
            return Err(AppError::BadToken("the enrolment was begun in another session".to_owned()));
        }
        let command = AccountCommand::SetTotp {
            totp_sealed: Hex(pending.sealed_secret(&sealing)),
            totp_step,
            recovery_hashes: pending.recovery_hashes(&sealing).into_iter().map(Hex).collect(),
            replaces: (self.state().level >= LEVEL_AUTHORS).then(|| Hex(pending.replaces.clone())),
            user: pending.user,
        };
        self.change(caller, Command::Account(command)).await.map(|_| ())
    }

    pub async fn new_recovery_codes(&self, caller: &Caller) -> Result<RecoveryCodes, AppError> {
        self.may_change_own(caller, "account.recovery_codes").await?;
        let recovery_codes = wharden_pki::recovery::generate();
        let sealing = self.keys.sealing();
        let hashes = recovery_codes.iter().map(|code| recovery_hash(&caller.user, code.reveal(), &sealing));
        let hashes: Vec<_> = hashes.map(Hex).collect();
        let command = AccountCommand::SetRecovery { user: caller.user.clone(), recovery_hashes: hashes.clone() };
        self.change(caller, Command::Account(command)).await?;
        self.is_known(|state| {
            let account = state.users.get(&caller.user).and_then(|user| user.account.as_ref());
            account.is_some_and(|account| hashes.iter().all(|hash| account.recovery_hashes.contains(hash)))
        })?;
        Ok(RecoveryCodes { recovery_codes })
    }

    /// Lets a user in anew at the word of somebody at the console.
    pub async fn recover(&self, user: UserName, by: String) -> Result<Invite, AppError> {
        tracing::warn!(%user, by, "RECOVERY at the console: both factors of this user are removed");
        let invite = SecretKind::Invite.generate();
        let expires_at = self.now().plus_secs(limits::RECOVERY_TTL_S);
        let hash = hash_secret(invite.reveal()).into();
        let command = AccountCommand::Recover { user, hash, expires_at, by };
        self.raft.propose(Actor::System, Command::Account(command)).await?;
        Ok(Invite { invite, expires_at })
    }

    fn own_account(&self, caller: &Caller) -> Result<Account, AppError> {
        let account = self.state().users.get(&caller.user).and_then(|user| user.account.clone());
        account.ok_or(AppError::NotLoggedIn("the account is gone"))
    }

    async fn may_change_own(&self, caller: &Caller, action: &'static str) -> Result<(), AppError> {
        let Err(error) = self.check_floor(caller, action, StepUp::Code) else { return Ok(()) };
        self.refused(caller, action, format!("user {}", caller.user), &error).await?;
        Err(error)
    }
}
