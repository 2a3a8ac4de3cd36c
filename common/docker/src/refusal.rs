//! Why a request was not judged at all: it is malformed, ambiguous, too large, or about a thing that does not exist.

use std::fmt;

/// An answer for the client, instead of a decision. The engine never sees the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Refusal {
    /// HTTP status: 400, 404, 405, 411, 413, 415, 431, 501 or 505.
    pub status: u16,
    /// Names the field or the part of the path, says what is wrong with it and what to do. The Engine's own form of
    /// an error is `{"message": "..."}`.
    pub message: String,
}

impl Refusal {
    /// 400: malformed or ambiguous.
    pub fn bad(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }

    /// 404 in the Engine's words, so that clients act on it as they would on the Engine's own answer.
    pub fn missing(kind: &str, reference: &str) -> Self {
        Self { status: 404, message: format!("No such {kind}: {}", shorten(reference)) }
    }

    /// Any other status.
    pub fn with(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// What a client sent, fit to be shown to it and to be logged: bounded, and with escapes in the place of characters
/// that are not visible ASCII, since they may look like others.
pub fn shorten(text: &str) -> Shown {
    const SHOWN: usize = 128;
    let mut out = String::new();
    for c in text.chars().take(SHOWN) {
        if c.is_ascii_graphic() || c == ' ' { out.push(c) } else { out.extend(c.escape_unicode()) }
    }
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    Shown(out)
}

/// What may be shown. With `{:?}` it stands in quotes.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\\\""))
    }
}
