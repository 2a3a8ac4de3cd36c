//! Policy documents.

use super::{App, AppError, Caller};
use crate::limits::GROUPS_LOOKED_AT;
use std::{collections::BTreeSet, ops::Deref};
use wharden_model::{
    AdminAction, GroupName, Mode, PolicyName, StepUp,
    api::{Policy, PolicyPut, PolicyText, PolicyVersion, RollbackTo, Validation, ValidationIssue},
    limits::POLICY_TEXT_MAX,
};
use wharden_policy::{AdminResource, Parsed};
use wharden_state::{Command, Kind, PolicyCommand, PolicyOrigin, State};

fn policy_of(name: &PolicyName, policy: &wharden_state::Policy, with_text: bool) -> Policy {
    let current = &policy.current;
    Policy {
        name: name.clone(),
        mode: current.mode,
        version: current.version,
        revision: policy.revision,
        updated_by: current.updated_by.clone(),
        updated_at: current.updated_at,
        rules: current.rules,
        text: with_text.then(|| current.text.clone()),
        warnings: Vec::new(),
    }
}

fn version_of(version: &wharden_state::PolicyVersion) -> PolicyVersion {
    PolicyVersion {
        version: version.version,
        mode: version.mode,
        text: version.text.clone(),
        updated_by: version.updated_by.clone(),
        updated_at: version.updated_at,
    }
}

/// What is about to become the newest version.
pub(super) struct NewVersion {
    pub text: String,
    pub mode: Option<Mode>,
    pub if_version: Option<u64>,
    pub origin: PolicyOrigin,
}

/// Rules in a text that is valid.
pub(super) fn checked(text: &str) -> Result<u32, AppError> {
    Ok(u32::try_from(parsed(text)?.rules.len()).unwrap_or(u32::MAX))
}

/// A text that is valid.
pub(super) fn parsed(text: &str) -> Result<Parsed, AppError> {
    if text.len() > POLICY_TEXT_MAX {
        return Err(AppError::TooLarge(format!(
            "the policy has {} bytes; {POLICY_TEXT_MAX} is the most that one may have: split it into several",
            text.len()
        )));
    }
    wharden_policy::validate(text).map_err(AppError::InvalidPolicy)
}

fn find<'a>(state: &'a State, name: &PolicyName) -> Result<&'a wharden_state::Policy, AppError> {
    state.policies.get(name).map(Deref::deref).ok_or_else(|| AppError::not_found(Kind::Policy, name.as_str()))
}

impl App {
    pub async fn policies(&self, caller: &Caller) -> Result<Vec<Policy>, AppError> {
        let state = self.state();
        let all =
            state.policies.iter().map(|(n, p)| (AdminResource::Policy(n.clone()), policy_of(n, p, false))).collect();
        self.readable(caller, AdminAction::PolicyRead, all).await
    }

    pub async fn policy(&self, caller: &Caller, name: &PolicyName) -> Result<Policy, AppError> {
        self.may(caller, AdminAction::PolicyRead, &AdminResource::Policy(name.clone())).await?;
        Ok(policy_of(name, find(&self.state(), name)?, true))
    }

    pub async fn put_policy(&self, caller: &Caller, name: PolicyName, put: PolicyPut) -> Result<Policy, AppError> {
        if name.as_str() == wharden_policy::BUILTIN {
            return Err(AppError::invalid(
                "name",
                format!("the name {name} is reserved for the rules that are always there"),
            ));
        }
        let exists = self.state().policies.contains_key(&name);
        let action = if exists { AdminAction::PolicyUpdate } else { AdminAction::PolicyCreate };
        // Who may create may not thereby replace what somebody else created a moment ago.
        let if_version = put.if_version.or((!exists).then_some(0));
        let new = NewVersion { text: put.text, mode: put.mode, if_version, origin: PolicyOrigin::Put };
        let resource = AdminResource::Policy(name.clone());
        let stored = match self.store_policy(caller, action, name, new).await {
            // Who may do neither does not hear which of both it would be.
            Err(error @ AppError::Forbidden { .. }) if exists => {
                match self.check(caller, AdminAction::PolicyCreate, &resource).await {
                    Err(neither @ AppError::Forbidden { .. }) => Err(neither),
                    _ => Err(error),
                }
            }
            stored => stored,
        }?;
        // It is stored, whether there is time for more or not.
        let warnings = self.warnings(caller, stored.text.clone().unwrap_or_default()).await.unwrap_or_default();
        Ok(Policy { warnings, ..stored })
    }

    /// What may be a slip in a valid text, as far as the caller may know.
    async fn warnings(&self, caller: &Caller, text: String) -> Result<Vec<ValidationIssue>, AppError> {
        let state = self.state();
        let compiled = self.access.at(&state).await?;
        let read = move || parsed(&text).map(|parsed| (parsed.rules, text));
        let (rules, text) = self.workbench.run(&caller.user, read).await?;
        let may_read = |name: &GroupName| {
            let group = AdminResource::Group(name.clone());
            self.check_by(&compiled, caller, AdminAction::GroupRead, &group).is_ok()
        };
        let named: BTreeSet<&String> = rules.iter().flat_map(|rule| &rule.groups).collect();
        let absent = named.into_iter().filter_map(|name| GroupName::new(name.as_str()).ok());
        let absent = absent.filter(|name| !state.groups.contains_key(name)).take(GROUPS_LOOKED_AT);
        // Of a group that the caller may not read, not even that it is not there.
        let absent: BTreeSet<GroupName> = absent.filter(may_read).collect();
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let near: Vec<_> =
            state.groups.keys().take(GROUPS_LOOKED_AT).filter(|name| may_read(name)).map(GroupName::as_str).collect();
        Ok(wharden_policy::absent(&text, &rules, &absent.iter().map(GroupName::as_str).collect(), &near))
    }

    pub(super) async fn store_policy(
        &self,
        caller: &Caller,
        action: AdminAction,
        name: PolicyName,
        new: NewVersion,
    ) -> Result<Policy, AppError> {
        let NewVersion { text, mode, if_version, origin } = new;
        let resource = AdminResource::Policy(name.clone());
        let written = text.clone();
        let rules = self.workbench.run(&caller.user, move || Ok(checked(&written))).await?;
        // A text that is not valid is not stored: nobody gives a code to hear what is wrong with it.
        let floor = if rules.is_ok() { action.step_up() } else { StepUp::Session };
        // Who may not store it does not hear what is wrong with it.
        self.may_with(caller, action, &resource, floor).await?;
        let rules = rules?;
        let command = PolicyCommand::Put { name: name.clone(), text, mode, rules, if_version, origin };
        self.permitted_change(caller, action, &resource, Command::Policy(command)).await?;
        Ok(policy_of(&name, find(&self.state(), &name)?, true))
    }

    pub async fn delete_policy(&self, caller: &Caller, name: PolicyName) -> Result<(), AppError> {
        let resource = AdminResource::Policy(name.clone());
        let command = Command::Policy(PolicyCommand::Delete { name });
        self.guarded_change(caller, AdminAction::PolicyDelete, &resource, command).await.map(|_| ())
    }

    pub async fn policy_versions(&self, caller: &Caller, name: &PolicyName) -> Result<Vec<PolicyVersion>, AppError> {
        self.may(caller, AdminAction::PolicyRead, &AdminResource::Policy(name.clone())).await?;
        let state = self.state();
        let policy = find(&state, name)?;
        Ok(std::iter::once(&policy.current).chain(&policy.older).map(version_of).collect())
    }

    pub async fn policy_version(
        &self,
        caller: &Caller,
        name: &PolicyName,
        version: u64,
    ) -> Result<PolicyVersion, AppError> {
        self.may(caller, AdminAction::PolicyRead, &AdminResource::Policy(name.clone())).await?;
        let state = self.state();
        let found = find(&state, name)?.version(version);
        found.map(version_of).ok_or_else(|| AppError::not_found(Kind::Version, version.to_string()))
    }

    pub async fn rollback_policy(&self, caller: &Caller, name: PolicyName, to: RollbackTo) -> Result<Policy, AppError> {
        self.may(caller, AdminAction::PolicyRead, &AdminResource::Policy(name.clone())).await?;
        let state = self.state();
        let policy = find(&state, &name)?;
        let to = to.version.unwrap_or_else(|| policy.current.version.saturating_sub(1));
        let old = policy.version(to).ok_or_else(|| AppError::not_found(Kind::Version, to.to_string()))?;
        let new = NewVersion {
            text: old.text.clone(),
            mode: Some(old.mode),
            if_version: Some(policy.current.version),
            origin: PolicyOrigin::Rollback { to },
        };
        self.store_policy(caller, AdminAction::PolicyUpdate, name, new).await
    }

    pub async fn validate_policy(&self, caller: &Caller, text: PolicyText) -> Result<Validation, AppError> {
        self.may(caller, AdminAction::PolicyTest, &self.cluster()).await?;
        match self.warnings(caller, text.text).await {
            Ok(warnings) => Ok(Validation { valid: true, issues: Vec::new(), warnings }),
            Err(AppError::InvalidPolicy(issues)) => Ok(Validation { valid: false, issues, warnings: Vec::new() }),
            Err(other) => Err(other),
        }
    }
}
