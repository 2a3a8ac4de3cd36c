//! The own-foot guard: a change that would leave no admin, or take its author's own rights, is refused.
//!
//! The change is tried on a copy of the state first, which costs nothing, and then proposed on condition that
//! policy did not move meanwhile.

use super::{App, AppError, Caller, access, step_up::Checked};
use crate::{
    limits,
    raft::{ProposeError, new_request_id},
};
use wharden_model::{AdminAction, Effect, UserName};
use wharden_policy::{AdminCompiled, AdminQuery, AdminResource};
use wharden_state::{Actor, Applied, Command, Entry, Rejection, State};

/// What somebody must be able to do for the cluster to be repairable.
const REPAIR: [AdminAction; 2] = [AdminAction::PolicyUpdate, AdminAction::PolicyDelete];

impl App {
    /// Lets the caller pass as [`App::may`] does, then proposes a change that could take rights away.
    pub(super) async fn guarded_change(
        &self,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
        command: Command,
    ) -> Result<Applied, AppError> {
        self.may(caller, action, resource).await?;
        self.permitted_change(caller, action, resource, command).await
    }

    /// The second half of [`App::guarded_change`]: the caller has passed.
    pub(super) async fn permitted_change(
        &self,
        caller: &Caller,
        action: AdminAction,
        resource: &AdminResource,
        command: Command,
    ) -> Result<Applied, AppError> {
        let mut request_id = caller.request_id.clone();
        for _ in 0..limits::GUARDED_TRIES {
            let state = self.state();
            let actor = Actor::User(caller.user.clone());
            let revision = state.policy_revision;
            if let Err(error) = self.try_out(&state, caller, &command, &actor) {
                self.audit_refusal(caller, action.name(), access::describe(resource), &error).await?;
                return Err(error);
            }
            let entry = self.entry(caller, command.clone());
            match self.raft.propose_entry(Entry { request_id, if_revision: Some(revision), ..entry }).await {
                Err(ProposeError::Rejected(Rejection::RevisionMoved)) => request_id = new_request_id(),
                other => return Ok(other?),
            }
        }
        Err(Rejection::RevisionMoved.into())
    }

    fn try_out(&self, now: &State, caller: &Caller, command: &Command, actor: &Actor) -> Result<(), AppError> {
        let mut next = now.clone();
        let entry = Entry {
            request_id: new_request_id(),
            actor: actor.clone(),
            issued_at: self.now(),
            if_revision: None,
            origin: None,
            command: command.clone(),
        };
        next.apply(now.policy_revision + 1, &entry).0?;
        let compiled = access::compile(&next)?;
        let before = self.access.at(now)?;
        let could = REPAIR.iter().all(|action| self.can(&before.1, &caller.user, *action));
        let can_still = active(&next, &caller.user) && REPAIR.iter().all(|a| self.can(&compiled, &caller.user, *a));
        // With a code of its own, one's own rights can be given up. What leaves nobody cannot be forced: who would undo it?
        let forced = caller.force && matches!(caller.shown, Checked::Good(_));
        if could && !can_still && !forced {
            return Err(self.refusal(
                &compiled,
                &caller.user,
                "this would take away your own right to change policies",
            ));
        }
        let somebody = next
            .users
            .keys()
            .any(|user| active(&next, user) && REPAIR.iter().all(|action| self.can(&compiled, user, *action)));
        if somebody {
            Ok(())
        } else {
            Err(self.refusal(&compiled, &caller.user, "this would leave no active admin who can change policies"))
        }
    }

    fn can(&self, compiled: &AdminCompiled, user: &UserName, action: AdminAction) -> bool {
        self.ask(compiled, user, action).effect == Effect::Allow
    }

    fn ask(&self, compiled: &AdminCompiled, user: &UserName, action: AdminAction) -> wharden_model::Decision {
        let Ok(name) = wharden_model::PolicyName::new("admin-roles") else {
            return wharden_policy::no_bundle(wharden_model::Action::Unknown);
        };
        let resource = AdminResource::Policy(name);
        compiled.decide(&AdminQuery { user, action, resource: &resource, mfa_age_seconds: 0 })
    }

    fn refusal(&self, compiled: &AdminCompiled, user: &UserName, what: &str) -> AppError {
        let why = REPAIR
            .iter()
            .map(|action| self.ask(compiled, user, *action))
            .find(|decision| decision.effect == Effect::Deny)
            .map_or_else(|| "the account could not log in".to_owned(), |decision| decision.why());
        AppError::Guarded { message: format!("{what}: {why}") }
    }
}

/// Can log in.
fn active(state: &State, user: &UserName) -> bool {
    state.users.get(user).is_some_and(|u| !u.disabled && u.account.is_some())
}
