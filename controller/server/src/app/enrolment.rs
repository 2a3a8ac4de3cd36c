//! Taking up the bootstrap token or an invite.

use super::{App, AppError};
use crate::auth::{
    enrolment::{For, Pending},
    password,
};
use std::net::IpAddr;
use wharden_model::{
    PolicyName, UserName,
    api::{Enrolment, EnrolmentComplete, EnrolmentStart},
};
use wharden_pki::token::{SecretKind, hash_secret};
use wharden_state::{AccountCommand, Actor, Command, FirstPolicy, Hex, State};

/// The pack that gives the first admin its rights.
pub(super) const FIRST_PACK: &str = "admin-roles";

impl App {
    /// First step: takes token and password, gives a fresh second factor. Stores nothing.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn begin_enrolment(&self, start: EnrolmentStart, source: IpAddr) -> Result<Enrolment, AppError> {
        self.attempt(source)?;
        let token = SecretKind::Bootstrap
            .parse(start.token.reveal())
            .or_else(|_| SecretKind::Invite.parse(start.token.reveal()))
            .map_err(|_| AppError::BadToken("this is not a bootstrap token (wbt_…) or an invite (win_…)".to_owned()))?;
        let hash = Hex::from(hash_secret(token.reveal()));
        let state = self.raft.state_where(|state| knows(state, &hash)).await?;
        if let Err(error) = self.check_token(&state, &hash, &start.username) {
            self.refused_stranger("account.enrol", format!("user {}", start.username), source, &error).await?;
            return Err(error);
        }
        let password_hash =
            password::hash(start.password).await.map_err(|e| AppError::invalid("password", e.to_string()))?;
        let cluster = self.keys.cluster_id.as_str();
        let pending = Pending::begin(
            For::Account,
            hash.to_string(),
            start.username,
            password_hash,
            cluster,
            &self.keys.sealing(),
            self.now(),
        )?;
        self.sources.give_back(source);
        Ok(pending)
    }

    /// Second step: the code proves the factor; the token is consumed and the account exists.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn complete_enrolment(&self, complete: EnrolmentComplete, source: IpAddr) -> Result<(), AppError> {
        self.attempt(source)?;
        let sealing = self.keys.sealing();
        let (pending, totp_step) =
            Pending::complete(For::Account, &complete.enrolment, &complete.code, &sealing, self.now())?;
        let token_hash = Hex::try_from(pending.token_hash.clone()).map_err(AppError::internal)?;
        let actor = Actor::User(pending.user.clone());
        let command = AccountCommand::TakeUp {
            token_hash,
            totp_sealed: Hex(pending.sealed_secret(&sealing)),
            totp_step,
            recovery_hashes: pending.recovery_hashes(&sealing).into_iter().map(Hex).collect(),
            first_policies: first_policies()?,
            user: pending.user,
            password_hash: pending.password_hash,
        };
        self.propose_from(source, actor, Command::Account(command)).await?;
        self.sources.give_back(source);
        Ok(())
    }

    fn check_token(&self, state: &State, hash: &Hex, user: &UserName) -> Result<(), AppError> {
        let cluster = state.cluster.as_ref().ok_or(wharden_state::Rejection::NotInitialised)?;
        if cluster.bootstrap_hash.as_ref() == Some(hash) {
            return Ok(());
        }
        match state.invites.get(hash) {
            Some(invite) if invite.expires_at <= self.now() => {
                Err(AppError::BadToken("the invite expired; ask for a new one".to_owned()))
            }
            Some(invite) if invite.user == *user => Ok(()),
            _ => Err(AppError::BadToken(
                "the token or invite is not valid, was used already, or is for another user name".to_owned(),
            )),
        }
    }

    /// Counts an attempt without a session.
    pub(super) fn attempt(&self, source: IpAddr) -> Result<(), AppError> {
        self.sources.take(source, self.now()).map_err(|seconds| AppError::TooMany { seconds })
    }
}

fn knows(state: &State, token: &Hex) -> bool {
    let bootstrap = state.cluster.as_ref().and_then(|cluster| cluster.bootstrap_hash.as_ref());
    bootstrap == Some(token) || state.invites.contains_key(token)
}

fn first_policies() -> Result<Vec<FirstPolicy>, AppError> {
    let pack = wharden_policy::packs()
        .iter()
        .find(|pack| pack.name == FIRST_PACK)
        .ok_or_else(|| AppError::internal("the pack admin-roles is missing"))?;
    let rules = wharden_policy::validate(pack.text).map_err(AppError::InvalidPolicy)?.rules.len();
    let name = PolicyName::new(pack.name).map_err(AppError::internal)?;
    Ok(vec![FirstPolicy { name, text: pack.text.to_owned(), rules: u32::try_from(rules).unwrap_or(u32::MAX) }])
}
