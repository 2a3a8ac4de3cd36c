//! Who is this, and may they: the same engine and the same policies that decide on hosts.

use super::{
    App, AppError,
    step_up::{Checked, Shown},
};
use crate::{policy_set, raft::new_request_id};
use arc_swap::ArcSwapOption;
use std::{net::IpAddr, sync::Arc};
use wharden_model::{
    AdminAction, Effect, HostId, PolicyName, RequestId, Revision, SessionId, StepUp, Timestamp, UserName,
};
use wharden_policy::{AdminCompiled, AdminQuery, AdminResource};
use wharden_state::{AuditCommand, Command, Kind, Origin, Session, State};

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
}

/// The compiled admin policies of the newest revision that was asked about.
#[derive(Default)]
pub struct Access(ArcSwapOption<(Revision, AdminCompiled)>);

impl Access {
    fn at(&self, state: &State) -> Result<Arc<(Revision, AdminCompiled)>, AppError> {
        if let Some(held) = self.0.load_full().filter(|held| held.0 == state.policy_revision) {
            return Ok(held);
        }
        let compiled = compile(state)?;
        let fresh = Arc::new((state.policy_revision, compiled));
        self.0.store(Some(Arc::clone(&fresh)));
        Ok(fresh)
    }
}

/// Admin policies of a state. What does not compile denies: nothing is left out.
pub(super) fn compile(state: &State) -> Result<AdminCompiled, AppError> {
    AdminCompiled::new(&policy_set::policies(state), &policy_set::users(state)).map_err(AppError::internal)
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
        let bearer = self.keys.access.check(token, now).map_err(|error| {
            AppError::NotLoggedIn(match error {
                crate::auth::access_token::AccessError::Expired => "the access token expired",
                crate::auth::access_token::AccessError::Invalid => "the access token is not valid",
            })
        })?;
        let mut state = self.state();
        if !state.sessions.contains_key(&bearer.session) {
            // It may have been opened at another controller a moment ago.
            state = self.raft.linearizable().await?;
        }
        let session = state.open_session(&bearer.session, now).map_err(AppError::from)?;
        if session.user != bearer.user {
            return Err(AppError::NotLoggedIn("the access token is not valid"));
        }
        let shown = shown.map_or(Checked::Nothing, |shown| self.check_shown(&state, &bearer.user, shown));
        Ok(Caller {
            user: bearer.user,
            session_id: bearer.session,
            session: session.clone(),
            access_expires_at: bearer.expires_at,
            request_id,
            source,
            shown,
        })
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
        // Policy first: whoever may not do it at all is not asked for a code.
        let passed = self.check(caller, action, resource).and_then(|()| self.check_floor(caller, action, floor));
        let Err(error) = passed else { return Ok(()) };
        self.refused(caller, action, resource, &error).await?;
        Err(error)
    }

    pub(super) async fn audit_refusal(
        &self,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
        error: &AppError,
    ) -> Result<(), AppError> {
        let command = Command::Audit(AuditCommand::Refused {
            action: action.name().to_owned(),
            resource: describe(resource),
            reason: error.to_string(),
        });
        let mut entry = self.entry(caller, command);
        // The change itself was not made, so its id is still free, and the code is not used up.
        entry.request_id = new_request_id();
        entry.origin = entry.origin.map(|origin| Origin { step_up: None, ..origin });
        self.raft.propose_entry(entry).await?;
        Ok(())
    }

    /// Of these, the ones that the caller may read. When there are some and it may read none, that is a refusal.
    pub(super) async fn readable<T>(
        &self,
        caller: &Caller,
        action: AdminAction,
        items: Vec<(AdminResource, T)>,
    ) -> Result<Vec<T>, AppError> {
        let first = items.first().map(|(resource, _)| resource.clone());
        let readable: Vec<T> = items
            .into_iter()
            .filter(|(resource, _)| self.check(caller, action, resource).is_ok())
            .map(|(_, item)| item)
            .collect();
        if let (true, Some(first)) = (readable.is_empty(), first) {
            self.may(caller, action, &first).await?;
        }
        Ok(readable)
    }

    fn check(&self, caller: &Caller, action: AdminAction, resource: &AdminResource) -> Result<(), AppError> {
        let state = self.state();
        let access = self.access.at(&state)?;
        let at_age =
            |mfa_age_seconds| access.1.decide(&AdminQuery { user: &caller.user, action, resource, mfa_age_seconds });
        let decision = at_age(self.mfa_age(caller, action));
        match decision.effect {
            Effect::Allow => Ok(()),
            Effect::Deny if at_age(0).effect == Effect::Allow => {
                Err(AppError::StepUpRequired { action: action.name(), why: format!("a code: {}", decision.why()) })
            }
            Effect::Deny => Err(AppError::Forbidden {
                who: format!("user {}", caller.user),
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

/// A host as a resource.
pub(super) fn host_resource(state: &State, id: &HostId) -> Result<AdminResource, AppError> {
    let host = state.hosts.get(id).ok_or_else(|| AppError::not_found(Kind::Host, id.as_str()))?;
    Ok(AdminResource::Host { id: id.clone(), labels: host.labels.clone() })
}

/// Reads a policy name out of a path.
pub(super) fn policy_name(text: &str) -> Result<PolicyName, AppError> {
    PolicyName::new(text).map_err(|e| AppError::invalid("name", e.to_string()))
}

fn describe(resource: &AdminResource) -> String {
    match resource {
        AdminResource::User(name) => format!("user {name}"),
        AdminResource::Group(name) => format!("group {name}"),
        AdminResource::Host { id, .. } => format!("host {id}"),
        AdminResource::Policy(name) => format!("policy {name}"),
        AdminResource::Cluster(id) => format!("cluster {id}"),
    }
}
