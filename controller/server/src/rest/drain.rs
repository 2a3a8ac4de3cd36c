//! Bodies that are looked at before their handler reads them, and bodies that nobody read. A client that is still writing when
//! the connection closes never sees the answer, so what is left of a refused request's body is read and dropped, up to a
//! limit, before the answer goes out.

use crate::limits;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// A body that can still be read when the handler is done with it.
#[derive(Clone)]
pub struct Kept(Arc<Mutex<Held>>);

struct Held {
    /// Frames that were looked at and not read yet.
    ahead: VecDeque<Result<Frame<Bytes>, axum::Error>>,
    body: Body,
}

impl Kept {
    /// Keeps a body.
    pub fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Held { ahead: VecDeque::new(), body })))
    }

    /// The whole body, which can still be read. `None` when it is longer than `max` bytes or is cut short.
    pub async fn look_ahead(&self, max: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self.lock().body).poll_frame(cx)).await {
            let failed = frame.is_err();
            if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
                bytes.extend_from_slice(data);
            }
            self.lock().ahead.push_back(frame);
            if failed || bytes.len() > max {
                return None;
            }
        }
        Some(bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
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
        let mut held = self.lock();
        match held.ahead.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut held.body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        let held = self.lock();
        held.ahead.is_empty() && held.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.lock();
        let ahead = held.ahead.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).map(|data| data.len() as u64);
        let (ahead, rest) = (ahead.sum::<u64>(), held.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + ahead);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + ahead);
        }
        hint
    }
}
