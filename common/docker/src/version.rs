//! Versions of the Engine API.

use crate::refusal::{Refusal, shorten};
use std::{fmt, str::FromStr};

/// A version of the Engine API, e.g. 1.41.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    /// The number before the point: 1 so far.
    pub major: u32,
    /// The number after it.
    pub minor: u32,
}

impl ApiVersion {
    /// The newest version that this crate knows every field of. Newer ones are refused: their bodies could say things
    /// that nobody judged.
    pub const NEWEST: Self = Self { major: 1, minor: 56 };
    /// Of engine 24: from here on it goes through containers in their own mount namespace, and not outside, as root, by paths.
    pub const OWN_NAMESPACE: Self = Self { major: 1, minor: 43 };
    /// The oldest version that an engine can be set to accept.
    pub const OLDEST: Self = Self { major: 1, minor: 24 };

    /// Reads the canonical spelling: two decimal numbers without leading zeros.
    fn canonical(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let number = |s: &str| {
            let plain = !s.is_empty() && s.len() <= 4 && s.bytes().all(|b| b.is_ascii_digit());
            (plain && (s == "0" || !s.starts_with('0'))).then(|| s.parse().ok()).flatten()
        };
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

impl FromStr for ApiVersion {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let Some(version) = Self::canonical(text) else {
            return Err(Refusal::bad(format!(
                "API version {:?} is not written as MAJOR.MINOR without leading zeros, e.g. {}",
                shorten(text),
                Self::NEWEST
            )));
        };
        if version > Self::NEWEST {
            return Err(Refusal::bad(format!(
                "client version {version} is too new. Maximum supported API version is {}",
                Self::NEWEST
            )));
        }
        if version < Self::OLDEST {
            return Err(Refusal::bad(format!(
                "client version {version} is too old. Minimum supported API version is {}, \
                 please upgrade your client to a newer version",
                Self::OLDEST
            )));
        }
        Ok(version)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_spellings_of_known_versions_are_read() {
        assert_eq!("1.41".parse(), Ok(ApiVersion { major: 1, minor: 41 }));
        for bad in ["1.041", "01.41", "1.41.0", "1", "1.", ".41", "1.4 1", "+1.41", "1.57", "1.23", "2.0", "0.41", ""] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
        let newer = "1.57".parse::<ApiVersion>().expect_err("too new");
        assert!(newer.message.contains("1.56"), "{newer}");
    }
}
