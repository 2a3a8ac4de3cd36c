//! One-time secrets as people copy them: join tokens, bootstrap tokens, invites, refresh tokens.
//!
//! Each has a prefix, so that a secret found in a log or a repository says what it is. Only hashes are stored; a plain
//! SHA-256 is enough, since each carries at least 160 random bits.

use crate::limits::TOKEN_TEXT_MAX;
use data_encoding::{BASE32_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use std::str::FromStr;
use wharden_model::{TokenId, api::Secret};

const JOIN_PREFIX: &str = "wjt";
const JOIN_SECRET_LEN: usize = 32;
const SECRET_LEN: usize = 52;

/// Why a text is not the token that it was taken for. The text itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("this is not a {expected}: those begin with {prefix}_")]
    Prefix { expected: &'static str, prefix: &'static str },
    #[error("the {expected} is damaged or cut short: copy all of it")]
    Damaged { expected: &'static str },
}

/// A join token: enrols a host, and tells it which controller to trust on first contact.
///
/// Text: `wjt_<12 hex digits of the id>_<secret>_<64 hex digits of the CA's fingerprint>`.
#[derive(Clone)]
pub struct JoinToken {
    /// Which token; not secret.
    pub id: TokenId,
    /// The secret part.
    pub secret: Secret,
    /// SHA-256 of the CA's certificate.
    pub ca_fingerprint: [u8; 32],
}

impl JoinToken {
    /// A new one with its own id, for the cluster with this CA.
    pub fn generate(ca_fingerprint: [u8; 32]) -> Self {
        let mut id = [0; 6];
        rand::fill(&mut id);
        let id = TokenId::new(format!("jt-{}", HEXLOWER.encode(&id))).expect("6 bytes are 12 hex digits");
        Self { id, secret: Secret::new(random_text::<20>()), ca_fingerprint }
    }

    /// The text to be copied to a host.
    pub fn text(&self) -> Secret {
        let id = self.id.as_str().trim_start_matches("jt-");
        Secret::new(format!("{JOIN_PREFIX}_{id}_{}_{}", self.secret.reveal(), HEXLOWER.encode(&self.ca_fingerprint)))
    }

    /// What the state keeps of it: [`hash_secret`] of the secret part.
    pub fn secret_hash(&self) -> [u8; 32] {
        hash_secret(self.secret.reveal())
    }
}

impl FromStr for JoinToken {
    type Err = TokenError;

    /// Reads the text; white space around it is ignored, since it was copied by hand.
    fn from_str(text: &str) -> Result<Self, TokenError> {
        const EXPECTED: &str = "join token";
        let Parts { id, secret, ca_fingerprint } = Parts::read(text, EXPECTED, JOIN_PREFIX)?;
        let id = TokenId::new(format!("jt-{id}")).map_err(|_| TokenError::Damaged { expected: EXPECTED })?;
        Ok(Self { id, secret, ca_fingerprint })
    }
}

/// What is behind the prefix of a token that names its cluster's CA.
pub(crate) struct Parts<'t> {
    pub id: &'t str,
    pub secret: Secret,
    pub ca_fingerprint: [u8; 32],
}

impl<'t> Parts<'t> {
    pub(crate) fn read(text: &'t str, expected: &'static str, prefix: &'static str) -> Result<Self, TokenError> {
        let text = text.trim();
        let rest = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(TokenError::Prefix { expected, prefix })?;
        let damaged = TokenError::Damaged { expected };
        if rest.len() > TOKEN_TEXT_MAX {
            return Err(damaged);
        }
        let mut parts = rest.split('_');
        let (Some(id), Some(secret), Some(print), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(damaged);
        };
        if !is_random_text(secret, JOIN_SECRET_LEN) {
            return Err(damaged);
        }
        let print = HEXLOWER.decode(print.as_bytes()).map_err(|_| damaged)?;
        let ca_fingerprint = <[u8; 32]>::try_from(print).map_err(|_| damaged)?;
        Ok(Self { id, secret: Secret::new(secret), ca_fingerprint })
    }
}

/// The kinds of one-time secret that are a prefix and 256 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// Makes the first admin.
    Bootstrap,
    /// Lets a person set up an account.
    Invite,
    /// Continues a session.
    Refresh,
    /// Tells a device that was logged in from.
    Device,
    /// The key of a service account: not used up, but with an end.
    ServiceKey,
}

impl SecretKind {
    /// What its texts begin with, before `_`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Bootstrap => "wbt",
            Self::Invite => "win",
            Self::Refresh => "wrt",
            Self::Device => "wdt",
            Self::ServiceKey => "wsk",
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap token",
            Self::Invite => "invite",
            Self::Refresh => "refresh token",
            Self::Device => "device token",
            Self::ServiceKey => "service account's key",
        }
    }

    /// A new secret of this kind.
    pub fn generate(self) -> Secret {
        Secret::new(format!("{}_{}", self.prefix(), random_text::<32>()))
    }

    /// Checks the form of a text and gives it back without white space around it. Whether it is known is for the state
    /// to say.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn parse(self, text: &str) -> Result<Secret, TokenError> {
        let text = text.trim();
        let body = text
            .strip_prefix(self.prefix())
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(TokenError::Prefix { expected: self.name(), prefix: self.prefix() })?;
        if is_random_text(body, SECRET_LEN) {
            Ok(Secret::new(text))
        } else {
            Err(TokenError::Damaged { expected: self.name() })
        }
    }
}

/// SHA-256 of a secret with at least 160 random bits. Not for passwords nor recovery codes.
pub fn hash_secret(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

pub(crate) fn random_text<const BYTES: usize>() -> String {
    let mut bytes = zeroize::Zeroizing::new([0; BYTES]);
    rand::fill(&mut bytes[..]);
    BASE32_NOPAD.encode(&bytes[..]).to_ascii_lowercase()
}

fn is_random_text(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn join_tokens_round_trip_and_never_show() {
        let token = JoinToken::generate([0xab; 32]);
        let text = token.text();
        assert!(text.reveal().len() <= TOKEN_TEXT_MAX);
        let again: JoinToken = format!(" {}\n", text.reveal()).parse().expect("reads");
        assert_eq!((&again.id, again.ca_fingerprint), (&token.id, token.ca_fingerprint));
        assert_eq!(again.secret_hash(), token.secret_hash());
        for len in 0..text.reveal().len() {
            let error = text.reveal()[..len].parse::<JoinToken>().err().expect("cut");
            assert!(!error.to_string().contains(token.secret.reveal()));
        }
    }

    #[test]
    fn each_kind_reads_only_its_own() {
        let kinds = [
            SecretKind::Bootstrap,
            SecretKind::Invite,
            SecretKind::Refresh,
            SecretKind::Device,
            SecretKind::ServiceKey,
        ];
        for made in kinds {
            let secret = made.generate();
            for read in kinds {
                assert_eq!(read.parse(secret.reveal()).is_ok(), made == read);
            }
            assert_eq!(made.parse(&secret.reveal()[..40]).err(), Some(TokenError::Damaged { expected: made.name() }));
        }
        assert_ne!(SecretKind::Refresh.generate(), SecretKind::Refresh.generate());
    }

    proptest! {
        #[test]
        fn what_reads_as_a_join_token_writes_the_same(text in "(wjt_)?[0-9a-f]{11,13}_[a-z2-7]{31,33}_[0-9a-f]{63,65}(_x)?") {
            if let Ok(token) = text.parse::<JoinToken>() {
                let written = token.text();
                prop_assert_eq!(written.reveal(), text.as_str());
            }
        }

        #[test]
        fn rubbish_is_no_token(text in ".{0,300}") {
            prop_assert!(text.parse::<JoinToken>().is_err());
            prop_assert!(SecretKind::Refresh.parse(&text).is_err());
        }
    }
}
