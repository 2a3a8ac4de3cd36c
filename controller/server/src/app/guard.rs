//! The own-foot guard: a change that would leave no admin, or take its author's own rights, is refused.
//!
//! The change is tried on a copy of the state first, which costs nothing, and then proposed on condition that
//! policy did not move meanwhile.

use super::{App, AppError, Caller, access, compiled::compile, enrolment::FIRST_PACK, step_up::Checked};
use crate::{limits, raft::ProposeError};
use std::{collections::BTreeSet, sync::Arc};
use wharden_model::{AdminAction, Decision, Effect, PolicyName, UserName};
use wharden_policy::{AdminCompiled, AdminQuery, AdminResource};
use wharden_state::{Applied, Command, Entry, Rejection, State};

/// What somebody must be able to do with each policy that speaks of admins, for the cluster to be repairable.
const REPAIR: [AdminAction; 2] = [AdminAction::PolicyUpdate, AdminAction::PolicyDelete];
/// What nobody takes from themselves without saying so.
const OWN: [AdminAction; 3] = [AdminAction::PolicyCreate, AdminAction::PolicyUpdate, AdminAction::PolicyDelete];

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
        for attempt in 0..limits::GUARDED_TRIES {
            let state = self.state();
            let revision = state.policy_revision;
            // Policy moved: it may not permit this any more.
            if attempt > 0
                && let Err(error) = self.check(caller, action, resource).await
            {
                self.refused(caller, action.name(), access::describe(resource), &error).await?;
                return Err(error);
            }
            let entry = self.entry(caller, command.clone(), attempt);
            if let Err(error) = self.try_out(state, caller, &entry).await {
                self.audit_refusal(caller, action.name(), access::describe(resource), &error).await?;
                return Err(error);
            }
            match self.propose(caller, command.clone(), attempt, Some(revision)).await {
                Err(ProposeError::Rejected(Rejection::RevisionMoved)) => {}
                other => return Ok(other?),
            }
        }
        Err(Rejection::RevisionMoved.into())
    }

    /// What would become of the change. One that was made already, of which this is a retry, changes nothing more.
    async fn try_out(&self, now: Arc<State>, caller: &Caller, entry: &Entry) -> Result<(), AppError> {
        let mut next = State::clone(&now);
        let entry = Entry { if_revision: None, origin: None, ..entry.clone() };
        match next.apply(now.policy_revision + 1, &entry).0 {
            // An attempt of the first one; the next is looked at.
            Err(Rejection::RevisionMoved) => return Ok(()),
            other => other?,
        };
        let held = self.access.at(&now).await?;
        // With a code of its own, one's own rights can be given up. What leaves nobody cannot be forced: who would undo it?
        let forced = caller.force && matches!(caller.shown, Checked::Good(_));
        let user = caller.user.clone();
        let compare = move || {
            let compiled = compile(&next)?;
            let (before, after) =
                (Rights { state: &now, compiled: &held }, Rights { state: &next, compiled: &compiled });
            after.leave_enough(&before, &user, forced)
        };
        self.access.try_out(compare).await
    }
}

/// Who may do what, by a state.
struct Rights<'s> {
    state: &'s State,
    compiled: &'s AdminCompiled,
}

impl Rights<'_> {
    /// The policies that speak of admins: who may change these can undo whatever any of them does.
    fn telling(&self) -> Result<BTreeSet<PolicyName>, AppError> {
        let mut names = self.compiled.documents();
        names.insert(PolicyName::new(FIRST_PACK).map_err(AppError::internal)?);
        Ok(names)
    }

    /// An error when these take the user's own rights, as long as that is not forced, or leave nobody to mend policy.
    fn leave_enough(&self, before: &Rights<'_>, user: &UserName, forced: bool) -> Result<(), AppError> {
        for policy in self.telling()? {
            for action in OWN.into_iter().filter(|_| !forced) {
                if before.may(user, action, &policy) && !self.may(user, action, &policy) {
                    let why = self.why(user, &policy, &[action]);
                    let what = format!("this would take away your own right to change policies ({action} on {policy})");
                    return Err(AppError::Guarded { message: format!("{what}: {why}") });
                }
            }
            // What nobody could mend before is not made worse.
            if before.is_mendable(&policy) && !self.is_mendable(&policy) {
                let why = self.why(user, &policy, &REPAIR);
                let what = format!("this would leave no active admin who can change policies ({policy})");
                return Err(AppError::Guarded { message: format!("{what}: {why}") });
            }
        }
        Ok(())
    }

    fn ask(&self, user: &UserName, action: AdminAction, policy: &PolicyName) -> Decision {
        let resource = AdminResource::Policy(policy.clone());
        self.compiled.decide(&AdminQuery { user, action, resource: &resource, mfa_age_seconds: 0 })
    }

    fn may(&self, user: &UserName, action: AdminAction, policy: &PolicyName) -> bool {
        self.is_active(user) && self.ask(user, action, policy).effect == Effect::Allow
    }

    fn is_mendable(&self, policy: &PolicyName) -> bool {
        self.state.users.keys().any(|user| REPAIR.iter().all(|action| self.may(user, *action, policy)))
    }

    /// Can log in.
    fn is_active(&self, user: &UserName) -> bool {
        self.state.users.get(user).is_some_and(|u| !u.disabled && u.account.is_some())
    }

    fn why(&self, user: &UserName, policy: &PolicyName, actions: &[AdminAction]) -> String {
        let mut asked = actions.iter().map(|action| self.ask(user, *action, policy));
        let refusal = asked.find(|decision| decision.effect == Effect::Deny);
        refusal.map_or_else(|| "the account could not log in".to_owned(), |decision| decision.why())
    }
}
