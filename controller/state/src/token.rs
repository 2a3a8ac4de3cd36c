//! Join tokens.

use crate::{
    apply::{Context, State, retain},
    command::TokenCommand,
    entry::{Actor, Applied, Kind, Rejection, Reply},
    hex::Hex,
    limits,
};
use serde::{Deserialize, Serialize};
use wharden_model::{Labels, Posture, Timestamp, TokenId};

/// Enrols hosts: short-lived, counted, labelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinToken {
    /// SHA-256 of the secret part.
    pub hash: Hex,
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub uses_left: u32,
    pub labels: Labels,
    pub posture: Posture,
}

impl State {
    pub(crate) fn apply_token(&mut self, context: &mut Context<'_>, command: &TokenCommand) -> Reply {
        match command {
            TokenCommand::Create { id, hash, expires_at, uses, labels, posture } => {
                let now = context.at;
                retain(&mut self.tokens, |token| token.expires_at > now);
                if self.tokens.len() >= limits::TOKENS_MAX {
                    return Err(Rejection::Limit { what: Kind::Token, max: limits::TOKENS_MAX });
                }
                let created_by = match &context.entry.actor {
                    Actor::User(name) => name.to_string(),
                    other => other.to_string(),
                };
                let token = JoinToken {
                    hash: hash.clone(),
                    created_by,
                    created_at: now,
                    expires_at: *expires_at,
                    uses_left: *uses,
                    labels: labels.clone(),
                    posture: *posture,
                };
                self.tokens.insert(id.clone(), token.into());
            }
            TokenCommand::Delete { id } => {
                self.tokens
                    .remove(id)
                    .ok_or_else(|| Rejection::NotFound { kind: Kind::Token, name: id.to_string() })?;
            }
        }
        Ok(Applied::Done)
    }

    /// Takes one use of a token and says what its hosts get.
    pub(crate) fn use_token(
        &mut self,
        id: &TokenId,
        hash: &Hex,
        now: Timestamp,
    ) -> Result<(Labels, Posture), Rejection> {
        let token = self.tokens.get_mut(id).filter(|t| t.hash == *hash).ok_or(Rejection::BadToken)?;
        if token.expires_at <= now {
            return Err(Rejection::TokenExpired);
        }
        token.uses_left = token.uses_left.checked_sub(1).ok_or(Rejection::TokenUsedUp)?;
        Ok((token.labels.clone(), token.posture))
    }
}
