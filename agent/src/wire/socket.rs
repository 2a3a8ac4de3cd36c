use std::{
    io::{self, IoSlice, Read, Write},
    net::Shutdown,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

/// A unix socket that is watched for input alone. With tokio's own the kernel tells that there is room to write each time
/// the other end has read something, which is twice for each request, wakes the agent while the others have to work, and
/// leads to nothing. Room is watched for from when a write has found none.
#[derive(Debug)]
pub struct Socket {
    input: AsyncFd<UnixStream>,
    room: Option<AsyncFd<OwnedFd>>,
}

/// The direction that is read.
#[derive(Debug)]
pub struct SocketReader<'a>(&'a AsyncFd<UnixStream>);

/// The direction that is written.
#[derive(Debug)]
pub struct SocketWriter<'a> {
    input: &'a AsyncFd<UnixStream>,
    room: &'a mut Option<AsyncFd<OwnedFd>>,
}

impl Socket {
    /// Takes over a connection, which does not block.
    ///
    /// # Errors
    /// When the system does not watch it.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        Ok(Self { input: watch(stream, Interest::READABLE)?, room: None })
    }

    /// Both directions, for use at the same time.
    pub fn split(&mut self) -> (SocketReader<'_>, SocketWriter<'_>) {
        // What was crowded the last time need not be now, and each watch takes a file.
        self.room = None;
        (SocketReader(&self.input), SocketWriter { input: &self.input, room: &mut self.room })
    }

    fn writer(&mut self) -> SocketWriter<'_> {
        SocketWriter { input: &self.input, room: &mut self.room }
    }
}

/// Has the runtime watch a file, which does not block.
///
/// # Errors
/// Those of epoll_ctl(2).
#[expect(
    deprecated,
    reason = "its successor is unsafe, for owners whose file can change under them; these two keep theirs"
)]
pub fn watch<T: AsFd + AsRawFd>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owner, interest)
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.get_ref().as_fd()
    }
}

impl AsFd for SocketReader<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}

impl SocketWriter<'_> {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&UnixStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let stream = self.input.get_ref();
        loop {
            if let Some(room) = self.room {
                let mut found = ready!(room.poll_write_ready(cx))?;
                if let Ok(written) = found.try_io(|_| write(stream)) {
                    return Poll::Ready(written);
                }
            } else {
                match write(stream) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        let fd = stream.as_fd().try_clone_to_owned()?;
                        *self.room = Some(watch(fd, Interest::WRITABLE)?);
                    }
                    written => return Poll::Ready(written),
                }
            }
        }
    }
}

impl AsyncRead for SocketReader<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut found = ready!(self.0.poll_read_ready(cx))?;
            let free = buf.initialize_unfilled();
            let wanted = free.len();
            if let Ok(read) = found.try_io(|fd| fd.get_ref().read(free)) {
                let n = read?;
                // Less than there was room for is all that there was: the kernel tells when there is more, and the end.
                if n > 0 && n < wanted {
                    found.clear_ready();
                }
                buf.advance(n);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for SocketWriter<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll(cx, |mut stream| stream.write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll(cx, |mut stream| stream.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.input.get_ref().shutdown(Shutdown::Write))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut SocketReader(&self.input)).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().writer()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().writer()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn pair() -> (Socket, Socket) {
        let (a, b) = UnixStream::pair().expect("pair");
        for end in [&a, &b] {
            end.set_nonblocking(true).expect("mode");
        }
        (Socket::new(a).expect("a"), Socket::new(b).expect("b"))
    }

    #[tokio::test]
    async fn more_than_the_socket_holds_arrives_whole_both_ways_at_once() {
        let (mut ours, mut theirs) = pair();
        let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        let echo = async {
            let (mut read, mut write) = theirs.split();
            let copied = tokio::io::copy(&mut read, &mut write).await.expect("copied");
            write.shutdown().await.expect("shutdown");
            copied
        };
        let (mut read, mut write) = ours.split();
        let mut back = Vec::new();
        let (written, copied, got) = tokio::join!(
            async {
                write.write_all(&sent).await?;
                write.shutdown().await
            },
            echo,
            read.read_to_end(&mut back)
        );
        written.expect("written");
        assert_eq!((copied, got.expect("read")), (sent.len() as u64, sent.len()));
        assert!(back == sent, "every byte in its place");
    }

    #[tokio::test]
    async fn room_is_watched_for_only_where_there_was_none() {
        let (mut ours, mut theirs) = pair();
        ours.write_all(b"short").await.expect("written");
        assert!(ours.room.is_none());
        let flood = vec![7; 2_000_000];
        let mut back = Vec::new();
        let (written, read) = tokio::join!(ours.write_all(&flood), async {
            let mut some = (&mut theirs).take(2_000_005);
            some.read_to_end(&mut back).await
        });
        written.expect("written");
        assert_eq!(read.expect("read"), 2_000_005);
        assert!(ours.room.is_some());
        let _ = ours.split();
        assert!(ours.room.is_none());
    }

    #[tokio::test]
    async fn what_comes_in_pieces_and_the_end_are_seen() {
        let (mut ours, mut theirs) = pair();
        let mut memory = [0; 64];
        for piece in [&b"one"[..], b"and two"] {
            theirs.write_all(piece).await.expect("written");
            let n = ours.read(&mut memory).await.expect("read");
            assert_eq!(memory.get(..n), Some(piece));
        }
        theirs.write_all(b"last").await.expect("written");
        drop(theirs);
        assert_eq!(ours.read(&mut memory).await.expect("read"), 4);
        assert_eq!(ours.read(&mut memory).await.expect("end"), 0);
        let error = ours.write_all(b"x").await.expect_err("nobody there");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
