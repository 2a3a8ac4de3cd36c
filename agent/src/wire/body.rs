use super::{
    chunked::{ChunkError, ChunkScanner, Piece},
    inbox::Inbox,
};
use crate::limits::HELD_BACK;
use bytes::Buf;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// After its last chunk and trailers.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// What ended a body before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the sender closed the connection in the middle of the body")]
    Cut,
    #[error("reading the body failed: {0}")]
    Read(#[source] io::Error),
    #[error("writing the body failed: {0}")]
    Write(#[source] io::Error),
    #[error("the body is malformed: {0}")]
    Chunk(#[from] ChunkError),
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
}

async fn more(inbox: &mut Inbox, from: &mut (impl AsyncRead + Unpin)) -> Result<(), BodyError> {
    match inbox.fill(from).await {
        Ok(0) => Err(BodyError::Cut),
        Ok(_) => Ok(()),
        Err(error) => Err(BodyError::Read(error)),
    }
}

/// Copies a body byte for byte, framing and trailers too, and stops at its end. Holds one buffer: a slow reader slows
/// the sender down. The first `lead` bytes at hand are passed in front of the body, with what there is of it.
///
/// # Errors
/// [`BodyError`].
pub async fn copy_raw(
    framing: BodyFraming,
    mut lead: usize,
    inbox: &mut Inbox,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), BodyError> {
    let mut scanner = ChunkScanner::default();
    let mut left = match framing {
        BodyFraming::None => 0,
        BodyFraming::Length(length) => length,
        BodyFraming::Chunked | BodyFraming::UntilClose => u64::MAX,
    };
    loop {
        let at_hand = inbox.bytes().get(lead..).unwrap_or_default();
        let (n, end) = match framing {
            BodyFraming::Chunked => span(&mut scanner, at_hand)?,
            BodyFraming::UntilClose => (at_hand.len(), false),
            BodyFraming::None | BodyFraming::Length(_) => {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(at_hand.len());
                left -= n as u64;
                (n, left == 0)
            }
        };
        let n = lead + n;
        lead = 0;
        if n > 0 {
            to.write_all(inbox.bytes().get(..n).unwrap_or_default()).await.map_err(BodyError::Write)?;
            inbox.consume(n);
        }
        if end {
            return Ok(());
        }
        match more(inbox, from).await {
            Err(BodyError::Cut) if framing == BodyFraming::UntilClose => return Ok(()),
            other => other?,
        }
    }
}

/// How many of the bytes belong to the body, and whether it ends with them.
fn span(scanner: &mut ChunkScanner, bytes: &[u8]) -> Result<(usize, bool), ChunkError> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match scanner.next(rest)? {
            Piece::Framing(n) | Piece::Data(n) => at += n,
            Piece::End(n) => return Ok((at + n, true)),
        }
    }
    Ok((at, false))
}

/// Ends a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes a chunk. For nothing it writes nothing: an empty chunk would be the last.
///
/// # Errors
/// Those of the system.
pub async fn write_chunk(content: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    if content.is_empty() {
        return Ok(());
    }
    let size = format!("{:x}\r\n", content.len());
    to.write_all_buf(&mut size.as_bytes().chain(content).chain(&b"\r\n"[..])).await
}

/// Copies the content of a body into framing of our own: nothing of the sender's framing, extensions or trailers passes.
///
/// # Errors
/// [`BodyError`].
pub async fn copy_reframed(
    framing: BodyFraming,
    inbox: &mut Inbox,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), BodyError> {
    if framing != BodyFraming::Chunked {
        return copy_raw(framing, 0, inbox, from, to).await;
    }
    let mut scanner = ChunkScanner::default();
    loop {
        if inbox.is_empty() {
            more(inbox, from).await?;
        }
        let Gathered { data, used, end } = gather(&mut scanner, inbox.bytes_mut())?;
        write_chunk(inbox.bytes().get(..data).unwrap_or_default(), to).await.map_err(BodyError::Write)?;
        inbox.consume(used);
        if end {
            return to.write_all(LAST_CHUNK).await.map_err(BodyError::Write);
        }
    }
}

/// The same, but the last of it waits until `before_end` is done: whoever acts on a whole body cannot before.
///
/// # Errors
/// [`BodyError`].
pub async fn copy_with_end(
    framing: BodyFraming,
    inbox: &mut Inbox,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    before_end: impl Future<Output = ()>,
) -> Result<(), BodyError> {
    let is_chunked = framing == BodyFraming::Chunked;
    let (mut body, mut held) = (Body::new(framing), Vec::new());
    loop {
        let at_hand = body.next(inbox, from).await?;
        let part = inbox.bytes().get(..at_hand.data).unwrap_or_default();
        let passes = (held.len() + part.len()).saturating_sub(HELD_BACK);
        let (first, kept) = held.split_at(passes.min(held.len()));
        let (second, last) = part.split_at(passes - first.len());
        for piece in [first, second] {
            write_part(is_chunked, piece, to).await.map_err(BodyError::Write)?;
        }
        held = [kept, last].concat();
        Body::used(inbox, &at_hand);
        if at_hand.is_last {
            before_end.await;
            write_part(is_chunked, &held, to).await.map_err(BodyError::Write)?;
            return write_end(is_chunked, to).await.map_err(BodyError::Write);
        }
    }
}

/// Writes a part of a body that comes in chunks, or of one that is counted.
///
/// # Errors
/// Those of the system.
pub async fn write_part(in_chunks: bool, content: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    if in_chunks { write_chunk(content, to).await } else { to.write_all(content).await }
}

/// Writes what ends such a body.
///
/// # Errors
/// Those of the system.
pub async fn write_end(in_chunks: bool, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    if in_chunks { to.write_all(LAST_CHUNK).await } else { Ok(()) }
}

struct Gathered {
    data: usize,
    used: usize,
    end: bool,
}

/// Moves the content of all chunks at hand to the front of the buffer.
fn gather(scanner: &mut ChunkScanner, bytes: &mut [u8]) -> Result<Gathered, ChunkError> {
    let mut out = Gathered { data: 0, used: 0, end: false };
    while !out.end {
        let Some(rest) = bytes.get(out.used..).filter(|rest| !rest.is_empty()) else { break };
        match scanner.next(rest)? {
            Piece::Framing(n) => out.used += n,
            Piece::Data(n) => {
                bytes.copy_within(out.used..out.used + n, out.data);
                out.data += n;
                out.used += n;
            }
            Piece::End(n) => {
                out.used += n;
                out.end = true;
            }
        }
    }
    Ok(out)
}

/// A part of a body in an inbox.
#[derive(Clone, Copy, Debug)]
pub struct AtHand {
    /// Bytes of content, which stand first in the inbox.
    pub data: usize,
    /// Bytes that they and their framing have taken there.
    used: usize,
    /// Nothing follows.
    pub is_last: bool,
}

/// A body that is read part by part into memory.
#[derive(Debug)]
pub struct Body {
    framing: BodyFraming,
    scanner: ChunkScanner,
    left: u64,
}

impl Body {
    /// Nothing of it has been read.
    pub fn new(framing: BodyFraming) -> Self {
        let left = match framing {
            BodyFraming::None => 0,
            BodyFraming::Length(length) => length,
            BodyFraming::Chunked | BodyFraming::UntilClose => u64::MAX,
        };
        Self { framing, scanner: ChunkScanner::default(), left }
    }

    /// True when nothing more is to come.
    pub fn is_whole(&self) -> bool {
        self.left == 0
    }

    /// Waits until something of it is at hand. What there is of its content then stands first in the inbox, without its
    /// framing; [`Body::used`] has to follow.
    ///
    /// # Errors
    /// [`BodyError`].
    pub async fn next(&mut self, inbox: &mut Inbox, from: &mut (impl AsyncRead + Unpin)) -> Result<AtHand, BodyError> {
        if self.fill(inbox, from).await? { self.at_hand(inbox) } else { Ok(AtHand { data: 0, used: 0, is_last: true }) }
    }

    /// Forgets what was at hand.
    pub fn used(inbox: &mut Inbox, at_hand: &AtHand) {
        inbox.consume(at_hand.used);
    }

    /// Adds what comes next to `out`; false when that was the last of it.
    ///
    /// # Errors
    /// [`BodyError`]; [`BodyError::TooLarge`] as soon as it is known that `out` would exceed `max` bytes.
    pub async fn append(
        &mut self,
        max: usize,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
        out: &mut Vec<u8>,
    ) -> Result<bool, BodyError> {
        if let BodyFraming::Length(_) = self.framing
            && self.left > (max - max.min(out.len())) as u64
        {
            return Err(BodyError::TooLarge(max));
        }
        Ok(self.fill(inbox, from).await? && self.take(max, inbox, out)?)
    }

    /// Adds what of it is at hand to `out`; false when that was the last of it.
    ///
    /// # Errors
    /// As [`Body::append`].
    pub fn take(&mut self, max: usize, inbox: &mut Inbox, out: &mut Vec<u8>) -> Result<bool, BodyError> {
        let at_hand = self.at_hand(inbox)?;
        if out.len() + at_hand.data > max {
            return Err(BodyError::TooLarge(max));
        }
        out.extend_from_slice(inbox.bytes().get(..at_hand.data).unwrap_or_default());
        Self::used(inbox, &at_hand);
        Ok(!at_hand.is_last)
    }

    /// Waits until something is in the inbox; false when nothing of the body is to come.
    async fn fill(&self, inbox: &mut Inbox, from: &mut (impl AsyncRead + Unpin)) -> Result<bool, BodyError> {
        if self.left == 0 {
            return Ok(false);
        }
        if inbox.is_empty() {
            match more(inbox, from).await {
                Err(BodyError::Cut) if self.framing == BodyFraming::UntilClose => return Ok(false),
                other => other?,
            }
        }
        Ok(true)
    }

    /// What is in the inbox, without its framing.
    fn at_hand(&mut self, inbox: &mut Inbox) -> Result<AtHand, BodyError> {
        let (data, used, end) = match self.framing {
            BodyFraming::Chunked => {
                let gathered = gather(&mut self.scanner, inbox.bytes_mut())?;
                (gathered.data, gathered.used, gathered.end)
            }
            _ => {
                let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(inbox.len());
                (n, n, false)
            }
        };
        if matches!(self.framing, BodyFraming::Length(_)) {
            self.left -= data as u64;
        }
        Ok(AtHand { data, used, is_last: end || self.left == 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_body(
        framing: BodyFraming,
        max: usize,
        inbox: &mut Inbox,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<Vec<u8>, BodyError> {
        let (mut body, mut bytes) = (Body::new(framing), Vec::new());
        while body.append(max, inbox, from, &mut bytes).await? {}
        Ok(bytes)
    }

    #[tokio::test]
    async fn chunks_are_written_anew_without_extensions_and_trailers() {
        let mut from = &b"3;secret=1\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\nGET"[..];
        let (mut inbox, mut to) = (Inbox::default(), Vec::new());
        copy_reframed(BodyFraming::Chunked, &mut inbox, &mut from, &mut to).await.expect("well-formed");
        assert_eq!(to, b"5\r\nabcde\r\n0\r\n\r\n");
        assert_eq!(inbox.bytes(), b"GET");
    }

    #[tokio::test]
    async fn the_end_of_a_body_waits_for_what_has_to_come_before() {
        use std::{
            cell::RefCell,
            pin::Pin,
            rc::Rc,
            task::{Context, Poll},
        };
        /// What has come until the end was waited for, and in all.
        async fn copied(framing: BodyFraming, body: &[u8]) -> (usize, Vec<u8>) {
            struct To(Rc<RefCell<Vec<u8>>>);
            impl AsyncWrite for To {
                fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                    self.0.borrow_mut().extend_from_slice(bytes);
                    Poll::Ready(Ok(bytes.len()))
                }
                fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }
                fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }
            }
            let got = Rc::new(RefCell::new(Vec::new()));
            let (mut inbox, mut from, at_end) = (Inbox::default(), body, RefCell::new(0));
            let before_end = async { *at_end.borrow_mut() = got.borrow().len() };
            copy_with_end(framing, &mut inbox, &mut from, &mut To(Rc::clone(&got)), before_end).await.expect("copied");
            (at_end.take(), got.take())
        }
        for size in [0, 1, HELD_BACK, HELD_BACK + 1, 10 * HELD_BACK + 7] {
            let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let (before, all) = copied(BodyFraming::Length(size as u64), &body).await;
            assert!(all == body && before == size.saturating_sub(HELD_BACK), "{size}: {before}");
            let chunks = [format!("{size:x}\r\n").as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
            let chunks = if size == 0 { LAST_CHUNK.to_vec() } else { chunks };
            let (before, all) = copied(BodyFraming::Chunked, &chunks).await;
            assert!(all.ends_with(LAST_CHUNK), "{size}");
            let (mut inbox, mut from) = (Inbox::default(), &all[..]);
            assert_eq!(read_body(BodyFraming::Chunked, size, &mut inbox, &mut from).await.expect("chunks"), body);
            assert!(all.len() - before >= size.min(HELD_BACK), "{size}: {before}");
        }
        let (mut inbox, mut from, mut to) = (Inbox::default(), &b"abc"[..], Vec::new());
        let never = async { panic!("the body is cut") };
        let cut = copy_with_end(BodyFraming::Length(4), &mut inbox, &mut from, &mut to, never).await;
        assert!(matches!(cut, Err(BodyError::Cut)) && to.is_empty());
    }

    #[tokio::test]
    async fn a_raw_copy_stops_at_the_end_of_the_body_and_keeps_trailers() {
        let body = &b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"[..];
        let bytes = [body, b"HTTP/1.1"].concat();
        let (mut inbox, mut to, mut from) = (Inbox::default(), Vec::new(), &bytes[..]);
        copy_raw(BodyFraming::Chunked, 0, &mut inbox, &mut from, &mut to).await.expect("well-formed");
        assert_eq!(to, body);
        assert_eq!(inbox.bytes(), b"HTTP/1.1");
    }

    #[tokio::test]
    async fn a_body_is_refused_at_its_limit_and_when_cut() {
        let read = async |framing, bytes: &[u8]| {
            let mut from = bytes;
            read_body(framing, 4, &mut Inbox::default(), &mut from).await
        };
        assert_eq!(read(BodyFraming::Length(4), b"abcdX").await.expect("fits"), b"abcd");
        assert!(matches!(read(BodyFraming::Length(5), b"").await, Err(BodyError::TooLarge(4))));
        assert!(matches!(read(BodyFraming::Chunked, b"5\r\nabcde\r\n").await, Err(BodyError::TooLarge(4))));
        assert!(matches!(read(BodyFraming::Length(4), b"ab").await, Err(BodyError::Cut)));
        assert!(matches!(read(BodyFraming::Chunked, b"2\r\nab\r\n").await, Err(BodyError::Cut)));
    }
}
