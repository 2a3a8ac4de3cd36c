//! Join tokens.

use super::{App, AppError, Caller};
use crate::limits;
use wharden_model::{
    AdminAction, TokenId, UserName,
    api::{CreatedToken, JoinToken, NewToken},
};
use wharden_state::{Command, Kind, TokenCommand};

fn token_of(id: &TokenId, token: &wharden_state::JoinToken) -> Result<JoinToken, AppError> {
    Ok(JoinToken {
        id: id.clone(),
        created_by: UserName::new(token.created_by.clone()).map_err(AppError::internal)?,
        created_at: token.created_at,
        expires_at: token.expires_at,
        uses_left: token.uses_left,
        labels: token.labels.clone(),
        posture: token.posture,
    })
}

impl App {
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<JoinToken>, AppError> {
        self.may(caller, AdminAction::TokenRead, &self.cluster()).await?;
        let now = self.now();
        self.state().tokens.iter().filter(|(_, t)| t.expires_at > now).map(|(id, t)| token_of(id, t)).collect()
    }

    pub async fn create_token(&self, caller: &Caller, new: NewToken) -> Result<CreatedToken, AppError> {
        self.may(caller, AdminAction::TokenCreate, &self.cluster()).await?;
        let (shortest, longest) = (limits::TOKEN_TTL_MIN_S, limits::TOKEN_TTL_MAX_S);
        if !(shortest..=longest).contains(&new.ttl_s) {
            return Err(AppError::invalid("ttl_s", format!("a token lasts {shortest} to {longest} seconds")));
        }
        if !(1..=limits::TOKEN_USES_MAX).contains(&new.uses) {
            return Err(AppError::invalid("uses", format!("a token has 1 to {} uses", limits::TOKEN_USES_MAX)));
        }
        let token = wharden_pki::token::JoinToken::generate(self.keys.ca.fingerprint());
        let command = TokenCommand::Create {
            id: token.id.clone(),
            hash: token.secret_hash().into(),
            expires_at: self.now().plus_secs(new.ttl_s),
            uses: new.uses,
            labels: new.labels,
            posture: new.posture,
        };
        self.change(caller, Command::Token(command)).await?;
        let state = self.state();
        let stored = state.tokens.get(&token.id).ok_or_else(|| AppError::not_found(Kind::Token, token.id.as_str()))?;
        Ok(CreatedToken { token: token.text(), info: token_of(&token.id, stored)? })
    }

    pub async fn delete_token(&self, caller: &Caller, id: TokenId) -> Result<(), AppError> {
        self.may(caller, AdminAction::TokenDelete, &self.cluster()).await?;
        self.change(caller, Command::Token(TokenCommand::Delete { id })).await.map(|_| ())
    }
}
