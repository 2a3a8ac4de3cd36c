//! Login with two factors, refresh, logout.

use super::{App, AppError, Caller, access::over, step_up::Shown};
use crate::{alerts::TOKEN_REUSED, auth::password, limits};
use std::net::IpAddr;
use subtle::ConstantTimeEq;
use wharden_model::{
    SessionId, Timestamp, UserName,
    api::{Login, Refresh, Secret, SessionTokens, WhoAmI},
};
use wharden_pki::token::{SecretKind, hash_secret};
use wharden_state::{Account, Actor, Applied, Command, DeviceProof, Hex, Proof, SessionCommand};

impl App {
    /// Checks both factors and opens a session. The answer to a wrong one never says which, nor whether there is
    /// such a user, and takes as long either way.
    ///
    /// # Errors
    /// [`AppError::BadCredentials`], [`AppError::TooMany`].
    pub async fn login(&self, login: Login, source: IpAddr) -> Result<SessionTokens, AppError> {
        if login.code.is_some() == login.recovery_code.is_some() {
            return Err(AppError::invalid("code", "give either code or recovery_code"));
        }
        let shown = login.device.as_ref().and_then(|device| SecretKind::Device.parse(device.reveal()).ok());
        let shown = shown.map(|device| Hex::from(hash_secret(device.reveal())));
        // Others may use up the attempts of an address; a device that is known has its own.
        if !shown.as_ref().is_some_and(|device| self.state().knows_device(login.username.as_str(), device)) {
            self.attempt(source)?;
        }
        // The user may have been made, or have another password, at another controller a moment ago. Read for every name, since
        // a read only for those that are not here would tell by its time who is.
        let state = self.raft.linearizable_shared().await?;
        let address = source.to_string();
        state.check_not_locked(login.username.as_str(), &address, shown.as_ref(), self.now())?;
        let account = state.users.get(&login.username).and_then(|user| user.account.clone());
        let hash = account.as_ref().map(|a| a.password_hash.clone());
        let password_is_right = password::verify(login.password.clone(), hash).await;
        let proof = account.as_ref().and_then(|account| self.second_factor(&login, account));
        let (Some(account), Some(proof), true) = (account, proof, password_is_right) else {
            return self.failed(&login.username, address, shown).await;
        };
        let mut tokens = self.open(&login.username, &account, proof.clone(), &address, shown.clone()).await;
        if let (Err(AppError::BadCredentials), Some(again)) = (&tokens, self.hashed_anew(&login, &proof)) {
            tokens = self.open(&login.username, &account, again, &address, shown.clone()).await;
        }
        match tokens {
            Err(AppError::BadCredentials) => self.failed(&login.username, address, shown).await,
            other => {
                self.sources.give_back(source);
                other
            }
        }
    }

    fn second_factor(&self, login: &Login, account: &Account) -> Option<Proof> {
        let shown = match (&login.code, &login.recovery_code) {
            (Some(code), _) => Shown::Totp(code.clone()),
            (None, code) => Shown::Recovery(code.clone()?),
        };
        self.proof(&login.username, account, &shown)
    }

    /// The recovery code of a login, when the state holds it under another hash by now: the cluster key was changed meanwhile.
    fn hashed_anew(&self, login: &Login, before: &Proof) -> Option<Proof> {
        login.recovery_code.as_ref()?;
        let state = self.state();
        self.follow_keys(&state);
        let account = state.users.get(&login.username).and_then(|user| user.account.as_ref())?;
        self.second_factor(login, account).filter(|now| now != before)
    }

    async fn failed<T>(&self, name: &UserName, source: String, device: Option<Hex>) -> Result<T, AppError> {
        let fail = SessionCommand::Fail { name: name.to_string(), source, device };
        self.raft.propose(Actor::Anonymous, Command::Session(fail)).await?;
        Err(AppError::BadCredentials)
    }

    async fn open(
        &self,
        user: &UserName,
        account: &Account,
        proof: Proof,
        source: &str,
        shown: Option<Hex>,
    ) -> Result<SessionTokens, AppError> {
        let id = SessionId::new(format!("s-{:032x}", rand::random::<u128>())).map_err(AppError::internal)?;
        let refresh = SecretKind::Refresh.generate();
        let device = SecretKind::Device.generate();
        let with_recovery = matches!(proof, Proof::Recovery { .. });
        let expires_at = self.now().plus_secs(limits::SESSION_TTL_S);
        let command = SessionCommand::Open {
            id: id.clone(),
            user: user.clone(),
            password_hash: account.password_hash.clone(),
            proof,
            refresh_hash: hash_secret(refresh.reveal()).into(),
            expires_at,
            source: source.to_owned(),
            device: Some(DeviceProof { shown, given: hash_secret(device.reveal()).into() }),
        };
        let applied = self.raft.propose(Actor::Anonymous, Command::Session(command)).await?;
        let (access_token, access_expires_at) = self.access_token(user, &id)?;
        let recovery_codes_left = match applied {
            Applied::Session { recovery_codes_left } if with_recovery => Some(recovery_codes_left),
            _ => None,
        };
        Ok(SessionTokens {
            refresh_token: self.refresh_token(&id, &refresh),
            session_id: id,
            username: user.clone(),
            access_token,
            access_expires_at,
            refresh_expires_at: expires_at,
            recovery_codes_left,
            controllers: self.rest_urls(),
            device: Some(device),
        })
    }

    /// Swaps a refresh token for a new pair. One that was swapped before ends the session; one that the session never had
    /// does not, for that would let anybody end it who has seen its id.
    ///
    /// # Errors
    /// [`AppError::NotLoggedIn`].
    pub async fn refresh(&self, refresh: Refresh, source: IpAddr) -> Result<SessionTokens, AppError> {
        const BAD: AppError = AppError::NotLoggedIn("the refresh token is not valid");
        let (id, old_hash, family) =
            read_refresh(&refresh.refresh_token).map_or_else(|| self.attempt(source).and(Err(BAD)), Ok)?;
        let new = SecretKind::Refresh.generate();
        let expires_at = self.now().plus_secs(limits::SESSION_TTL_S);
        let state = self.raft.state_where(|state| state.sessions.contains_key(&id)).await?;
        let found = state.open_session(&id, self.now());
        let of_family: bool = family.as_bytes().ct_eq(self.keys.family(&id).as_bytes()).into();
        // What is good is not counted: others at the same address may have used its attempts up.
        let session = match found {
            Ok(session) if of_family || session.refresh_hash == old_hash => session,
            Ok(_) => {
                self.attempt(source)?;
                self.refused_stranger("session.refresh", format!("session {id}"), source, &BAD).await?;
                return Err(BAD);
            }
            Err(ended) => {
                self.attempt(source)?;
                // Whoever has only seen the id of a session is not told what became of it.
                return Err(if of_family { over(&state, &id) } else { ended.into() });
            }
        };
        let user = session.user.clone();
        let command = SessionCommand::Refresh {
            id: id.clone(),
            old_hash,
            new_hash: hash_secret(new.reveal()).into(),
            expires_at,
        };
        match self.raft.propose(Actor::User(user.clone()), Command::Session(command)).await? {
            Applied::Done => {}
            _ => {
                let (subject, detail) =
                    (format!("user {user}"), format!("session {id}, shown again from {source}; the session was ended"));
                let summary = "a refresh token was used a second time";
                self.alerts.raise(&TOKEN_REUSED, id.as_str(), &subject, summary, &detail);
                let reused = AppError::NotLoggedIn("the refresh token was used twice, so the session was ended");
                self.refused_stranger("session.refresh", format!("session {id} of user {user}"), source, &reused)
                    .await?;
                // Its holder is told as later, once it is kept.
                let told = over(&self.state(), &id);
                return Err(if matches!(told, AppError::SessionOver(_)) { told } else { reused });
            }
        }
        let (access_token, access_expires_at) = self.access_token(&user, &id)?;
        Ok(SessionTokens {
            refresh_token: self.refresh_token(&id, &new),
            session_id: id,
            username: user,
            access_token,
            access_expires_at,
            refresh_expires_at: expires_at,
            recovery_codes_left: None,
            controllers: self.rest_urls(),
            device: None,
        })
    }

    fn access_token(&self, user: &UserName, id: &SessionId) -> Result<(Secret, Timestamp), AppError> {
        let keys = self.keys.access(&self.state()).map_err(AppError::internal)?;
        keys.issue(user, id, self.now()).map_err(AppError::internal)
    }

    /// The refresh token names its session, so that it is found without a search.
    fn refresh_token(&self, id: &SessionId, refresh: &Secret) -> Secret {
        Secret::new(format!("{id}.{}.{}", refresh.reveal(), self.keys.family(id)))
    }

    /// Ends the caller's session.
    ///
    /// # Errors
    /// [`AppError`].
    pub async fn logout(&self, caller: &Caller) -> Result<(), AppError> {
        let close = SessionCommand::Close { id: caller.session_id.clone() };
        self.change(caller, Command::Session(close)).await.map(|_| ())
    }

    /// Who the caller is.
    pub fn whoami(&self, caller: &Caller) -> WhoAmI {
        WhoAmI {
            username: caller.user.clone(),
            groups: self.state().groups_of(&caller.user),
            session_id: caller.session_id.clone(),
            since: caller.session.opened_at,
            mfa_at: caller.session.mfa_at,
            factors: vec!["password".to_owned(), caller.session.second_factor.clone()],
            access_expires_at: caller.access_expires_at,
        }
    }
}

/// Session, hash of the token and the mark of its family.
fn read_refresh(token: &Secret) -> Option<(SessionId, Hex, &str)> {
    let mut parts = token.reveal().splitn(3, '.');
    let (id, token, family) = (parts.next()?, parts.next()?, parts.next().unwrap_or_default());
    let token = SecretKind::Refresh.parse(token).ok()?;
    Some((SessionId::new(id).ok()?, hash_secret(token.reveal()).into(), family))
}
