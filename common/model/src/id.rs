//! A type for each id. All are strings outside and checked when they come in, so that an id that exists is valid. Copies
//! share the text: ids are keys of maps whose nodes are copied all the time.

use crate::limits::{ALERT_KEY_MAX, ALERT_KIND_MAX, NAME_MAX, POLICY_NAME_MAX};
use serde::{Deserialize, Serialize, Serializer};
use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// Why a string is not the id that it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {kind}: {rule}")]
pub struct IdError {
    /// What it was taken for, e.g. `user name`.
    pub kind: &'static str,
    /// The offending value, cut to 80 characters.
    pub value: String,
    /// The rule that it breaks, for people.
    pub rule: &'static str,
}

macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes the value.
            ///
            /// # Errors
            /// [`IdError`] when the value breaks the rule of this id.
            pub fn new(value: impl Into<String>) -> Result<Self, IdError> {
                let value = value.into();
                let check: fn(&str) -> bool = $check;
                if check(&value) {
                    Ok(Self(value.into()))
                } else {
                    Err(IdError { kind: $kind, value: value.chars().take(80).collect(), rule: $rule })
                }
            }

            /// The id as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                Self::new(s)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(s: String) -> Result<Self, IdError> {
                Self::new(s)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

fn is_name(s: &str, max: usize) -> bool {
    !s.is_empty()
        && s.len() <= max
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@' | b'-'))
        && s.as_bytes().first().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn is_alert_kind(s: &str) -> bool {
    s.len() <= ALERT_KIND_MAX
        && s.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

impl AlertId {
    /// The kind that it begins with.
    pub fn kind(&self) -> AlertKind {
        AlertKind(self.0.split(':').next().unwrap_or_default().into())
    }

    /// What follows the kind.
    pub fn key(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, key)| key)
    }
}

fn is_hex(s: &str, digits: usize) -> bool {
    s.len() == digits && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_prefixed_hex(s: &str, prefix: &str, digits: usize) -> bool {
    s.strip_prefix(prefix).is_some_and(|rest| is_hex(rest, digits))
}

string_id!(
    /// A person or account, equal to the OS user name on hosts where that person has one.
    UserName, "user name", "1 to 64 of A-Z a-z 0-9 _ . @ -, beginning with a letter, digit or _",
    |s| is_name(s, NAME_MAX)
);
string_id!(
    /// A named set of users.
    GroupName, "group name", "1 to 64 of A-Z a-z 0-9 _ . @ -, beginning with a letter, digit or _",
    |s| is_name(s, NAME_MAX)
);
string_id!(
    /// One policy document.
    PolicyName, "policy name", "1 to 64 of a-z 0-9 -, beginning with a letter",
    |s| s.len() <= POLICY_NAME_MAX
        && s.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
string_id!(
    /// A way that alerts are sent on.
    ChannelName, "channel name", "1 to 64 of a-z 0-9 -, beginning with a letter",
    |s| s.len() <= POLICY_NAME_MAX
        && s.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
string_id!(
    /// What an alert is about: `host_lost`, `disk_headroom`.
    AlertKind, "kind of alert", "1 to 40 of a-z 0-9 _, beginning with a letter", is_alert_kind
);
string_id!(
    /// One alert: its kind, a colon, and which thing of that kind. Raised twice it is the same alert.
    AlertId, "alert id", "a kind of alert, a colon, and 1 to 128 of A-Z a-z 0-9 _ . @ : -",
    |s| s.split_once(':').is_some_and(|(kind, key)| {
        is_alert_kind(kind)
            && (1..=ALERT_KEY_MAX).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'@' | b':' | b'-'))
    })
);
string_id!(
    /// One enrolled host, for ever: `h-` and 16 hex digits, drawn by the controller at enrolment.
    HostId, "host id", "h- and 16 hex digits", |s| is_prefixed_hex(s, "h-", 16)
);
string_id!(
    /// One join token: `jt-` and 12 hex digits. Not secret; the secret part is stored only as a hash.
    TokenId, "token id", "jt- and 12 hex digits", |s| is_prefixed_hex(s, "jt-", 12)
);
string_id!(
    /// One cluster of controllers, for ever: `c-` and 16 hex digits, drawn at `init`.
    ClusterId, "cluster id", "c- and 16 hex digits", |s| is_prefixed_hex(s, "c-", 16)
);
string_id!(
    /// One code that lets a controller join: `jc-` and 12 hex digits. Not secret.
    CodeId, "join code id", "jc- and 12 hex digits", |s| is_prefixed_hex(s, "jc-", 12)
);
string_id!(
    /// One session of an admin: `s-` and 32 hex digits.
    SessionId, "session id", "s- and 32 hex digits", |s| is_prefixed_hex(s, "s-", 32)
);
string_id!(
    /// One run of an agent process: 16 hex digits.
    BootId, "boot id", "16 hex digits", |s| is_hex(s, 16)
);
string_id!(
    /// One attempted change, chosen by who asks for it, so that a retry is recognised: 32 hex digits.
    RequestId, "request id", "32 hex digits", |s| is_hex(s, 32)
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_the_error_says_the_rule() {
        assert!(UserName::new("alice.b@corp").is_ok());
        for bad in ["", "-a", "a b", "a/b", "ä", &"x".repeat(65)] {
            let error = UserName::new(bad).expect_err(bad);
            assert!(error.to_string().contains("1 to 64"), "{error}");
        }
        assert!(PolicyName::new("no-root2").is_ok());
        assert!(PolicyName::new("No").is_err());
        assert!(HostId::new("h-0123456789abcdef").is_ok());
        assert!(HostId::new("h-0123456789ABCDEF").is_err());
        let alert = AlertId::new("host_lost:h-0123456789abcdef").expect("valid");
        assert_eq!((alert.kind().as_str(), alert.key()), ("host_lost", "h-0123456789abcdef"));
        for bad in ["host_lost", "host_lost:", ":x", "Host:x", "host_lost:a/b", "host_lost:a b"] {
            assert!(AlertId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_checked_when_they_are_deserialised() {
        assert!(serde_json::from_str::<UserName>("\"a b\"").is_err());
        assert_eq!(serde_json::to_string(&UserName::new("bob").expect("valid")).expect("json"), "\"bob\"");
    }
}
