//! The things that clients change, each a small model of what `controller/state` does with it. Keys are independent of
//! each other, so each has a history of its own.

use std::fmt;

/// A thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A policy: its version, and its text.
    Policy(u64),
    /// A user that is there or not.
    User(u64),
    /// A join token, and the uses that it has left.
    Token(u64),
    /// An account, and the last step of its authenticator that was used.
    Account(u64),
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    /// Writes a policy's text; only if it is at this version, when one is given.
    Put {
        value: u64,
        if_version: Option<u64>,
    },
    Create,
    Delete,
    /// Takes a use of a token, for a host of this number.
    Enrol {
        host: u64,
    },
    /// Uses a step of an authenticator, for a session of this number.
    Login {
        step: u64,
        session: u64,
    },
}

/// What a client hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was there.
    Seen(Held),
    Done,
    /// A policy was stored as this version.
    Version(u64),
    /// It was at another version.
    Moved(u64),
    /// There is one, there is none, it was used, nothing is left.
    Refused,
    /// Something that no rule allows.
    Odd,
}

/// What a thing is: a version and a text for policies, a number otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Held {
    pub at: u64,
    pub value: u64,
}

impl Held {
    /// What happens with a thing when this is asked of it, and what the asker hears.
    pub fn then(self, call: Call) -> (Self, Outcome) {
        let Self { at, value } = self;
        match call {
            Call::Read => (self, Outcome::Seen(self)),
            Call::Put { if_version: Some(version), .. } if version != at => (self, Outcome::Moved(at)),
            Call::Put { value, .. } => (Self { at: at + 1, value }, Outcome::Version(at + 1)),
            Call::Create if value == 0 => (Self { at, value: 1 }, Outcome::Done),
            Call::Delete if value == 1 => (Self { at, value: 0 }, Outcome::Done),
            Call::Enrol { .. } if value > 0 => (Self { at, value: value - 1 }, Outcome::Done),
            Call::Login { step, .. } if step > value => (Self { at, value: step }, Outcome::Done),
            Call::Create | Call::Delete | Call::Enrol { .. } | Call::Login { .. } => (self, Outcome::Refused),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(n) => write!(f, "policy {n}"),
            Self::User(n) => write!(f, "user {n}"),
            Self::Token(n) => write!(f, "token {n}"),
            Self::Account(n) => write!(f, "account {n}"),
        }
    }
}
