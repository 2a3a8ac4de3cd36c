//! Accounts without a person.

use super::{App, AppError, Caller};
use crate::limits;
use wharden_model::{
    AdminAction, Timestamp, UserName,
    api::{CreatedServiceAccount, NewServiceAccount, RotateServiceAccount, ServiceAccount},
};
use wharden_pki::token::{SecretKind, hash_secret};
use wharden_state::{Command, Hex, Kind, ServiceCommand};

fn account_of(name: &UserName, account: &wharden_state::ServiceAccount) -> ServiceAccount {
    ServiceAccount {
        name: name.clone(),
        purpose: account.purpose.clone(),
        created_by: account.created_by.clone(),
        created_at: account.created_at,
        rotated_at: account.rotated_at,
        expires_at: account.expires_at,
    }
}

impl App {
    pub async fn service_accounts(&self, caller: &Caller) -> Result<Vec<ServiceAccount>, AppError> {
        self.may(caller, AdminAction::ServiceAccountRead, &self.cluster()).await?;
        Ok(self.state().service_accounts.iter().map(|(name, account)| account_of(name, account)).collect())
    }

    pub async fn create_service_account(
        &self,
        caller: &Caller,
        new: NewServiceAccount,
    ) -> Result<CreatedServiceAccount, AppError> {
        self.may(caller, AdminAction::ServiceAccountCreate, &self.cluster()).await?;
        let expires_at = self.end_of_key(new.ttl_s)?;
        if new.purpose.len() > limits::PURPOSE_MAX {
            let message = format!("it has {} bytes; {} is the most", new.purpose.len(), limits::PURPOSE_MAX);
            return Err(AppError::invalid("purpose", message));
        }
        let key = SecretKind::ServiceKey.generate();
        let hash: Hex = hash_secret(key.reveal()).into();
        let command =
            ServiceCommand::Create { name: new.name.clone(), hash: hash.clone(), expires_at, purpose: new.purpose };
        self.change(caller, Command::Service(command)).await?;
        self.is_known(|state| state.service_accounts.get(&new.name).is_some_and(|account| account.hash == hash))?;
        Ok(CreatedServiceAccount { key, info: self.stored(&new.name)? })
    }

    pub async fn rotate_service_account(
        &self,
        caller: &Caller,
        name: UserName,
        rotate: RotateServiceAccount,
    ) -> Result<CreatedServiceAccount, AppError> {
        self.may(caller, AdminAction::ServiceAccountRotate, &self.cluster()).await?;
        let expires_at = self.end_of_key(rotate.ttl_s)?;
        let key = SecretKind::ServiceKey.generate();
        let hash: Hex = hash_secret(key.reveal()).into();
        let command = ServiceCommand::Rotate { name: name.clone(), hash: hash.clone(), expires_at };
        self.change(caller, Command::Service(command)).await?;
        self.is_known(|state| state.service_accounts.get(&name).is_some_and(|account| account.hash == hash))?;
        Ok(CreatedServiceAccount { key, info: self.stored(&name)? })
    }

    pub async fn delete_service_account(&self, caller: &Caller, name: UserName) -> Result<(), AppError> {
        self.may(caller, AdminAction::ServiceAccountDelete, &self.cluster()).await?;
        self.change(caller, Command::Service(ServiceCommand::Delete { name })).await.map(|_| ())
    }

    fn end_of_key(&self, ttl_s: u64) -> Result<Timestamp, AppError> {
        let (shortest, longest) = (limits::SERVICE_KEY_TTL_MIN_S, limits::SERVICE_KEY_TTL_MAX_S);
        if (shortest..=longest).contains(&ttl_s) {
            return Ok(self.now().plus_secs(ttl_s));
        }
        Err(AppError::invalid("ttl_s", format!("a key lasts {shortest} to {longest} seconds")))
    }

    fn stored(&self, name: &UserName) -> Result<ServiceAccount, AppError> {
        let state = self.state();
        let account = state.service_accounts.get(name);
        let account = account.ok_or_else(|| AppError::not_found(Kind::ServiceAccount, name.as_str()))?;
        Ok(account_of(name, account))
    }
}
