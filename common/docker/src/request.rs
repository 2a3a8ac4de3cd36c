//! A request whose head has been read: routed, its framing known, its body not yet read.

use crate::{
    canonical::Canonical,
    doc::Doc,
    endpoint::{BodyKind, Endpoint},
    head::Head,
    headers::{Manners, framing},
    json,
    limits::{JSON_MAX, NO_BODY_MAX, REFERENCE_MAX},
    names,
    own_answer::asks_more,
    ps,
    query::Query,
    references,
    refusal::{Refusal, shorten},
    route::Route,
    schema,
    target::Target,
    texts,
    version::ApiVersion,
};
use serde_json::Value;
use std::fmt;
use wharden_model::Action;

/// How the body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// This many bytes, more than 0.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// A routed request.
pub struct Request {
    method: String,
    route: Route,
    version: Option<ApiVersion>,
    engine_api: ApiVersion,
    path: String,
    query: Query,
    framing: Framing,
    manners: Manners,
}

/// Routes a request. One without a version in its path means `engine_api`.
///
/// # Errors
/// What is malformed, ambiguous or not supported, see [`Refusal`].
pub fn begin(head: &Head, engine_api: ApiVersion) -> Result<Request, Refusal> {
    if !matches!(head.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "PATCH") {
        return Err(Refusal::with(501, format!("method {:?} is not used by the Engine API", shorten(&head.method))));
    }
    let target = Target::parse(&head.target)?;
    let route = Route::find(&head.method, &target.path);
    for capture in &route.captures {
        if capture.is_empty() && route.endpoint.action != Action::SystemOptions {
            return Err(Refusal::bad(format!("path {:?}: a name or id is missing", shorten(&target.path))));
        }
        if capture.len() > REFERENCE_MAX {
            return Err(Refusal::bad(format!("path: a name or id is longer than {REFERENCE_MAX} bytes")));
        }
    }
    let request = Request {
        query: Query::canonical(route.endpoint.action, target.query)?,
        framing: framing(head)?,
        manners: Manners::read(head, route.endpoint)?,
        // The debug routes have no version in engines up to 26; every other route takes one.
        version: match route.endpoint.action {
            Action::SystemDebug | Action::Unknown => target.version,
            _ => Some(target.version.unwrap_or(engine_api).min(ApiVersion::NEWEST)),
        },
        engine_api,
        method: head.method.clone(),
        path: target.path,
        route,
    };
    match (request.framing, request.buffers_body()) {
        (Framing::Length(length), Some(limit)) if length > limit as u64 => Err(Refusal::with(
            413,
            format!("the body has {length} bytes; {} takes at most {limit}", request.route.endpoint.pattern),
        )),
        _ => Ok(request),
    }
}

/// Queries and headers carry secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &shorten(&self.path))
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// The route.
    pub fn endpoint(&self) -> &'static Endpoint {
        self.route.endpoint
    }

    /// How the client delimits the body.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The client waits for `100 Continue` before it sends the body: answer it after the decision for a body that
    /// streams, before reading for one that is read whole.
    pub fn expects_continue(&self) -> bool {
        self.manners.expects_continue && self.framing != Framing::None
    }

    /// The client wants the connection closed after this answer.
    pub fn closes(&self) -> bool {
        self.manners.closes
    }

    /// The engine goes through files to answer it, of which there may be millions.
    pub fn walks(&self) -> bool {
        match self.endpoint().action {
            Action::SystemDf => true,
            Action::ContainerList | Action::ContainerInspect => self.query.truth("size"),
            Action::ImageList => self.query.truth("shared-size"),
            _ => false,
        }
    }

    /// Its answer is asked for after the decision, be it to look at one thing.
    pub fn asks_more(&self) -> bool {
        asks_more(&self.method, &self.query)
    }

    /// For a body that is read whole: its limit in bytes; read it and pass it to [`Request::finish`]. Answer 413 for
    /// a longer one.
    pub fn buffers_body(&self) -> Option<usize> {
        match (self.framing, self.endpoint().body) {
            (Framing::None, _) | (_, BodyKind::Stream) => None,
            (_, BodyKind::Json) => Some(JSON_MAX),
            (_, BodyKind::None) => Some(NO_BODY_MAX),
        }
    }

    /// The canonical form. `body` is the whole body, without its transfer coding, where
    /// [`Request::buffers_body`] asked for it.
    ///
    /// # Errors
    /// 400 naming the field that is wrong, 413, or 415.
    pub fn finish(self, body: Option<&[u8]>) -> Result<Canonical, Refusal> {
        let bytes = body.unwrap_or_default();
        if self.buffers_body().is_some_and(|limit| bytes.len() > limit) {
            return Err(Refusal::with(413, format!("the body has {} bytes, which is too many", bytes.len())));
        }
        let value = match self.endpoint().body {
            BodyKind::Json => self.json(bytes)?,
            BodyKind::None => {
                self.needs_json(bytes)?;
                None
            }
            BodyKind::Stream => None,
        };
        references::check(self.endpoint().action, &self.query)?;
        names::check(self.endpoint().action, &self.query, &self.route.captures)?;
        if self.endpoint().action == Action::ContainerTop {
            ps::check(self.query.get("ps_args"))?;
        }
        let framing = if self.endpoint().body == BodyKind::Stream { self.framing } else { Framing::None };
        Ok(Canonical {
            method: self.method,
            route: self.route,
            version: self.version,
            engine_api: self.engine_api,
            path: self.path,
            query: self.query,
            framing,
            content_type: self.manners.content_type,
            headers: self.manners.forward,
            body: value,
        })
    }

    fn needs_json(&self, bytes: &[u8]) -> Result<(), Refusal> {
        match self.manners.content_type.as_deref() {
            _ if bytes.is_empty() => Ok(()),
            Some("application/json") => Ok(()),
            Some(other) => Err(Refusal::with(
                415,
                format!("Content-Type specified ({}) must be 'application/json'", shorten(other)),
            )),
            None => Err(Refusal::with(415, "a body needs the header Content-Type: application/json")),
        }
    }

    fn json(&self, bytes: &[u8]) -> Result<Option<Value>, Refusal> {
        self.needs_json(bytes)?;
        let action = self.endpoint().action;
        let Some(shape) = schema::body(action) else { return Ok(None) };
        if bytes.is_empty() {
            return if schema::optional(action) {
                Ok(None)
            } else {
                Err(Refusal::bad(format!("{} {} needs a JSON body", self.method, self.path)))
            };
        }
        let body = json::canonical(json::parse(bytes)?, shape)?;
        texts::check(action, Doc::new(Some(&body)))?;
        Ok(Some(body))
    }
}
