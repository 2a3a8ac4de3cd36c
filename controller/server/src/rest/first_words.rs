//! Connections that say nothing. Until the first bytes are there it is not known which version of HTTP they speak, and nobody
//! else looks at the time.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Bytes after which the version is known: the preface of HTTP/2.
const ENOUGH: usize = 24;

/// A connection that fails when its first words do not come in time.
pub struct FirstWords<S> {
    stream: S,
    read: usize,
    until: Pin<Box<Sleep>>,
}

impl<S> FirstWords<S> {
    /// They must come within this time.
    pub fn of(stream: S, limit: Duration) -> Self {
        Self { stream, read: 0, until: Box::pin(sleep(limit)) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FirstWords<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            self.read = self.read.saturating_add(buf.filled().len() - before);
            return polled;
        }
        if self.read < ENOUGH {
            ready!(self.until.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FirstWords<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn who_says_nothing_or_little_is_cut_off_and_who_has_spoken_is_not() {
        let limit = Duration::from_millis(20);
        for said in [&b""[..], b"P"] {
            let (mut client, server) = duplex(64);
            let mut server = FirstWords::of(server, limit);
            client.write_all(said).await.expect("written");
            let mut all = Vec::new();
            let error = server.read_to_end(&mut all).await.expect_err("cut off");
            assert_eq!((error.kind(), all.as_slice()), (io::ErrorKind::TimedOut, said));
        }
        let (mut client, server) = duplex(64);
        let mut server = FirstWords::of(server, limit);
        client.write_all(&[7; ENOUGH]).await.expect("written");
        let mut first = [0; ENOUGH];
        server.read_exact(&mut first).await.expect("read");
        let more = tokio::spawn(async move { server.read_u8().await });
        tokio::time::sleep(limit * 3).await;
        client.write_all(&[9]).await.expect("written");
        assert_eq!(more.await.expect("a task").expect("read"), 9);
    }
}
