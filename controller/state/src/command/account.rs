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
    /// A new password, by its owner, with a second factor.
    SetPassword {
        user: UserName,
        /// The hash that the old password was checked against: must still be the account's.
        old_hash: String,
        password_hash: String,
    },
    /// A new authenticator and new recovery codes, by their owner, with a second factor of before.
    SetTotp {
        user: UserName,
        totp_sealed: Hex,
        totp_step: u64,
        recovery_hashes: Vec<Hex>,
        /// The sealed secret that it replaces: must still be the account's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Hex>,
    },
    /// New recovery codes, by their owner, with a second factor.
    SetRecovery { user: UserName, recovery_hashes: Vec<Hex> },
    /// Root at the console of a controller lets somebody in anew.
    Recover {
        user: UserName,
        /// SHA-256 of the invite.
        hash: Hex,
        expires_at: Timestamp,
        /// Who, as the operating system says.
        by: String,
    },
}

impl AccountCommand {
    pub(super) fn line(&self) -> Line {
        match self {
            Self::TakeUp { user, .. } => Line::new("account.enrol", format!("user {user}"), "password, totp"),
            Self::SetPassword { user, .. } => Line::new("account.password", format!("user {user}"), ""),
            Self::SetTotp { user, .. } => {
                Line::new("account.totp", format!("user {user}"), "new authenticator, new recovery codes")
            }
            Self::SetRecovery { user, .. } => {
                Line::new("account.recovery_codes", format!("user {user}"), "new recovery codes")
            }
            Self::Recover { user, expires_at, by, .. } => Line::new(
                "account.recover",
                format!("user {user}"),
                format!("AT THE CONSOLE by {by}: both factors removed, invite until {expires_at}"),
            ),
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

/// Device tokens of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceProof {
    /// SHA-256 of the one that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Hex>,
    /// SHA-256 of the one that is given for the next time.
    pub given: Hex,
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
        /// The device that the login comes from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<DeviceProof>,
    },
    /// A login failed.
    Fail {
        name: String,
        source: String,
        /// SHA-256 of the device token that came with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<Hex>,
    },
    /// Swaps the refresh token. A token that was swapped before ends the session: somebody has a copy.
    Refresh { id: SessionId, old_hash: Hex, new_hash: Hex, expires_at: Timestamp },
    /// Ends a session.
    Close { id: SessionId },
    /// Makes the second factor of a session fresh, by the code that comes with the entry.
    StepUp { id: SessionId },
    /// A wrong code came with a request of this session.
    StepUpFail { id: SessionId },
    /// Ends every session of a user, but one.
    CloseAll { user: UserName, except: Option<SessionId> },
}

impl SessionCommand {
    pub(super) fn line(&self) -> Option<Line> {
        match self {
            Self::Open { id, user, proof, source, .. } => Some(Line::new(
                "session.login",
                format!("user {user}"),
                format!("session {id}, factors password {}, from {source}", proof.name()),
            )),
            Self::Fail { name, source, device } => {
                let known = if device.is_some() { ", with a device token" } else { "" };
                Some(Line::new("session.login", format!("user {name}"), format!("from {source}{known}")))
            }
            Self::Refresh { .. } => None,
            Self::Close { id } => Some(Line::new("session.logout", format!("session {id}"), "")),
            Self::StepUp { id } | Self::StepUpFail { id } => {
                Some(Line::new("session.step_up", format!("session {id}"), ""))
            }
            Self::CloseAll { user, except } => {
                let detail = except.as_ref().map_or_else(|| "all".to_owned(), |id| format!("all but session {id}"));
                Some(Line::new("session.revoke", format!("user {user}"), detail))
            }
        }
    }
}
