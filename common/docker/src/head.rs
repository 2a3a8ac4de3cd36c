//! The head of an HTTP/1.1 request, read strictly.

use crate::refusal::Refusal;

/// Request line and headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// As sent.
    pub method: String,
    /// As sent: path and query.
    pub target: String,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Reads a head from the beginning of `buf`: the head and its length in bytes, or `None` when more must be read.
///
/// # Errors
/// 400, 431, 501 or 505 for what is not a strict HTTP/1.1 head within the limits.
pub fn parse_head(buf: &[u8]) -> Result<Option<(Head, usize)>, Refusal> {
    let _ = buf;
    Err(Refusal::with(501, "not yet"))
}
