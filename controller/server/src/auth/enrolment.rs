//! An enrolment between its two steps. Nothing is stored meanwhile: the caller holds it, sealed, and brings it back
//! with a code that proves that the second factor was set up.

use crate::{auth::totp, limits};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use wharden_model::{
    Timestamp, UserName,
    api::{Enrolment, Secret},
};
use wharden_pki::ClusterKeys;
use zeroize::Zeroizing;

/// What an enrolment is for. One that was begun for the one cannot be completed for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For<'a> {
    /// A new account, with a token.
    Account,
    /// Another authenticator for an account, in a session. `of` is the sealed secret of the one that it has.
    Replacement { of: &'a [u8] },
}

impl<'a> For<'a> {
    const fn record(self) -> &'static str {
        match self {
            Self::Account => "enrolment",
            Self::Replacement { .. } => "enrolment/replacement",
        }
    }

    const fn replaces(self) -> &'a [u8] {
        match self {
            Self::Account => &[],
            Self::Replacement { of } => of,
        }
    }
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    /// Hex of SHA-256 of the token that it will consume; the session when it replaces an authenticator.
    pub token_hash: String,
    pub user: UserName,
    pub password_hash: String,
    totp_secret: Vec<u8>,
    recovery_codes: Vec<String>,
    expires_at: Timestamp,
    /// The sealed secret that it replaces; empty for a new account.
    #[serde(default)]
    pub replaces: Vec<u8>,
}

/// Why it did not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnrolmentError {
    #[error("the enrolment is damaged or was begun at another cluster")]
    Damaged,
    #[error("the enrolment expired after {} minutes", limits::ENROLMENT_TTL_S / 60)]
    Expired,
    #[error("the code is not the one of now: check the clock of the device that shows it")]
    WrongCode,
    #[error("{0}")]
    Totp(String),
}

impl Pending {
    /// A fresh second factor for somebody whose token and password were taken.
    ///
    /// # Errors
    /// [`EnrolmentError::Totp`].
    pub fn begin(
        purpose: For<'_>,
        token_hash: String,
        user: UserName,
        password_hash: String,
        cluster: &str,
        sealing: &ClusterKeys,
        now: Timestamp,
    ) -> Result<Enrolment, EnrolmentError> {
        let secret = totp::generate();
        let (totp_secret, otpauth_url) =
            totp::shown(&secret, &user, cluster).map_err(|e| EnrolmentError::Totp(e.to_string()))?;
        let recovery_codes = wharden_pki::recovery::generate();
        let pending = Self {
            token_hash,
            user,
            password_hash,
            totp_secret: secret.to_vec(),
            recovery_codes: recovery_codes.iter().map(|c| c.reveal().to_owned()).collect(),
            expires_at: now.plus_secs(limits::ENROLMENT_TTL_S),
            replaces: purpose.replaces().to_vec(),
        };
        let json = Zeroizing::new(serde_json::to_vec(&pending).map_err(|_| EnrolmentError::Damaged)?);
        let enrolment = Secret::new(URL_SAFE_NO_PAD.encode(sealing.seal(purpose.record(), &json)));
        Ok(Enrolment { enrolment, totp_secret, otpauth_url, recovery_codes })
    }

    /// What [`Pending::begin`] sealed, once a code shows that the factor works; with the step of that code.
    ///
    /// # Errors
    /// [`EnrolmentError`].
    pub fn complete(
        purpose: For<'_>,
        enrolment: &Secret,
        code: &Secret,
        sealing: &ClusterKeys,
        now: Timestamp,
    ) -> Result<(Self, u64), EnrolmentError> {
        let sealed = URL_SAFE_NO_PAD.decode(enrolment.reveal()).map_err(|_| EnrolmentError::Damaged)?;
        let json = sealing.open(purpose.record(), &sealed).map_err(|_| EnrolmentError::Damaged)?;
        let pending: Self = serde_json::from_slice(&json).map_err(|_| EnrolmentError::Damaged)?;
        if pending.expires_at <= now {
            return Err(EnrolmentError::Expired);
        }
        let step = totp::step_of(&pending.totp_secret, code, now).ok_or(EnrolmentError::WrongCode)?;
        Ok((pending, step))
    }

    /// The TOTP secret, sealed for the state.
    pub fn sealed_secret(&self, sealing: &ClusterKeys) -> Vec<u8> {
        sealing.seal(&totp_record(&self.user), &self.totp_secret)
    }

    /// Keyed hashes of the recovery codes, for the state.
    pub fn recovery_hashes(&self, sealing: &ClusterKeys) -> Vec<Vec<u8>> {
        self.recovery_codes.iter().map(|code| recovery_hash(&self.user, code, sealing)).collect()
    }
}

/// Associated data of a user's TOTP secret.
pub fn totp_record(user: &UserName) -> String {
    format!("totp/{user}")
}

/// What the hashes of a user's recovery codes are tied to.
pub fn recovery_record(user: &UserName) -> String {
    format!("recovery/{user}")
}

/// A recovery code has 50 bits, too few for a bare hash: it is keyed with the cluster key.
pub fn recovery_hash(user: &UserName, normal_code: &str, sealing: &ClusterKeys) -> Vec<u8> {
    sealing.keyed_hash(&recovery_record(user), normal_code.as_bytes())
}
