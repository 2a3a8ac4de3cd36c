//! Users and the accounts of those who can log in.

use crate::{
    apply::{Context, State, retain},
    command::{AccountCommand, Proof, UserCommand},
    ended::EndReason,
    entry::{Applied, Kind, Rejection, Reply},
    hex::Hex,
    level::LEVEL_INVITES,
    limits,
    lockout::Device,
    policy::Policy,
};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use std::ops::DerefMut;
use wharden_model::{GroupName, SessionId, Timestamp, UserName};

/// Members of this group may do everything here, by the policy that the bootstrap stores.
pub(crate) const FIRST_GROUP: &str = "admins";

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub created_at: Timestamp,
    pub disabled: bool,
    /// `None` for somebody who only exists on hosts.
    pub account: Option<Account>,
    pub last_login_at: Option<Timestamp>,
}

/// The two factors of a user. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// PHC string, argon2id.
    pub password_hash: String,
    /// TOTP secret, sealed with `totp/<user name>` as associated data.
    pub totp_sealed: Hex,
    /// The newest step that was used; only later ones are accepted (RFC 6238 §5.2).
    pub totp_last_step: u64,
    /// SHA-256 of the recovery codes that are left.
    pub recovery_hashes: OrdSet<Hex>,
    /// Devices that it was logged in from, by the hash of their tokens.
    #[serde(default, skip_serializing_if = "OrdMap::is_empty")]
    pub devices: OrdMap<Hex, Device>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("totp_last_step", &self.totp_last_step).finish_non_exhaustive()
    }
}

impl Account {
    /// Uses up a second factor; returns how many recovery codes are left.
    pub(crate) fn consume(&mut self, proof: &Proof) -> Result<u32, Rejection> {
        match proof {
            Proof::Totp { step } if *step <= self.totp_last_step => return Err(Rejection::CodeUsed),
            Proof::Totp { step } => self.totp_last_step = *step,
            Proof::Recovery { hash } => {
                self.recovery_hashes.remove(hash).ok_or(Rejection::BadCredentials)?;
            }
        }
        Ok(self.recovery_hashes.len() as u32)
    }
}

/// Lets a user set up its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    pub user: UserName,
    pub expires_at: Timestamp,
}

impl State {
    /// The groups that a user is in.
    pub fn groups_of(&self, user: &UserName) -> Vec<GroupName> {
        self.groups.iter().filter(|(_, g)| g.members.contains(user)).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn apply_account(&mut self, context: &mut Context<'_>, command: &AccountCommand) -> Reply {
        let AccountCommand::TakeUp {
            token_hash,
            user,
            password_hash,
            totp_sealed,
            totp_step,
            recovery_hashes,
            first_policies,
        } = command
        else {
            return self.apply_factors(context, command);
        };
        let account = Account {
            password_hash: password_hash.clone(),
            totp_sealed: totp_sealed.clone(),
            totp_last_step: *totp_step,
            recovery_hashes: recovery_hashes.iter().cloned().collect(),
            devices: OrdMap::new(),
        };
        let cluster = self.cluster.as_mut().ok_or(Rejection::NotInitialised)?;
        if cluster.bootstrap_hash.as_ref() == Some(token_hash) {
            cluster.bootstrap_hash = None;
            for first in first_policies {
                self.policies.insert(first.name.clone(), Policy::first(context, first).into());
            }
            self.create_user(context, user, &[])?;
            let group = GroupName::new(FIRST_GROUP).map_err(|_| Rejection::BadToken)?;
            self.groups
                .entry(group)
                .or_insert_with(|| crate::Group::new(context.at).into())
                .members
                .insert(user.clone());
        } else {
            let invite = self.invites.remove(token_hash).ok_or(Rejection::BadToken)?;
            if invite.user != *user {
                return Err(Rejection::BadToken);
            }
            if invite.expires_at <= context.at {
                return Err(Rejection::TokenExpired);
            }
            self.end_sessions_of(context, user, EndReason::SetUpAnew);
        }
        self.user_mut(user)?.account = Some(account);
        self.failures.remove(user.as_str());
        context.policy_changed();
        Ok(Applied::Done)
    }

    pub(crate) fn apply_user(&mut self, context: &mut Context<'_>, command: &UserCommand) -> Reply {
        match command {
            UserCommand::Create { name, groups } => {
                self.create_user(context, name, groups)?;
                context.policy_changed();
            }
            UserCommand::SetDisabled { name, disabled } => {
                self.user_mut(name)?.disabled = *disabled;
                if *disabled {
                    self.end_sessions_of(context, name, EndReason::Disabled);
                }
                context.policy_changed();
            }
            UserCommand::Delete { name } => {
                self.users.remove(name).ok_or_else(|| not_found(name))?;
                self.groups = std::mem::take(&mut self.groups)
                    .into_iter()
                    .map(|(group_name, mut group)| {
                        group.members.remove(name);
                        (group_name, group)
                    })
                    .collect();
                retain(&mut self.invites, |invite| invite.user != *name);
                self.end_sessions_of(context, name, EndReason::Deleted);
                context.policy_changed();
            }
            UserCommand::Invite { name, hash, expires_at } => {
                // It would take their factors away, which is a reset, and guarded.
                let has_account = self.users.get(name).is_some_and(|user| user.account.is_some());
                if self.level >= LEVEL_INVITES && has_account {
                    return Err(Rejection::HasAccount(name.clone()));
                }
                self.invite(context, name, hash, *expires_at)?;
            }
            UserCommand::Reset { name, hash, expires_at } => {
                self.invite(context, name, hash, *expires_at)?;
                self.forget_factors(context, name, EndReason::Reset)?;
            }
            UserCommand::Unlock { name } => {
                self.user_mut(name)?;
                self.unlock(name);
            }
        }
        Ok(Applied::Done)
    }

    /// Lets a user set up an account; an earlier invite is void.
    pub(crate) fn invite(
        &mut self,
        context: &Context<'_>,
        name: &UserName,
        hash: &Hex,
        expires_at: Timestamp,
    ) -> Result<(), Rejection> {
        self.user_mut(name)?;
        let now = context.at;
        retain(&mut self.invites, |invite| invite.user != *name && invite.expires_at > now);
        if self.invites.len() >= limits::INVITES_MAX {
            return Err(Rejection::Limit { what: Kind::Invite, max: limits::INVITES_MAX });
        }
        self.invites.insert(hash.clone(), Invite { user: name.clone(), expires_at });
        Ok(())
    }

    fn create_user(&mut self, context: &Context<'_>, name: &UserName, groups: &[GroupName]) -> Result<(), Rejection> {
        if self.users.contains_key(name) {
            return Err(Rejection::Exists { kind: Kind::User, name: name.to_string() });
        }
        if self.users.len() >= limits::USERS_MAX {
            return Err(Rejection::Limit { what: Kind::User, max: limits::USERS_MAX });
        }
        for group in groups {
            self.group_mut(group)?.members.insert(name.clone());
        }
        let user = User { created_at: context.at, disabled: false, account: None, last_login_at: None };
        self.users.insert(name.clone(), user.into());
        Ok(())
    }

    pub(crate) fn user_mut(&mut self, name: &UserName) -> Result<&mut User, Rejection> {
        self.users.get_mut(name).map(DerefMut::deref_mut).ok_or_else(|| not_found(name))
    }

    pub(crate) fn end_sessions_of(&mut self, context: &mut Context<'_>, user: &UserName, why: EndReason) {
        self.end_sessions_but(context, user, None, why);
    }

    /// Ends the sessions of a user whose rights changed, but the one that the change came from.
    pub(crate) fn end_other_sessions_of(&mut self, context: &mut Context<'_>, user: &UserName, why: EndReason) {
        self.end_sessions_but(context, user, context.entry.session(), why);
    }

    pub(crate) fn end_sessions_but(
        &mut self,
        context: &mut Context<'_>,
        user: &UserName,
        except: Option<&SessionId>,
        why: EndReason,
    ) {
        let of_user = self.sessions.iter().filter(|(id, s)| s.user == *user && Some(*id) != except);
        let ids: Vec<SessionId> = of_user.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.end_session(context, &id, why);
        }
    }
}

fn not_found(name: &UserName) -> Rejection {
    Rejection::NotFound { kind: Kind::User, name: name.to_string() }
}
