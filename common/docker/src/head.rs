//! The head of an HTTP/1.1 request, read strictly: what two parsers could read in two ways is refused.

use crate::{
    limits::{HEAD_MAX, HEADERS_MAX},
    refusal::{Refusal, shorten},
};
use std::fmt;

/// Request line and headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// As sent.
    pub method: String,
    /// As sent: path and query.
    pub target: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Queries and headers carry secrets: of the target only the path is shown, of headers their names.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("path", &shorten(path))
            .field("headers", &names)
            .finish()
    }
}

impl Head {
    /// Every value of a header. The name must be in lower case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_slice())
    }

    /// The value of a header that may be there once.
    ///
    /// # Errors
    /// 400 when it is there twice, or is not visible ASCII.
    pub(crate) fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, Refusal> {
        let mut values = self.all(name);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Refusal::bad(format!("header {name} is sent twice: send it once")));
        }
        match std::str::from_utf8(value) {
            Ok(text) if text.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t') => Ok(Some(text)),
            _ => Err(Refusal::bad(format!("header {name} has characters that are not visible ASCII"))),
        }
    }
}

/// Reads a head from the beginning of `buf`: the head and its length in bytes, or `None` when more must be read.
///
/// # Errors
/// 400, 431 or 505 for what is not a strict HTTP/1.1 head within the limits.
pub fn parse_head(buf: &[u8]) -> Result<Option<(Head, usize)>, Refusal> {
    let Some(length) = check_lines(buf)? else {
        return Ok(None);
    };
    let mut storage = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut storage);
    match request.parse(&buf[..length]) {
        Ok(httparse::Status::Complete(read)) if read == length => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::with(431, format!("more than {HEADERS_MAX} headers")));
        }
        Err(error) => return Err(Refusal::bad(format!("the request's head is not HTTP/1.1: {error}"))),
        Ok(_) => return Err(Refusal::bad("the request's head is not HTTP/1.1: it ends early")),
    }
    if request.version != Some(1) {
        return Err(Refusal::with(505, "only HTTP/1.1 is spoken here"));
    }
    let (Some(method), Some(target)) = (request.method, request.path) else {
        return Err(Refusal::bad("the request line has no method or no path"));
    };
    let headers = request.headers.iter().map(|h| (h.name.to_ascii_lowercase(), h.value.to_vec())).collect();
    Ok(Some((Head { method: method.to_owned(), target: target.to_owned(), headers }, length)))
}

/// The length of a head whose every line is well delimited; `None` when its end is not there yet.
fn check_lines(buf: &[u8]) -> Result<Option<usize>, Refusal> {
    if buf.first().is_some_and(|b| !b.is_ascii_uppercase()) {
        return Err(Refusal::bad("a request begins with its method in upper case, nothing before it"));
    }
    if buf.starts_with(b"PRI * HTTP/2") {
        return Err(Refusal::with(505, "HTTP/2 is not spoken here: use HTTP/1.1"));
    }
    let seen = &buf[..buf.len().min(HEAD_MAX)];
    let mut line_start = 0;
    let mut at = 0;
    while at < seen.len() {
        match seen[at] {
            b'\r' if at + 1 == seen.len() => break,
            b'\r' if seen[at + 1] == b'\n' => {
                if at == line_start {
                    return Ok(Some(at + 2));
                }
                at += 2;
                line_start = at;
                continue;
            }
            b'\r' => return Err(Refusal::bad("a CR in the head that no LF follows")),
            b'\n' => return Err(Refusal::bad("a line of the head ends in LF alone: end it with CR LF")),
            0 => return Err(Refusal::bad("a NUL byte in the head")),
            b' ' | b'\t' if at == line_start => {
                return Err(Refusal::bad("a folded header line: send every header on one line"));
            }
            _ => {}
        }
        at += 1;
    }
    if buf.len() >= HEAD_MAX {
        return Err(Refusal::with(431, format!("the head of the request is longer than {HEAD_MAX} bytes")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &[u8]) -> u16 {
        parse_head(head).expect_err("must be refused").status
    }

    #[test]
    fn a_plain_head_is_read_and_its_length_told() {
        let bytes = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX-A:  b \r\n\r\nrest";
        let (head, length) = parse_head(bytes).expect("valid").expect("complete");
        assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/_ping"));
        assert_eq!(&bytes[length..], b"rest");
        assert_eq!(head.headers[1], ("x-a".to_owned(), b"b".to_vec()));
    }

    #[test]
    fn every_prefix_of_a_valid_head_asks_for_more() {
        let bytes = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";
        for end in 0..bytes.len() {
            assert_eq!(parse_head(&bytes[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_parsers_read_differently_is_refused() {
        for bad in [
            &b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /\r\n\r\n",
            b"get / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(status(bad), 400, "{}", String::from_utf8_lossy(bad));
        }
        assert_eq!(status(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"), 505);
        assert_eq!(status(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
        assert_eq!(status(&[b"GET /".to_vec(), vec![b'a'; HEAD_MAX]].concat()), 431);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(status(many.as_bytes()), 431);
    }
}
