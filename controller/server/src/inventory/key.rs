//! Ids of containers, in half the room where they are 64 hex digits.

use data_encoding::HEXLOWER;
use std::{cmp::Ordering, fmt};

/// In the order of the ids as texts.
#[derive(Clone, PartialEq, Eq)]
pub enum Key {
    Digits([u8; 32]),
    Text(Box<str>),
}

impl Key {
    pub fn new(id: &str) -> Self {
        let digits = HEXLOWER.decode(id.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        digits.map_or_else(|| Self::Text(id.into()), Self::Digits)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digits(bytes) => f.write_str(&HEXLOWER.encode(bytes)),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Digits(one), Self::Digits(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_texts() {
        let mut texts =
            ["a".repeat(64), "0f".repeat(32), "b".to_owned(), String::new(), "A".repeat(64), "9".to_owned()];
        let mut keys: Vec<Key> = texts.iter().map(|text| Key::new(text)).collect();
        assert!(matches!(keys[1], Key::Digits(_)) && matches!(keys[4], Key::Text(_)));
        texts.sort();
        keys.sort();
        assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    }
}
