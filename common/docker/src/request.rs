//! A request whose head has been read: routed, its framing known, its body not yet read.

use crate::{canonical::Canonical, endpoint::Endpoint, head::Head, refusal::Refusal, version::ApiVersion};

/// How the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// This many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// A routed request.
#[derive(Debug)]
pub struct Request {
    endpoint: &'static Endpoint,
    framing: Framing,
}

/// Routes a request. One without a version in its path means `engine_api`.
///
/// # Errors
/// What is malformed, ambiguous or not supported, see [`Refusal`].
pub fn begin(head: &Head, engine_api: ApiVersion) -> Result<Request, Refusal> {
    let _ = (head, engine_api);
    Err(Refusal::with(501, "not yet"))
}

impl Request {
    /// The route.
    pub fn endpoint(&self) -> &'static Endpoint {
        self.endpoint
    }

    /// How the client delimits the body.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The client waits for `100 Continue` before it sends the body: answer it after the decision for a body that
    /// streams, before reading for one that is read whole.
    pub fn expects_continue(&self) -> bool {
        false
    }

    /// The client wants the connection closed after this answer.
    pub fn closes(&self) -> bool {
        false
    }

    /// For a body that is read whole: its limit in bytes; read it and pass it to [`Request::finish`].
    pub fn buffers_body(&self) -> Option<usize> {
        None
    }

    /// The canonical form. `body` is the whole body, without its transfer coding, where
    /// [`Request::buffers_body`] asked for it.
    ///
    /// # Errors
    /// 400 naming the field that is wrong.
    pub fn finish(self, body: Option<&[u8]>) -> Result<Canonical, Refusal> {
        let _ = body;
        Err(Refusal::with(501, "not yet"))
    }
}
