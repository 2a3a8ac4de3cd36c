//! Users and groups.

use super::{App, AppError, Caller};
use crate::limits;
use wharden_model::{
    AdminAction, GroupName, Timestamp, UserName,
    api::{FailedFrom, FailedLogins, Group, Invite, NewGroup, NewUser, User, UserPatch},
};
use wharden_pki::token::{SecretKind, hash_secret};
use wharden_policy::AdminResource;
use wharden_state::{Command, GroupCommand, Hex, Kind, LEVEL_INVITES, Rejection, Shared, State, UserCommand};

fn failed_logins(state: &State, name: &UserName, now: Timestamp) -> Option<FailedLogins> {
    let failures = state.failures.get(name.as_str())?;
    let mut sources: Vec<FailedFrom> =
        failures.sources().map(|(address, count)| FailedFrom { address, count }).collect();
    sources.sort_by_key(|from| std::cmp::Reverse(from.count));
    let locked_until = (failures.locked_until > now).then_some(failures.locked_until);
    Some(FailedLogins { count: failures.count, last_at: failures.last_at, locked_until, sources })
}

fn user_of(state: &State, name: &UserName, user: &wharden_state::User, now: Timestamp) -> User {
    User {
        name: name.clone(),
        groups: state.groups_of(name),
        disabled: user.disabled,
        can_log_in: user.account.is_some(),
        recovery_codes_left: user.account.as_ref().map(|a| a.recovery_hashes.len() as u32),
        created_at: user.created_at,
        last_login_at: user.last_login_at,
        failed_logins: failed_logins(state, name, now),
    }
}

fn group_of(name: &GroupName, group: &wharden_state::Group) -> Group {
    Group { name: name.clone(), members: group.members.iter().cloned().collect(), created_at: group.created_at }
}

impl App {
    pub async fn users(&self, caller: &Caller) -> Result<Vec<User>, AppError> {
        let (state, now) = (self.state(), self.now());
        let shown = |(n, u): (&UserName, &Shared<_>)| (AdminResource::User(n.clone()), user_of(&state, n, u, now));
        let all = state.users.iter().map(shown).collect();
        self.readable(caller, AdminAction::UserRead, all).await
    }

    pub async fn user(&self, caller: &Caller, name: UserName) -> Result<User, AppError> {
        self.may(caller, AdminAction::UserRead, &AdminResource::User(name.clone())).await?;
        self.user_now(&name)
    }

    fn user_now(&self, name: &UserName) -> Result<User, AppError> {
        let state = self.state();
        let user = state.users.get(name).ok_or_else(|| AppError::not_found(Kind::User, name.as_str()))?;
        Ok(user_of(&state, name, user, self.now()))
    }

    /// Lets somebody try to log in again at once, who would have to wait after failed logins.
    pub async fn unlock_user(&self, caller: &Caller, name: UserName) -> Result<User, AppError> {
        self.may(caller, AdminAction::UserUpdate, &AdminResource::User(name.clone())).await?;
        self.change(caller, Command::User(UserCommand::Unlock { name: name.clone() })).await?;
        self.user_now(&name)
    }

    pub async fn create_user(&self, caller: &Caller, new: NewUser) -> Result<User, AppError> {
        let resource = AdminResource::User(new.name.clone());
        self.may(caller, AdminAction::UserCreate, &resource).await?;
        // As good as adding them: on hosts the OS user of that name has the rights at once.
        for group in &new.groups {
            self.may(caller, AdminAction::GroupUpdate, &AdminResource::Group(group.clone())).await?;
        }
        let in_groups = !new.groups.is_empty();
        let command = Command::User(UserCommand::Create { name: new.name.clone(), groups: new.groups });
        // Who is in no group takes nobody's rights.
        if in_groups {
            self.permitted_change(caller, AdminAction::UserCreate, &resource, command).await?;
        } else {
            self.change(caller, command).await?;
        }
        self.user_now(&new.name)
    }

    pub async fn patch_user(&self, caller: &Caller, name: UserName, patch: UserPatch) -> Result<User, AppError> {
        let resource = AdminResource::User(name.clone());
        let disabled = patch.disabled.ok_or_else(|| AppError::invalid("disabled", "there is nothing to change"))?;
        let command = UserCommand::SetDisabled { name: name.clone(), disabled };
        self.guarded_change(caller, AdminAction::UserUpdate, &resource, Command::User(command)).await?;
        self.user_now(&name)
    }

    pub async fn delete_user(&self, caller: &Caller, name: UserName) -> Result<(), AppError> {
        let resource = AdminResource::User(name.clone());
        let command = Command::User(UserCommand::Delete { name });
        self.guarded_change(caller, AdminAction::UserDelete, &resource, command).await.map(|_| ())
    }

    pub async fn invite_user(&self, caller: &Caller, name: UserName) -> Result<Invite, AppError> {
        self.may(caller, AdminAction::UserInvite, &AdminResource::User(name.clone())).await?;
        // Below this level the state does not refuse it.
        if self.state().level < LEVEL_INVITES {
            let state = self.raft.linearizable().await?;
            if state.users.get(&name).is_some_and(|user| user.account.is_some()) {
                return Err(Rejection::HasAccount(name).into());
            }
        }
        let invite = SecretKind::Invite.generate();
        let expires_at = self.now().plus_secs(limits::INVITE_TTL_S);
        let hash: Hex = hash_secret(invite.reveal()).into();
        let command = UserCommand::Invite { name, hash: hash.clone(), expires_at };
        self.change(caller, Command::User(command)).await?;
        self.is_known(|state| state.invites.contains_key(&hash))?;
        Ok(Invite { invite, expires_at })
    }

    /// Takes both factors of somebody whose device is lost away, and lets them set up others.
    pub async fn reset_user(&self, caller: &Caller, name: UserName) -> Result<Invite, AppError> {
        let resource = AdminResource::User(name.clone());
        let invite = SecretKind::Invite.generate();
        let expires_at = self.now().plus_secs(limits::INVITE_TTL_S);
        let hash: Hex = hash_secret(invite.reveal()).into();
        let command = UserCommand::Reset { name, hash: hash.clone(), expires_at };
        self.guarded_change(caller, AdminAction::UserInvite, &resource, Command::User(command)).await?;
        self.is_known(|state| state.invites.contains_key(&hash))?;
        Ok(Invite { invite, expires_at })
    }

    pub async fn groups(&self, caller: &Caller) -> Result<Vec<Group>, AppError> {
        let all = self.state().groups.iter().map(|(n, g)| (AdminResource::Group(n.clone()), group_of(n, g))).collect();
        self.readable(caller, AdminAction::GroupRead, all).await
    }

    pub async fn group(&self, caller: &Caller, name: GroupName) -> Result<Group, AppError> {
        self.may(caller, AdminAction::GroupRead, &AdminResource::Group(name.clone())).await?;
        let state = self.state();
        let group = state.groups.get(&name).ok_or_else(|| AppError::not_found(Kind::Group, name.as_str()))?;
        Ok(group_of(&name, group))
    }

    pub async fn create_group(&self, caller: &Caller, new: NewGroup) -> Result<Group, AppError> {
        let resource = AdminResource::Group(new.name.clone());
        self.may(caller, AdminAction::GroupCreate, &resource).await?;
        let has_members = !new.members.is_empty();
        let command = Command::Group(GroupCommand::Create { name: new.name.clone(), members: new.members });
        if has_members {
            self.may(caller, AdminAction::GroupUpdate, &resource).await?;
            self.permitted_change(caller, AdminAction::GroupCreate, &resource, command).await?;
        } else {
            self.change(caller, command).await?;
        }
        let state = self.state();
        let group = state.groups.get(&new.name).ok_or_else(|| AppError::not_found(Kind::Group, new.name.as_str()))?;
        Ok(group_of(&new.name, group))
    }

    pub async fn delete_group(&self, caller: &Caller, name: GroupName) -> Result<(), AppError> {
        let resource = AdminResource::Group(name.clone());
        let command = Command::Group(GroupCommand::Delete { name });
        self.guarded_change(caller, AdminAction::GroupDelete, &resource, command).await.map(|_| ())
    }

    pub async fn add_member(&self, caller: &Caller, name: GroupName, user: UserName) -> Result<(), AppError> {
        let resource = AdminResource::Group(name.clone());
        let command = Command::Group(GroupCommand::Add { name, user });
        self.guarded_change(caller, AdminAction::GroupUpdate, &resource, command).await.map(|_| ())
    }

    pub async fn remove_member(&self, caller: &Caller, name: GroupName, user: UserName) -> Result<(), AppError> {
        let resource = AdminResource::Group(name.clone());
        let command = Command::Group(GroupCommand::Remove { name, user });
        self.guarded_change(caller, AdminAction::GroupUpdate, &resource, command).await.map(|_| ())
    }
}
