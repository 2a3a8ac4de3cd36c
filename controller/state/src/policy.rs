//! Policy documents and their history, as text.

use crate::{
    apply::{Context, State},
    command::{FirstPolicy, PolicyCommand, PolicyOrigin},
    entry::{Applied, Kind, Rejection, Reply},
    limits,
};
use imbl::Vector;
use serde::{Deserialize, Serialize};
use wharden_model::{Mode, Revision, Timestamp};

/// One version of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// From 1.
    pub version: u64,
    pub mode: Mode,
    pub text: String,
    /// Rules in the text.
    pub rules: u32,
    pub updated_by: String,
    pub updated_at: Timestamp,
    pub origin: PolicyOrigin,
}

/// A document: its versions, and when it last changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub revision: Revision,
    pub current: PolicyVersion,
    /// Older versions, newest first; bounded.
    pub older: Vector<PolicyVersion>,
}

impl Policy {
    pub(crate) fn first(context: &Context<'_>, first: &FirstPolicy) -> Self {
        Self {
            revision: context.index,
            current: PolicyVersion {
                version: 1,
                mode: Mode::Enforce,
                text: first.text.clone(),
                rules: first.rules,
                updated_by: context.entry.actor.to_string(),
                updated_at: context.at,
                origin: PolicyOrigin::Pack,
            },
            older: Vector::new(),
        }
    }

    /// A version that is still kept.
    pub fn version(&self, version: u64) -> Option<&PolicyVersion> {
        std::iter::once(&self.current).chain(&self.older).find(|v| v.version == version)
    }
}

impl State {
    pub(crate) fn apply_policy(&mut self, context: &mut Context<'_>, command: &PolicyCommand) -> Reply {
        match command {
            PolicyCommand::Put { name, text, mode, rules, if_version, origin } => {
                let old = self.policies.get(name);
                let actual = old.map_or(0, |p| p.current.version);
                if let Some(expected) = if_version.filter(|expected| *expected != actual) {
                    return Err(Rejection::VersionMoved { name: name.clone(), expected, actual });
                }
                if old.is_none() && self.policies.len() >= limits::POLICIES_MAX {
                    return Err(Rejection::Limit { what: Kind::Policy, max: limits::POLICIES_MAX });
                }
                let mut older = old.map_or_else(Vector::new, |p| p.older.clone());
                if let Some(old) = old {
                    older.push_front(old.current.clone());
                    older.truncate(limits::POLICY_VERSIONS_MAX - 1);
                }
                let current = PolicyVersion {
                    version: actual + 1,
                    mode: mode.or(old.map(|p| p.current.mode)).unwrap_or_default(),
                    text: text.clone(),
                    rules: *rules,
                    updated_by: context.entry.actor.to_string(),
                    updated_at: context.at,
                    origin: origin.clone(),
                };
                self.policies.insert(name.clone(), Policy { revision: context.index, current, older }.into());
                context.policy_changed();
                Ok(Applied::Policy { version: actual + 1, revision: context.index })
            }
            PolicyCommand::Delete { name } => {
                self.policies
                    .remove(name)
                    .ok_or_else(|| Rejection::NotFound { kind: Kind::Policy, name: name.to_string() })?;
                context.policy_changed();
                Ok(Applied::Done)
            }
        }
    }
}
