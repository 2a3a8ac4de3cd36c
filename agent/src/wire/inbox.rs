use crate::limits::{BUFFER_MAX, BUFFER_MIN};
use bytes::{Buf, BytesMut};
use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Poll, ready},
};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// What has been read from a stream and not yet used. Grows with the stream's speed, within bounds.
#[derive(Debug)]
pub struct Inbox {
    bytes: BytesMut,
    step: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: BytesMut::new(), step: BUFFER_MIN }
    }
}

impl Inbox {
    /// The bytes at hand.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many bytes are at hand.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when none are.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.bytes.advance(n.min(self.bytes.len()));
    }

    /// The bytes at hand, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Reads once; 0 is the end of the stream. Cancelling loses nothing.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.bytes.is_empty() && self.step == BUFFER_MIN {
            return self.fill_late(from).await;
        }
        if self.must_grow() {
            self.bytes.reserve(self.step);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let n = from.read_buf(&mut self.bytes).await?;
        if n >= room.min(self.step) {
            self.step = (self.step * 4).min(BUFFER_MAX);
        }
        Ok(n)
    }

    /// The same for a stream that is slow or has just begun: takes memory only once there is something to put into it, so
    /// that thousands of silent streams take none.
    async fn fill_late(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut memory = [MaybeUninit::<u8>::uninit(); BUFFER_MIN];
            let mut some = ReadBuf::uninit(&mut memory);
            let read = Pin::new(&mut *from).poll_read(cx, &mut some);
            if read.is_pending() {
                self.bytes = BytesMut::new();
            }
            ready!(read)?;
            let n = some.filled().len();
            self.bytes.extend_from_slice(some.filled());
            if n == BUFFER_MIN {
                self.step = BUFFER_MIN * 4;
            }
            Poll::Ready(Ok(n))
        })
        .await
    }

    /// Bytes of memory that this takes.
    pub fn footprint(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes of memory that this takes after the next fill.
    pub fn next_footprint(&self) -> usize {
        let now = self.bytes.capacity();
        if self.must_grow() { (self.bytes.len() + self.step).max(now * 2) } else { now }
    }

    /// What a slow sender sends bit by bit goes into the room that is left.
    fn must_grow(&self) -> bool {
        self.bytes.capacity() - self.bytes.len() < self.step / 2
    }

    /// Gives back memory that a fast stream needed.
    pub fn shrink(&mut self) {
        // What has been consumed does not show in the capacity, and is held all the same.
        if self.bytes.is_empty() && (self.step > BUFFER_MIN || self.bytes.capacity() > BUFFER_MIN) {
            self.bytes = BytesMut::new();
        }
        self.step = BUFFER_MIN;
    }
}
