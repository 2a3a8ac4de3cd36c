//! Who is this, and may they: the same engine and the same policies that decide on hosts.

use super::{
    App, AppError,
    step_up::{Checked, Shown},
};
use crate::raft::new_request_id;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use wharden_model::{
    AdminAction, Decision, Effect, HostId, PolicyName, RequestId, SessionId, StepUp, Timestamp, UserName,
    action::AdminGroup, api::Secret,
};
use wharden_pki::token::{SecretKind, hash_secret};
use wharden_policy::{AdminCompiled, AdminQuery, AdminResource};
use wharden_state::{Actor, AuditCommand, Command, Entry, Hex, Kind, LEVEL_REQUEST, Origin, Rejection, Session, State};

/// An admin with a session that passed both factors.
#[derive(Clone, Debug)]
pub struct Caller {
    pub user: UserName,
    pub session_id: SessionId,
    pub session: Session,
    pub access_expires_at: Timestamp,
    pub request_id: RequestId,
    /// The address that the request comes from.
    pub source: IpAddr,
    /// The code that came with the request.
    pub shown: Checked,
    /// A recovery code, as it came.
    pub recovery: Option<Secret>,
    /// Go ahead although it takes the caller's own rights.
    pub force: bool,
    /// It is the service account of the name of `user`, with no session.
    pub is_service: bool,
}

impl App {
    /// The caller behind an access token.
    ///
    /// # Errors
    /// [`AppError::NotLoggedIn`] when there is none.
    pub async fn caller(
        &self,
        token: Option<&str>,
        shown: Option<&Shown>,
        source: IpAddr,
        request_id: RequestId,
    ) -> Result<Caller, AppError> {
        let token = token.ok_or(AppError::NotLoggedIn("there is no access token"))?;
        let now = self.now();
        let mut state = self.state();
        let mut keys = self.keys.access(&state).map_err(AppError::internal)?;
        if !keys.knows(token) {
            // The key may have been made at another controller a moment ago.
            state = self.raft.linearizable_shared().await?;
            keys = self.keys.access(&state).map_err(AppError::internal)?;
        }
        let bearer = keys.check(token, now).map_err(|error| {
            AppError::NotLoggedIn(match error {
                crate::auth::access_token::AccessError::Expired => "the access token expired",
                crate::auth::access_token::AccessError::Invalid => "the access token is not valid",
            })
        })?;
        if !state.sessions.contains_key(&bearer.session) {
            // It may have been opened at another controller a moment ago.
            state = self.raft.linearizable_shared().await?;
        }
        let session = state.open_session(&bearer.session, now).map_err(|_| over(&state, &bearer.session))?;
        if session.user != bearer.user {
            return Err(AppError::NotLoggedIn("the access token is not valid"));
        }
        let recovery = match shown {
            Some(Shown::Recovery(code)) => Some(code.clone()),
            _ => None,
        };
        let shown = shown.map_or(Checked::Nothing, |shown| self.check_shown(&state, &bearer.user, shown));
        Ok(Caller {
            user: bearer.user,
            session_id: bearer.session,
            session: session.clone(),
            access_expires_at: bearer.expires_at,
            request_id,
            source,
            shown,
            recovery,
            force: false,
            is_service: false,
        })
    }

    /// The service account behind a key.
    ///
    /// # Errors
    /// [`AppError::NotLoggedIn`] when there is none.
    pub async fn service(&self, key: &str, source: IpAddr, request_id: RequestId) -> Result<Caller, AppError> {
        const BAD: AppError = AppError::NotLoggedIn("the service account's key is not valid, or has expired");
        let key = SecretKind::ServiceKey.parse(key).map_err(|_| BAD)?;
        let (hash, now) = (Hex::from(hash_secret(key.reveal())), self.now());
        let state = self.raft.state_where(|state| state.service_account(&hash, now).is_some()).await?;
        let (name, account) = state.service_account(&hash, now).ok_or(BAD)?;
        let session = Session {
            user: name.clone(),
            opened_at: account.rotated_at,
            mfa_at: Timestamp(0),
            second_factor: "none".to_owned(),
            // What is shown each time in place of a session.
            refresh_hash: account.hash.clone(),
            expires_at: account.expires_at,
            source: source.to_string(),
            wrong_codes: 0,
        };
        Ok(Caller {
            user: name.clone(),
            session_id: stands_for(&account.hash)?,
            session,
            access_expires_at: account.expires_at,
            request_id,
            source,
            shown: Checked::Nothing,
            recovery: None,
            force: false,
            is_service: true,
        })
    }

    /// The refusal of a key at what is for people alone.
    pub async fn for_people(&self, key: &str, source: IpAddr, request_id: RequestId, operation: &str) -> AppError {
        let caller = match self.service(key, source, request_id).await {
            Ok(caller) => caller,
            Err(error) => return error,
        };
        let error = AppError::ForPeople(caller.user.clone());
        match self.audit_refusal(&caller, operation, describe(&self.cluster()), &error).await {
            Ok(()) => error,
            Err(unavailable) => unavailable,
        }
    }

    /// Lets the caller pass, or audits the refusal and gives it.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] naming the rule; [`AppError::StepUpRequired`], [`AppError::BadCode`].
    pub(super) async fn may(
        &self,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
    ) -> Result<(), AppError> {
        self.may_with(caller, action, resource, action.step_up()).await
    }

    /// As [`App::may`], with another floor than the action's own.
    pub(super) async fn may_with(
        &self,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
        floor: StepUp,
    ) -> Result<(), AppError> {
        if action.group() != AdminGroup::Read {
            self.before_a_change().await?;
        }
        // Policy first: whoever may not do it at all is not asked for a code.
        let passed =
            self.check(caller, action, resource).await.and_then(|()| self.check_floor(caller, action.name(), floor));
        let Err(error) = passed else { return Ok(()) };
        self.refused(caller, action.name(), describe(resource), &error).await?;
        Err(error)
    }

    /// Sees to it that a change is judged by all that was acknowledged before it was asked for. Whoever leads has that; one that
    /// only believes so can commit nothing, and what it then hands on is refused when its author's session is over.
    pub(super) async fn before_a_change(&self) -> Result<(), AppError> {
        if !self.raft.leads() {
            self.raft.linearizable_shared().await?;
        }
        Ok(())
    }

    pub(super) async fn audit_refusal(
        &self,
        caller: &Caller,
        action: &str,
        resource: String,
        error: &AppError,
    ) -> Result<(), AppError> {
        self.raft.propose_entry(self.refusal(caller, told(action, resource, error))).await?;
        Ok(())
    }

    /// What is noted of a request that was refused. The change itself was not made, so its id is still free, and the code is not
    /// used up.
    pub(super) fn refusal(&self, caller: &Caller, command: Command) -> Entry {
        let request = (self.state().level >= LEVEL_REQUEST).then(|| caller.request_id.clone());
        let entry = self.entry(caller, command, 0);
        let origin = entry.origin.map(|origin| Origin { step_up: None, request, ..origin });
        Entry { request_id: new_request_id(), origin, ..entry }
    }

    /// Puts the refusal of somebody without a session into the audit. Their attempts are counted by address, so that nobody fills
    /// it.
    pub(super) async fn refused_stranger(
        &self,
        action: &str,
        resource: String,
        source: IpAddr,
        error: &AppError,
    ) -> Result<(), AppError> {
        self.propose_from(source, Actor::Anonymous, told(action, resource, error)).await.map(drop)
    }

    /// Of these, the ones that the caller may read. When there are some and it may read none, that is a refusal.
    pub(super) async fn readable<T>(
        &self,
        caller: &Caller,
        action: AdminAction,
        items: Vec<(AdminResource, T)>,
    ) -> Result<Vec<T>, AppError> {
        let first = items.first().map(|(resource, _)| resource.clone());
        let compiled = self.access.at(&self.state()).await?;
        let readable: Vec<T> = items
            .into_iter()
            .filter(|(resource, _)| self.check_by(&compiled, caller, action, resource).is_ok())
            .map(|(_, item)| item)
            .collect();
        if let (true, Some(first)) = (readable.is_empty(), first) {
            self.may(caller, action, &first).await.map_err(|error| error.about("anything there"))?;
        }
        Ok(readable)
    }

    /// True when policy permits it, at the age that the second factor has.
    pub(super) async fn allows(&self, caller: &Caller, action: AdminAction, resource: &AdminResource) -> bool {
        self.check(caller, action, resource).await.is_ok()
    }

    pub(super) async fn check(
        &self,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
    ) -> Result<(), AppError> {
        self.check_by(&*self.access.at(&self.state()).await?, caller, action, resource)
    }

    pub(super) fn check_by(
        &self,
        compiled: &AdminCompiled,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
    ) -> Result<(), AppError> {
        let at_age = |mfa_age_seconds| {
            let query = AdminQuery { user: &caller.user, action, resource, mfa_age_seconds };
            decide(compiled, &query, caller.is_service)
        };
        let decision = at_age(self.mfa_age(caller, action));
        match decision.effect {
            Effect::Allow => Ok(()),
            Effect::Deny if !caller.is_service && at_age(0).effect == Effect::Allow => Err(match caller.shown {
                // A code that is wrong is told and counted, whoever asks for it: the floor or policy.
                Checked::Wrong => AppError::BadCode { used: false },
                Checked::Used => AppError::BadCode { used: true },
                Checked::Good(_) | Checked::Nothing => {
                    AppError::StepUpRequired { action: action.name(), why: format!("a code: {}", decision.why()) }
                }
            }),
            Effect::Deny => Err(AppError::Forbidden {
                who: caller.actor().to_string(),
                action: action.name(),
                resource: describe(resource),
                decision: Box::new(decision),
            }),
        }
    }

    /// The cluster as the resource of an action.
    pub(super) fn cluster(&self) -> AdminResource {
        AdminResource::Cluster(self.keys.cluster_id.clone())
    }

    /// A host by its id, or by its name when only one has it.
    pub(super) fn find_host(&self, state: &State, text: &str) -> Result<HostId, AppError> {
        if let Ok(id) = HostId::new(text)
            && state.hosts.contains_key(&id)
        {
            return Ok(id);
        }
        let mut named = state.hosts.iter().filter(|(_, host)| host.name == text && host.revoked_at.is_none());
        match (named.next(), named.next()) {
            (Some((id, _)), None) => Ok(id.clone()),
            (Some(_), Some(_)) => Err(AppError::Conflict {
                message: format!("several hosts are called {text:?}"),
                hint: "use the id: `wharden host list` shows it",
            }),
            (None, _) => Err(AppError::not_found(Kind::Host, text)),
        }
    }
}

/// What policy says of a user, or of the service account of that name.
pub(super) fn decide(compiled: &AdminCompiled, query: &AdminQuery<'_>, is_service: bool) -> Decision {
    if is_service { compiled.decide_for_service(query) } else { compiled.decide(query) }
}

/// Why a session is over, for a caller that has shown a good token of it.
pub(super) fn over(state: &State, id: &SessionId) -> AppError {
    match state.ended_session(id) {
        Some(ended) => AppError::SessionOver(ended.to_string()),
        // It is still there, and too old.
        None if state.sessions.contains_key(id) => AppError::SessionOver("it was not used for too long".to_owned()),
        None => AppError::from(Rejection::SessionEnded),
    }
}

/// What the audit is told of an attempt that was refused.
pub(super) fn told(action: &str, resource: String, error: &AppError) -> Command {
    Command::Audit(AuditCommand::Refused { action: action.to_owned(), resource, reason: error.to_string() })
}

/// The session that stands for a key of a service account. It ends with the key, and tells nothing of it.
fn stands_for(key_hash: &Hex) -> Result<SessionId, AppError> {
    let digest = Sha256::new().chain_update(b"wharden service session\n").chain_update(&key_hash.0).finalize();
    SessionId::new(format!("s-{}", Hex(digest[..16].to_vec()))).map_err(AppError::internal)
}

/// A host as a resource.
pub(super) fn host_resource(state: &State, id: &HostId) -> Result<AdminResource, AppError> {
    let host = state.hosts.get(id).ok_or_else(|| AppError::not_found(Kind::Host, id.as_str()))?;
    Ok(AdminResource::Host { id: id.clone(), labels: host.labels.clone() })
}

/// Reads a policy name out of a path.
pub(super) fn policy_name(text: &str) -> Result<PolicyName, AppError> {
    PolicyName::new(text).map_err(|e| AppError::invalid("name", e.to_string()))
}

pub(super) fn describe(resource: &AdminResource) -> String {
    match resource {
        AdminResource::User(name) => format!("user {name}"),
        AdminResource::Group(name) => format!("group {name}"),
        AdminResource::Host { id, .. } => format!("host {id}"),
        AdminResource::Policy(name) => format!("policy {name}"),
        AdminResource::Cluster(id) => format!("cluster {id}"),
    }
}
