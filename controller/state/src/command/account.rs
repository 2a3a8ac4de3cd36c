use super::Line;
use crate::hex::Hex;
use serde::{Deserialize, Serialize};
use wharden_model::{PolicyName, SessionId, Timestamp, UserName};

/// Accounts: users that can log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountCommand {
    /// Takes up the bootstrap token or an invite, and consumes it.
    TakeUp {
        /// SHA-256 of the token.
        token_hash: Hex,
        user: UserName,
        /// PHC string, argon2id.
        password_hash: String,
        /// Sealed with the user's name as associated data.
        totp_sealed: Hex,
        /// The step of the code that confirmed the secret: it is used by this.
        totp_step: u64,
        /// SHA-256 of each recovery code.
        recovery_hashes: Vec<Hex>,
        /// Policies that the first admin needs; stored when the bootstrap token is taken up.
        first_policies: Vec<FirstPolicy>,
    },
}

impl AccountCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::TakeUp { user, .. } => Line::new("account.enrol", format!("user {user}"), "password, totp"),
        }
    }
}

/// A policy that is stored together with the first admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstPolicy {
    pub name: PolicyName,
    pub text: String,
    /// Rules in the text.
    pub rules: u32,
}

/// The second factor that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A TOTP code of this step (RFC 6238 §4.2: T = unix time / 30).
    Totp { step: u64 },
    /// SHA-256 of a recovery code.
    Recovery { hash: Hex },
}

impl Proof {
    /// `totp` or `recovery_code`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Totp { .. } => "totp",
            Self::Recovery { .. } => "recovery_code",
        }
    }
}

/// Sessions of admins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionCommand {
    /// Password and second factor were right; the second factor is consumed here, by compare-and-set.
    Open {
        id: SessionId,
        user: UserName,
        /// The hash that the password was checked against: must still be the account's.
        password_hash: String,
        proof: Proof,
        /// SHA-256 of the refresh token.
        refresh_hash: Hex,
        expires_at: Timestamp,
        source: String,
    },
    /// A login failed.
    Fail { name: String, source: String },
    /// Swaps the refresh token. A token that was swapped before ends the session: somebody has a copy.
    Refresh { id: SessionId, old_hash: Hex, new_hash: Hex, expires_at: Timestamp },
    /// Ends a session.
    Close { id: SessionId },
    /// Makes the second factor of a session fresh, by the code that comes with the entry.
    StepUp { id: SessionId },
    /// A wrong code came with a request of this session.
    StepUpFail { id: SessionId },
}

impl SessionCommand {
    pub(super) fn line(&self) -> Option<Line> {
        match self {
            Self::Open { id, user, proof, source, .. } => Some(Line::new(
                "session.login",
                format!("user {user}"),
                format!("session {id}, factors password {}, from {source}", proof.name()),
            )),
            Self::Fail { name, source } => {
                Some(Line::new("session.login", format!("user {name}"), format!("from {source}")))
            }
            Self::Refresh { .. } => None,
            Self::Close { id } => Some(Line::new("session.logout", format!("session {id}"), "")),
            Self::StepUp { id } | Self::StepUpFail { id } => {
                Some(Line::new("session.step_up", format!("session {id}"), ""))
            }
        }
    }
}
