use super::grown::Grown;
use crate::limits::{BUFFER_CROWDED, BUFFER_IDLE, BUFFER_MAX, BUFFER_MIN};
use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Poll, ready},
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::timeout,
};

/// What has been read from a stream and not yet used. Grows with the stream's speed, within bounds, and as far as all together
/// may.
#[derive(Debug)]
pub struct Inbox {
    /// Written once when it is made, so that it can be lent out again and again.
    memory: Vec<u8>,
    /// The bytes at hand begin here in `memory`…
    start: usize,
    /// …and end here.
    end: usize,
    step: usize,
    grown: Grown,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { memory: Vec::new(), start: 0, end: 0, step: BUFFER_MIN, grown: Grown::default() }
    }
}

impl Inbox {
    /// The bytes at hand.
    pub fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end).unwrap_or_default()
    }

    /// How many bytes are at hand.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// True when none are.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.start += n.min(self.len());
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// The bytes at hand, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Reads once; 0 is the end of the stream. Cancelling loses nothing.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        if self.is_empty() && self.step > BUFFER_CROWDED {
            match timeout(BUFFER_IDLE, self.fill_grown(from)).await {
                Ok(filled) => return filled,
                Err(_) => self.shrink(),
            }
        }
        if self.is_empty() && self.step == BUFFER_MIN {
            self.fill_late(from).await
        } else {
            self.fill_grown(from).await
        }
    }

    async fn fill_grown(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.make_room();
        let room = self.memory.get_mut(self.end..).unwrap_or_default();
        let wanted = room.len();
        let n = poll_fn(|cx| {
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(&mut *from).poll_read(cx, &mut room))?;
            Poll::Ready(io::Result::Ok(room.filled().len()))
        })
        .await?;
        self.end += n;
        if n >= wanted.min(self.step) && self.step < BUFFER_MAX {
            self.grow();
        }
        Ok(n)
    }

    /// The same for a stream that is slow or has just begun: takes memory only once there is something to put into it, so
    /// that thousands of silent streams take none.
    async fn fill_late(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut memory = [0; BUFFER_MIN];
            let mut some = ReadBuf::new(&mut memory);
            let read = Pin::new(&mut *from).poll_read(cx, &mut some);
            if read.is_pending() {
                self.memory = Vec::new();
            }
            ready!(read)?;
            let some = some.filled();
            match self.memory.get_mut(..some.len()) {
                Some(free) => free.copy_from_slice(some),
                None => self.memory = some.to_vec(),
            }
            self.end = some.len();
            if some.len() == BUFFER_MIN {
                self.grow();
            }
            Poll::Ready(Ok(some.len()))
        })
        .await
    }

    fn grow(&mut self) {
        let step = (self.step * 4).min(BUFFER_MAX);
        if self.grown.reach(step) {
            self.step = step;
        }
    }

    /// Bytes of memory that this takes.
    pub fn footprint(&self) -> usize {
        self.memory.capacity()
    }

    /// Bytes of memory that this takes after the next fill.
    pub fn next_footprint(&self) -> usize {
        self.next_size().max(self.memory.capacity())
    }

    /// What a slow sender sends bit by bit goes into the room that is left; what has been consumed is room again.
    fn next_size(&self) -> usize {
        let now = self.memory.len();
        if now - self.len() < self.step / 2 { (self.len() + self.step).max(now * 2) } else { now }
    }

    fn make_room(&mut self) {
        let size = self.next_size();
        if self.memory.len() - self.end < self.step / 2 {
            self.memory.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        }
        if size > self.memory.len() {
            self.memory.reserve_exact(size - self.memory.len());
            self.memory.resize(size, 0);
        }
    }

    /// Gives back memory that a fast stream needed.
    pub fn shrink(&mut self) {
        if self.is_empty() && (self.step > BUFFER_MIN || self.memory.capacity() > BUFFER_MIN) {
            self.memory = Vec::new();
        }
        self.step = BUFFER_MIN;
        self.grown = Grown::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_comes_out_in_order(
            sent in proptest::collection::vec(any::<u8>(), 0..60_000),
            taken in proptest::collection::vec(0..9_000_usize, 1..40),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
            let (mut inbox, mut from, mut got) = (Inbox::default(), sent.as_slice(), Vec::new());
            runtime.block_on(async {
                for n in taken.iter().cycle() {
                    let announced = inbox.next_footprint();
                    let more = inbox.fill(&mut from).await.expect("memory does not fail");
                    assert!(inbox.footprint() <= announced.max(BUFFER_MIN), "no more than was announced");
                    got.extend_from_slice(inbox.bytes().get(..*n).unwrap_or(inbox.bytes()));
                    inbox.consume(*n);
                    if more == 0 {
                        got.extend_from_slice(inbox.bytes());
                        break;
                    }
                }
            });
            prop_assert!(got == sent);
        }
    }
}
