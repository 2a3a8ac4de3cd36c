//! Bodies that nobody read. A client that is still writing when the connection closes never sees the answer, so what is
//! left of a refused request's body is read and dropped, up to a limit, before the answer goes out.

use crate::limits;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// A body that can still be read when the handler is done with it.
#[derive(Clone)]
pub struct Kept(Arc<Mutex<Body>>);

impl Kept {
    /// Keeps a body.
    pub fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    fn lock(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and drops what is left, not for ever: a body that is longer still ends with its connection.
    pub async fn drain(mut self) {
        let mut left = limits::BODY_DRAIN_MAX;
        while !self.is_end_stream() {
            match poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    let read = frame.data_ref().map_or(0, Bytes::len);
                    let Some(rest) = left.checked_sub(read) else { return };
                    left = rest;
                }
                Some(Err(_)) | None => return,
            }
        }
    }
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}
