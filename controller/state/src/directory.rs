//! Groups of users.

use crate::{
    apply::{Context, State},
    command::GroupCommand,
    ended::EndReason,
    entry::{Applied, Kind, Rejection, Reply},
    limits,
};
use imbl::OrdSet;
use serde::{Deserialize, Serialize};
use std::ops::DerefMut;
use wharden_model::{GroupName, Timestamp, UserName};

/// A named set of users. Its members' sessions end when they come or go: a role is what one logged in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub created_at: Timestamp,
    pub members: OrdSet<UserName>,
}

impl Group {
    pub(crate) fn new(created_at: Timestamp) -> Self {
        Self { created_at, members: OrdSet::new() }
    }
}

impl State {
    pub(crate) fn apply_group(&mut self, context: &mut Context<'_>, command: &GroupCommand) -> Reply {
        match command {
            GroupCommand::Create { name, members } => {
                if self.groups.contains_key(name) {
                    return Err(Rejection::Exists { kind: Kind::Group, name: name.to_string() });
                }
                if self.groups.len() >= limits::GROUPS_MAX {
                    return Err(Rejection::Limit { what: Kind::Group, max: limits::GROUPS_MAX });
                }
                let mut group = Group::new(context.at);
                for member in members {
                    self.user_mut(member)?;
                    group.members.insert(member.clone());
                }
                self.groups.insert(name.clone(), group.into());
                for member in members {
                    self.end_other_sessions_of(context, member, EndReason::Roles);
                }
            }
            GroupCommand::Delete { name } => {
                let group = self.groups.remove(name).ok_or_else(|| not_found(name))?;
                for member in &group.members {
                    self.end_other_sessions_of(context, member, EndReason::Roles);
                }
            }
            GroupCommand::Add { name, user } => {
                self.user_mut(user)?;
                self.group_mut(name)?.members.insert(user.clone());
                self.end_other_sessions_of(context, user, EndReason::Roles);
            }
            GroupCommand::Remove { name, user } => {
                self.group_mut(name)?
                    .members
                    .remove(user)
                    .ok_or_else(|| Rejection::NotFound { kind: Kind::Member, name: user.to_string() })?;
                self.end_other_sessions_of(context, user, EndReason::Roles);
            }
        }
        context.policy_changed();
        Ok(Applied::Done)
    }

    pub(crate) fn group_mut(&mut self, name: &GroupName) -> Result<&mut Group, Rejection> {
        self.groups.get_mut(name).map(DerefMut::deref_mut).ok_or_else(|| not_found(name))
    }
}

fn not_found(name: &GroupName) -> Rejection {
    Rejection::NotFound { kind: Kind::Group, name: name.to_string() }
}
