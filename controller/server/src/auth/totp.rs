//! The second factor: time-based one-time passwords (RFC 6238, SHA-1, 6 digits, 30 s), the form that every
//! authenticator app knows.

use crate::limits;
use totp_rs::{Builder, Secret as TotpSecret, Totp};
use wharden_model::{Timestamp, UserName, api::Secret};
use zeroize::Zeroizing;

/// Bytes of a secret: the length that RFC 4226 §4 recommends.
const SECRET_LEN: usize = 20;

/// The secret could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the TOTP secret cannot be used: {0}")]
pub struct TotpError(String);

/// A fresh secret.
pub fn generate() -> Zeroizing<Vec<u8>> {
    let mut secret = Zeroizing::new(vec![0; SECRET_LEN]);
    rand::fill(secret.as_mut_slice());
    secret
}

fn totp(secret: &[u8], user: &str, cluster: &str) -> Result<Totp, TotpError> {
    // An account name must not have a colon, and no user name has one.
    Builder::new()
        .with_secret(TotpSecret::new(secret.into()))
        .with_skew(limits::TOTP_SKEW as u16)
        .with_step_duration(limits::TOTP_STEP_S)
        .with_account_name(user)
        .with_issuer(Some(format!("Wharden {cluster}")))
        .build()
        .map_err(|e| TotpError(e.to_string()))
}

/// The secret in base32 and as `otpauth://` URL.
///
/// # Errors
/// [`TotpError`].
pub fn shown(secret: &[u8], user: &UserName, cluster: &str) -> Result<(Secret, Secret), TotpError> {
    let totp = totp(secret, user.as_str(), cluster)?;
    let url = totp.to_url().map_err(|e| TotpError(e.to_string()))?;
    Ok((Secret::new(totp.secret().to_base32()), Secret::new(url)))
}

/// The step that a code belongs to, one before and one after now included; `None` when it is no code of now.
pub fn step_of(secret: &[u8], code: &Secret, now: Timestamp) -> Option<u64> {
    let code: String = code.reveal().chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    totp(secret, "", "").ok()?.check(&code, now.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, the SHA-1 rows, cut to six digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(step_of(secret, &Secret::new(code), Timestamp::from_secs(time)), Some(time / 30));
        }
    }

    #[test]
    fn one_step_of_skew_and_no_more() {
        let secret = b"12345678901234567890";
        let at = |secs| step_of(secret, &Secret::new("287082"), Timestamp::from_secs(secs));
        assert_eq!(at(59 + 30), Some(1));
        assert_eq!(at(29), Some(1));
        assert_eq!(at(59 + 61), None);
        for bad in ["", "28708", "2870822", "28708x", "²87082"] {
            assert_eq!(step_of(secret, &Secret::new(bad), Timestamp::from_secs(59)), None, "{bad}");
        }
        assert_eq!(step_of(secret, &Secret::new("287 082"), Timestamp::from_secs(59)), Some(1));
    }

    #[test]
    fn the_url_carries_what_an_app_needs() {
        let (base32, url) =
            shown(b"12345678901234567890", &UserName::new("alice").expect("valid"), "c-01").expect("shown");
        assert_eq!(base32.reveal(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(url.reveal().starts_with("otpauth://totp/"), "{}", url.reveal());
        assert!(url.reveal().contains("alice") && url.reveal().contains(base32.reveal()));
    }
}
