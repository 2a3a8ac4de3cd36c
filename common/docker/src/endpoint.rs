//! The route table: every route that an Engine registers, documented or not, and its one action.

use crate::version::ApiVersion;
use wharden_model::Action;

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// There must be none.
    None,
    /// A JSON document, read whole.
    Json,
    /// Passed on as it comes.
    Stream,
}

/// What the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseKind {
    /// Short.
    Plain,
    /// May last or be large: pass it on as it comes.
    Stream,
    /// The Engine may take the connection over (101, or 200 with a raw stream); a tunnel opens only after it did.
    Hijack,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// HTTP method; `*` is any.
    pub method: &'static str,
    /// The pattern that the Engine registers, without the version.
    pub pattern: &'static str,
    /// What it means for policies.
    pub action: Action,
    /// Its body.
    pub body: BodyKind,
    /// Its answer.
    pub response: ResponseKind,
    /// The first API version that has it.
    pub min_api: ApiVersion,
}

/// Every route.
pub static ENDPOINTS: &[Endpoint] = &[];
