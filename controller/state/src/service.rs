//! Accounts without a person: programs with a key. They have no second factor and no session, and administer nothing.

use crate::{
    apply::{Context, State},
    command::ServiceCommand,
    docker::Issues,
    entry::{Applied, Kind, Rejection, Reply},
    hex::Hex,
    limits,
};
use serde::{Deserialize, Serialize};
use wharden_model::{Timestamp, UserName};

/// A program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// SHA-256 of the key.
    pub hash: Hex,
    pub purpose: String,
    pub created_by: String,
    pub created_at: Timestamp,
    /// When the key was made.
    pub rotated_at: Timestamp,
    pub expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker_issues: Option<Issues>,
}

impl State {
    pub(crate) fn apply_service(&mut self, context: &mut Context<'_>, command: &ServiceCommand) -> Reply {
        match command {
            ServiceCommand::Create { name, hash, expires_at, purpose } => {
                if self.service_accounts.contains_key(name) {
                    return Err(Rejection::Exists { kind: Kind::ServiceAccount, name: name.to_string() });
                }
                if self.service_accounts.len() >= limits::SERVICE_ACCOUNTS_MAX {
                    return Err(Rejection::Limit { what: Kind::ServiceAccount, max: limits::SERVICE_ACCOUNTS_MAX });
                }
                let account = ServiceAccount {
                    hash: hash.clone(),
                    purpose: purpose.clone(),
                    created_by: context.entry.actor.to_string(),
                    created_at: context.at,
                    rotated_at: context.at,
                    expires_at: *expires_at,
                    docker_issues: None,
                };
                self.service_accounts.insert(name.clone(), account.into());
            }
            ServiceCommand::Rotate { name, hash, expires_at } => {
                let account = self.service_accounts.get_mut(name).ok_or_else(|| not_found(name))?;
                account.hash = hash.clone();
                account.rotated_at = context.at;
                account.expires_at = *expires_at;
                self.end_service_certificates(context, name);
            }
            ServiceCommand::Delete { name } => {
                self.service_accounts.remove(name).ok_or_else(|| not_found(name))?;
                self.end_service_certificates(context, name);
            }
        }
        Ok(Applied::Done)
    }

    /// The account with this key, when the key has not expired.
    pub fn service_account(&self, hash: &Hex, now: Timestamp) -> Option<(&UserName, &ServiceAccount)> {
        let mut accounts = self.service_accounts.iter().map(|(name, account)| (name, &**account));
        accounts.find(|(_, account)| account.hash == *hash && account.expires_at > now)
    }
}

fn not_found(name: &UserName) -> Rejection {
    Rejection::NotFound { kind: Kind::ServiceAccount, name: name.to_string() }
}
