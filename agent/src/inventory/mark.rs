use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The header that carries the mark. Canonical in the sense of Go's `net/http`, which is how it comes back.
pub const HEADER: &str = "X-Wharden-Judged";

/// The mark of this run's own requests to the engine. They come back through the engine's authorization plugin, and have
/// been judged, or are the agent's own questions. Made anew at every start and kept in memory only; a client of the guard
/// cannot send it on, since the guard passes on only the headers that it knows.
pub struct Mark {
    line: Zeroizing<String>,
    digest: [u8; 32],
}

impl Mark {
    /// A fresh one.
    pub fn generate() -> Self {
        let value = Zeroizing::new(HEXLOWER.encode(&rand::random::<[u8; 32]>()));
        Self {
            digest: Sha256::digest(value.as_bytes()).into(),
            line: Zeroizing::new(format!("{HEADER}: {}\r\n", *value)),
        }
    }

    /// True for the value of this mark. Digests are compared, so that time tells nothing about it.
    pub fn is(&self, value: &str) -> bool {
        <[u8; 32]>::from(Sha256::digest(value.as_bytes())) == self.digest
    }

    /// Puts the mark into a request's head, which ends with its empty line.
    pub fn put(&self, head: &mut Vec<u8>) {
        if head.ends_with(b"\r\n\r\n") {
            head.truncate(head.len() - 2);
            head.extend_from_slice(self.line.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_knows_itself_and_shows_itself_to_nobody() {
        let (mark, other) = (Mark::generate(), Mark::generate());
        let mut head = b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n".to_vec();
        mark.put(&mut head);
        let text = String::from_utf8(head).expect("text");
        let value = text
            .strip_prefix("GET /info HTTP/1.1\r\nHost: docker\r\nX-Wharden-Judged: ")
            .and_then(|rest| rest.strip_suffix("\r\n\r\n"))
            .expect("one more header at the end");
        assert!(mark.is(value) && !other.is(value));
        assert!(!mark.is("") && !mark.is(&value[1..]));
        assert!(!format!("{mark:?}").contains(value));
    }
}
