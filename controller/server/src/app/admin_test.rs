//! Whether somebody may do something here, without doing it.

use super::{App, AppError, Caller, access, policy_test};
use crate::policy_set;
use wharden_model::{
    AdminAction, Effect, GroupName, PolicyName, StepUp, UserName,
    action::AdminKind,
    api::{AdminTestRequest, AdminTestResult},
};
use wharden_policy::{AdminCompiled, AdminQuery, AdminResource};
use wharden_state::State;

/// A second factor that is not of the request, in seconds.
const OLDER: i64 = 1;

impl App {
    pub async fn test_admin(&self, caller: &Caller, test: AdminTestRequest) -> Result<AdminTestResult, AppError> {
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        policy_test::bounded(&test.drafts)?;
        let state = self.state();
        let resource = self.resource_of(&state, test.action, test.on.as_deref())?;
        let (name, is_service) = match (test.user, test.service_account) {
            (Some(user), None) => (user, false),
            (None, Some(account)) => (account, true),
            _ => return Err(AppError::invalid("user", "give either a user or a service account")),
        };
        let (action, drafts) = (test.action, test.drafts);
        let work = move || {
            let policies = policy_test::with_drafts(&state, &drafts)?;
            let compiled = AdminCompiled::new(&policies, &policy_set::users(&state)).map_err(AppError::internal)?;
            let at_age = |mfa_age_seconds| {
                let query = AdminQuery { user: &name, action, resource: &resource, mfa_age_seconds };
                access::decide(&compiled, &query, is_service)
            };
            let decision = at_age(0);
            // A policy may ask for more than the floor.
            let wants_code = decision.effect == Effect::Allow && at_age(OLDER).effect == Effect::Deny;
            let step_up = if wants_code { StepUp::Code } else { action.step_up() };
            let step_up = step_up.words().to_owned();
            Ok(AdminTestResult { action, resource: access::describe(&resource), decision, step_up })
        };
        self.workbench.run(&caller.user, work).await
    }

    /// What an action would be done to. Users, groups and policies need not exist: they may be about to be made.
    fn resource_of(&self, state: &State, action: AdminAction, on: Option<&str>) -> Result<AdminResource, AppError> {
        let kind = action.resource();
        let wrong = |error: &dyn std::fmt::Display| AppError::invalid("on", error.to_string());
        let Some(on) = on else {
            let what = kind.entity_type();
            return match kind {
                AdminKind::Cluster => Ok(self.cluster()),
                _ => Err(AppError::invalid("on", format!("{action} is done to one {what}: say which"))),
            };
        };
        match kind {
            AdminKind::Cluster => {
                Err(AppError::invalid("on", format!("{action} is done to the cluster: name nothing")))
            }
            AdminKind::User => UserName::new(on).map(AdminResource::User).map_err(|e| wrong(&e)),
            AdminKind::Group => GroupName::new(on).map(AdminResource::Group).map_err(|e| wrong(&e)),
            AdminKind::Policy => PolicyName::new(on).map(AdminResource::Policy).map_err(|e| wrong(&e)),
            AdminKind::Host => access::host_resource(state, &self.find_host(state, on)?),
        }
    }
}
