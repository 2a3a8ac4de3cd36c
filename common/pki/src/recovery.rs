//! Recovery codes: the second factor when the phone is gone. `xxxxx-xxxxx` in Crockford's base 32, 50 random bits.
//!
//! That is short enough to write down and too short for a plain hash: keep [`ClusterKeys::keyed_hash`] of what
//! [`normalise`] gives.
//!
//! [`ClusterKeys::keyed_hash`]: crate::ClusterKeys::keyed_hash

use crate::limits::RECOVERY_CODES;
use wharden_model::api::Secret;

/// Crockford's digits: no i, l, o, u.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const CODE_DIGITS: usize = 10;

/// The text is not a recovery code. It is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a recovery code: those look like xxxxx-xxxxx")]
pub struct RecoveryError;

/// A new set of codes for one user.
pub fn generate() -> Vec<Secret> {
    (0..RECOVERY_CODES).map(|_| one()).collect()
}

fn one() -> Secret {
    let mut random = [0_u8; CODE_DIGITS];
    rand::fill(&mut random);
    let mut code = String::with_capacity(CODE_DIGITS + 1);
    for (at, byte) in random.iter().enumerate() {
        if at == CODE_DIGITS / 2 {
            code.push('-');
        }
        code.push(char::from(DIGITS[usize::from(byte % 32)]));
    }
    Secret::new(code)
}

/// The form that is hashed: lower case, one dash, and digits that people mix up made equal (`O`→`0`, `I`, `L`→`1`).
///
/// # Errors
/// [`RecoveryError`] when the text is no code.
pub fn normalise(text: &str) -> Result<Secret, RecoveryError> {
    let mut code = String::with_capacity(CODE_DIGITS + 1);
    let mut digits = 0;
    for byte in text.trim().bytes().filter(|b| !matches!(b, b'-' | b' ')) {
        let digit = match byte.to_ascii_lowercase() {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        if digits == CODE_DIGITS || !DIGITS.contains(&digit) {
            return Err(RecoveryError);
        }
        if digits == CODE_DIGITS / 2 {
            code.push('-');
        }
        code.push(char::from(digit));
        digits += 1;
    }
    if digits == CODE_DIGITS { Ok(Secret::new(code)) } else { Err(RecoveryError) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_differ_and_are_already_normal() {
        let codes = generate();
        let distinct: BTreeSet<_> = codes.iter().map(Secret::reveal).collect();
        assert_eq!(distinct.len(), RECOVERY_CODES);
        for code in &codes {
            assert_eq!(normalise(code.reveal()).as_ref(), Ok(code));
        }
    }

    #[test]
    fn what_people_type_is_understood() {
        for typed in ["0123a-bcd1z", " 0I23A BCDlZ ", "oi23abcd1z"] {
            assert_eq!(normalise(typed).expect(typed).reveal(), "0123a-bcd1z", "{typed}");
        }
        for bad in ["", "0123a-bcd1", "0123a-bcd1zz", "0123a-bcd1u", "0123a_bcd1z"] {
            assert_eq!(normalise(bad), Err(RecoveryError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "[0-9a-zA-Z -]{0,14}") {
            if let Ok(code) = normalise(&text) {
                let again = normalise(code.reveal());
                prop_assert_eq!(again.as_ref(), Ok(&code));
            }
        }
    }
}
