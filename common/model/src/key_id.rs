//! Names of cluster keys, and how a sealed value or a keyed hash names the key that it was made with.

use crate::id::IdError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// First byte of what names its key. What was made with the first key of a cluster of before there were names does not.
pub const NAMED: u8 = 2;
/// Bytes of a name.
pub const NAME_LEN: usize = 8;
/// Bytes of a keyed hash that names its key; one that does not has 32.
pub const NAMED_HASH_LEN: usize = 1 + NAME_LEN + 32;

/// Names a cluster key, and tells nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct KeyId([u8; NAME_LEN]);

impl KeyId {
    /// The name with these bytes.
    pub const fn from_bytes(bytes: [u8; NAME_LEN]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &[u8; NAME_LEN] {
        &self.0
    }

    /// The key that a sealed value names.
    pub fn of_sealed(sealed: &[u8]) -> Option<Self> {
        let (&NAMED, rest) = sealed.split_first()? else { return None };
        rest.first_chunk().copied().map(Self)
    }

    /// The key that a keyed hash names.
    pub fn of_hash(hash: &[u8]) -> Option<Self> {
        if hash.len() == NAMED_HASH_LEN { Self::of_sealed(hash) } else { None }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for KeyId {
    type Err = IdError;

    fn from_str(s: &str) -> Result<Self, IdError> {
        let digits = s.len() == 2 * NAME_LEN && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = u64::from_str_radix(s, 16).ok().filter(|_| digits).ok_or_else(|| IdError {
            kind: "id of a cluster key",
            value: s.chars().take(80).collect(),
            rule: "16 hex digits",
        })?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl TryFrom<String> for KeyId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_nothing_else_is() {
        let id = KeyId::from_bytes([0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff]);
        assert_eq!(id.to_string(), "00010203fcfdfeff");
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in
            ["", "00010203fcfdfef", "00010203fcfdfefff", "00010203FCFDFEFF", "+0010203fcfdfeff", "ä0010203fcfdfef"]
        {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_sealed_names_its_key_and_a_short_hash_does_not() {
        let named = [&[NAMED][..], &[7; NAME_LEN], &[1; 32]].concat();
        let id = Some(KeyId::from_bytes([7; NAME_LEN]));
        assert_eq!((KeyId::of_sealed(&named), KeyId::of_hash(&named)), (id, id));
        assert_eq!(KeyId::of_sealed(&[&[1][..], &[7; 40]].concat()), None);
        assert_eq!(KeyId::of_hash(&named[..32]), None, "its first byte is chance");
        assert_eq!((KeyId::of_sealed(&[]), KeyId::of_sealed(&named[..8])), (None, None));
    }
}
