//! Both ends of the way between controllers.

use super::{Reply, Request};
use futures::future::BoxFuture;
use std::time::Duration;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was not sent.
    #[error("controller {to} cannot be reached: {why}")]
    Unreachable { to: u64, why: String },
    /// It may have arrived.
    #[error("controller {to} did not answer: {why}")]
    Lost { to: u64, why: String },
    #[error("{0}")]
    Refused(String),
    /// The others say that this controller is none of them any more.
    #[error(
        "this controller was removed: number {number} is not a member any more. Its data folder can be deleted; to come back it must join anew"
    )]
    Removed { number: u64 },
}

/// Sends a question to a controller and brings its answer back.
pub trait Transport: Send + Sync + 'static {
    /// Asks controller `to`; no longer than `limit`.
    fn call(&self, to: u64, request: Request, limit: Duration) -> BoxFuture<'_, Result<Reply, CallError>>;
}

/// Answers questions of controllers that have proved who they are.
pub trait Inbound: Send + Sync + 'static {
    /// The answer for controller `from`.
    fn receive(&self, from: u64, request: Request) -> BoxFuture<'_, Reply>;
}
