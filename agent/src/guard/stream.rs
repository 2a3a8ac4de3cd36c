use crate::{
    limits::{SOCKET_NARROW, SOCKETS_NARROW, SOCKETS_ROOMY},
    wire::{Socket, SocketReader, SocketWriter},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt::set_socket_send_buffer_size,
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use wharden_runtime::tls::TlsStream;

/// A connection: of a unix socket, or TLS on TCP.
#[derive(Debug)]
pub enum Stream {
    Unix(Socket),
    Tls(Box<Tls>),
}

/// TLS on TCP.
#[derive(Debug)]
pub struct Tls {
    stream: Prompt,
    /// The same socket, to be asked how it is while both halves of the stream are lent out.
    socket: OwnedFd,
}

/// Nobody who writes here flushes. So a write is done when its bytes are on their way and not when TLS has taken them,
/// which also keeps a slow reader from filling its buffers. A write that is given up half-way leaves a stream that can
/// only be closed.
#[derive(Debug)]
pub struct Prompt {
    stream: TlsStream,
    /// Bytes that TLS has taken of the write in progress.
    taken: usize,
}

impl Stream {
    /// An accepted connection after its handshake.
    ///
    /// # Errors
    /// When the system has no file descriptors left.
    pub fn tls(stream: TlsStream) -> io::Result<Self> {
        let socket = stream.get_ref().0.as_fd().try_clone_to_owned()?;
        Ok(Self::Tls(Box::new(Tls { stream: Prompt { stream, taken: 0 }, socket })))
    }

    /// Both directions, for use at the same time.
    pub fn split(&mut self) -> (ReadSide<'_>, WriteSide<'_>) {
        match self {
            Self::Unix(stream) => {
                let (read, write) = stream.split();
                (ReadSide::Unix(read), WriteSide::Unix(write))
            }
            Self::Tls(tls) => {
                let Tls { stream, socket } = &mut **tls;
                let (read, write) = tokio::io::split(stream);
                (ReadSide::Tls(read, socket), WriteSide::Tls(write))
            }
        }
    }

    /// Takes less of the system's memory for what the other end has not read yet, where there are many connections, of the user
    /// and of all. It counts as the agent's.
    pub fn narrow(&self, connections: [usize; 2]) {
        let beyond = |max: [usize; 2]| connections.iter().zip(max).any(|(now, max)| *now > max);
        if beyond(SOCKETS_ROOMY) {
            // The kernel makes it the least that it allows.
            let bytes = if beyond(SOCKETS_NARROW) { 0 } else { SOCKET_NARROW };
            if let Err(error) = set_socket_send_buffer_size(self.socket(), bytes) {
                tracing::debug!(%error, "a socket keeps its size");
            }
        }
    }

    fn socket(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(stream) => stream.as_fd(),
            Self::Tls(tls) => tls.socket.as_fd(),
        }
    }

    /// True when the other end is gone altogether, see [`Source::hung_up`].
    pub fn hung_up(&self) -> bool {
        has_gone(self.socket())
    }

    /// True when nothing has come in and the other end is still there.
    pub fn is_quiet(&self) -> bool {
        events(self.socket(), PollFlags::IN).is_some_and(|events| events.is_empty())
    }
}

/// The direction that is read.
pub enum ReadSide<'a> {
    Unix(SocketReader<'a>),
    Tls(ReadHalf<&'a mut Prompt>, &'a OwnedFd),
}

/// The direction that is written.
pub enum WriteSide<'a> {
    Unix(SocketWriter<'a>),
    Tls(WriteHalf<&'a mut Prompt>),
}

/// The side of a stream that is read.
pub trait Source: AsyncRead + Unpin {
    /// True when the other end is gone altogether, and not only done with sending. On TCP both look alike until the
    /// system asks (see [`KEEPALIVE`](crate::limits::KEEPALIVE)), except for one that goes without a word, which TLS
    /// makes an error of reading.
    fn hung_up(&self) -> bool;
}

impl Source for ReadSide<'_> {
    fn hung_up(&self) -> bool {
        let socket = match self {
            Self::Unix(read) => read.as_fd(),
            Self::Tls(_, socket) => socket.as_fd(),
        };
        has_gone(socket)
    }
}

/// True when the other end of a socket is gone altogether.
pub fn has_gone(socket: BorrowedFd<'_>) -> bool {
    events(socket, PollFlags::empty()).is_none_or(|e| e.intersects(PollFlags::HUP | PollFlags::ERR))
}

fn events(fd: BorrowedFd<'_>, wanted: PollFlags) -> Option<PollFlags> {
    let mut fds = [PollFd::from_borrowed_fd(fd, wanted)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).ok()?;
    fds.first().map(PollFd::revents)
}

impl AsyncRead for Prompt {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.taken == 0 {
            this.taken = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        }
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        Poll::Ready(Ok(std::mem::take(&mut this.taken).min(buf.len())))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(&mut tls.stream).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for ReadSide<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(read) => Pin::new(read).poll_read(cx, buf),
            Self::Tls(read, _) => Pin::new(read).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for WriteSide<'_> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(write) => Pin::new(write).poll_write(cx, buf),
            Self::Tls(write) => Pin::new(write).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(write) => Pin::new(write).poll_write_vectored(cx, bufs),
            Self::Tls(write) => Pin::new(write).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Unix(write) => write.is_write_vectored(),
            Self::Tls(_) => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(write) => Pin::new(write).poll_flush(cx),
            Self::Tls(write) => Pin::new(write).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(write) => Pin::new(write).poll_shutdown(cx),
            Self::Tls(write) => Pin::new(write).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::UnixStream};

    #[tokio::test]
    async fn half_closed_is_not_hung_up() {
        let (ours, mut theirs) = UnixStream::pair().expect("pair");
        let mut ours = Stream::Unix(Socket::new(ours.into_std().expect("unwatched")).expect("watched"));
        assert!(!ours.split().0.hung_up());
        theirs.shutdown().await.expect("shutdown");
        assert!(!ours.split().0.hung_up());
        drop(theirs);
        assert!(ours.split().0.hung_up());
    }
}
