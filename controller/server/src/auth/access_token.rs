//! Access tokens: JWT (RFC 7519) signed with Ed25519 (RFC 8037). The algorithm, key id, issuer and audience are
//! fixed; what a header says about them is compared, never followed.

use crate::limits;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wharden_model::{ClusterId, SessionId, Timestamp, UserName, api::Secret};
use zeroize::Zeroizing;

const AUDIENCE: &str = "wharden-rest";

/// What a token says. Everything else is looked up in the session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserName,
    sid: SessionId,
    /// Seconds since the epoch.
    iat: u64,
    exp: u64,
}

/// Signs and checks.
pub struct AccessKeys {
    issuer: String,
    key_id: String,
    pkcs8: Zeroizing<Vec<u8>>,
    signing: EncodingKey,
    checking: DecodingKey,
}

/// A key could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token key cannot be used: {0}")]
pub struct AccessKeyError(String);

/// A token that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub user: UserName,
    pub session: SessionId,
    pub expires_at: Timestamp,
}

/// The token is not one of ours, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    #[error("the access token is not valid")]
    Invalid,
    #[error("the access token expired")]
    Expired,
}

impl AccessKeys {
    /// A fresh key.
    ///
    /// # Errors
    /// [`AccessKeyError`].
    pub fn generate(cluster: &ClusterId) -> Result<Self, AccessKeyError> {
        let key = Ed25519KeyPair::generate().map_err(|e| AccessKeyError(e.to_string()))?;
        let pkcs8 = key.to_pkcs8v1().map_err(|e| AccessKeyError(e.to_string()))?;
        Self::from_pkcs8(cluster, pkcs8.as_ref())
    }

    /// A key that was stored.
    ///
    /// # Errors
    /// [`AccessKeyError`].
    pub fn from_pkcs8(cluster: &ClusterId, der: &[u8]) -> Result<Self, AccessKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|e| AccessKeyError(e.to_string()))?;
        let public = pair.public_key().as_ref();
        let checking = DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(public))
            .map_err(|e| AccessKeyError(e.to_string()))?;
        Ok(Self {
            issuer: format!("wharden {cluster}"),
            key_id: URL_SAFE_NO_PAD.encode(&Sha256::digest(public)[..12]),
            pkcs8: Zeroizing::new(der.to_vec()),
            signing: EncodingKey::from_ed_der(der),
            checking,
        })
    }

    /// Names the key in the header of its tokens.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The private key, to be sealed.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// A token for a session, and its end.
    ///
    /// # Errors
    /// [`AccessKeyError`] when signing fails.
    pub fn issue(
        &self,
        user: &UserName,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp), AccessKeyError> {
        let expires_at = Timestamp::from_secs(now.as_secs()).plus_secs(limits::ACCESS_TTL_S);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: user.clone(),
            sid: session.clone(),
            iat: now.as_secs(),
            exp: expires_at.as_secs(),
        };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing).map_err(|e| AccessKeyError(e.to_string()))?;
        Ok((Secret::new(token), expires_at))
    }

    /// Checks a token.
    ///
    /// # Errors
    /// [`AccessError`], without saying what of it did not fit.
    pub fn check(&self, token: &str, now: Timestamp) -> Result<Bearer, AccessError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| AccessError::Invalid)?;
        if header.alg != Algorithm::EdDSA || header.kid.as_deref() != Some(&self.key_id) {
            return Err(AccessError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Time is an argument here; it is compared below.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &validation)
            .map_err(|_| AccessError::Invalid)?
            .claims;
        let expires_at = Timestamp::from_secs(claims.exp);
        if expires_at <= now {
            return Err(AccessError::Expired);
        }
        Ok(Bearer { user: claims.sub, session: claims.sid, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> AccessKeys {
        AccessKeys::generate(&ClusterId::new("c-0123456789abcdef").expect("valid")).expect("made")
    }

    fn issue(keys: &AccessKeys, now: Timestamp) -> String {
        let user = UserName::new("alice").expect("valid");
        let session = SessionId::new(format!("s-{:032x}", 7)).expect("valid");
        keys.issue(&user, &session, now).expect("signed").0.reveal().to_owned()
    }

    #[test]
    fn a_token_is_good_until_it_ends() {
        let keys = keys();
        let now = Timestamp::from_secs(1_000_000);
        let token = issue(&keys, now);
        assert_eq!(keys.check(&token, now).expect("good").user.as_str(), "alice");
        assert_eq!(keys.check(&token, now.plus_secs(limits::ACCESS_TTL_S)), Err(AccessError::Expired));
        let stored = AccessKeys::from_pkcs8(&ClusterId::new("c-0123456789abcdef").expect("valid"), keys.pkcs8());
        assert!(stored.expect("read back").check(&token, now).is_ok());
    }

    #[test]
    fn forged_tokens_are_refused() {
        let keys = keys();
        let now = Timestamp::from_secs(1_000_000);
        let token = issue(&keys, now);
        let parts: Vec<&str> = token.split('.').collect();
        let header = |json: &str| URL_SAFE_NO_PAD.encode(json);
        let none = format!("{}.{}.", header(r#"{"alg":"none","typ":"JWT"}"#), parts[1]);
        let kid = &keys.key_id;
        let hmac_header = Header { kid: Some(kid.clone()), ..Header::new(Algorithm::HS256) };
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).expect("base64")).expect("json");
        let hmac = jsonwebtoken::encode(&hmac_header, &claims, &EncodingKey::from_secret(kid.as_bytes()));
        let mut wider = claims.clone();
        let forge = |header: &Header, claims: &serde_json::Value, key: &EncodingKey| {
            jsonwebtoken::encode(header, claims, key).expect("signed")
        };
        let ours = || Header { kid: Some(kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let mut forged = Vec::new();
        // The public key as a secret, the classic confusion of two algorithms.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(keys.pkcs8()).expect("key");
        forged.push(forge(&hmac_header, &claims, &EncodingKey::from_secret(pair.public_key().as_ref())));
        // A key id that is missing, empty, a path, or another's.
        for kid in [None, Some(""), Some("../../dev/null"), Some("0' OR '1'='1"), Some("AAAAAAAAAAAAAAAA")] {
            forged.push(forge(&Header { kid: kid.map(str::to_owned), ..ours() }, &claims, &keys.signing));
        }
        // A key that came with the token; our key id over a foreign key.
        let foreign_keys = self::keys();
        let jwk = serde_json::json!({"alg": "EdDSA", "kid": foreign_keys.key_id, "jwk": {"kty": "OKP", "crv": "Ed25519",
            "x": URL_SAFE_NO_PAD.encode(Ed25519KeyPair::from_pkcs8_maybe_unchecked(foreign_keys.pkcs8()).expect("key").public_key().as_ref())}});
        let own = forge(&ours(), &claims, &foreign_keys.signing);
        forged.push(format!("{}.{}", header(&jwk.to_string()), own.split_once('.').expect("a token").1));
        forged.push(own);
        // Signed by our key, for somebody else or by somebody else's name.
        for (claim, value) in [("aud", "another-api"), ("iss", "wharden c-ffffffffffffffff")] {
            let mut other = claims.clone();
            other[claim] = value.into();
            forged.push(forge(&ours(), &other, &keys.signing));
        }
        for missing in ["aud", "iss", "exp", "sub", "sid"] {
            let mut less = claims.clone();
            less.as_object_mut().expect("claims").remove(missing);
            forged.push(forge(&ours(), &less, &keys.signing));
        }
        for bad in &forged {
            assert_eq!(keys.check(bad, now), Err(AccessError::Invalid), "{bad}");
        }
        wider["sub"] = "root".into();
        let swapped = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(wider.to_string()), parts[2]);
        let foreign = issue(&self::keys(), now);
        let cut = &token[..token.len() - 4];
        for bad in [&none, &hmac.expect("signed"), &swapped, &foreign, cut, "", "a.b.c"] {
            assert_eq!(keys.check(bad, now), Err(AccessError::Invalid), "{bad}");
        }
    }
}
