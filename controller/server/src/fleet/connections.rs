//! Connections before and beside their sessions, bounded: an open connection is an open file, of which a process has some
//! ten thousand, and whoever reaches the port can ask for one.

use super::limits::{
    ANONYMOUS_LIFE, ANONYMOUS_MAX, CONNECTIONS_PER_HOST, PROBE_IDLE, PROBE_INTERVAL, PROBES, TLS_BUFFER,
    UNACKNOWLEDGED_MAX,
};
use prometheus_client::metrics::counter::Counter;
use rustix::net::sockopt;
use std::{
    collections::HashMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};
use wharden_pki::fingerprint;
use wharden_runtime::tls::{TlsStream, peer_certificate};

/// Who a connection counts for: everybody without a certificate, or one certificate.
type Who = Option<[u8; 32]>;

/// All connections of the port. Clones count the same.
#[derive(Clone, Default)]
pub(super) struct Connections {
    open: Arc<Mutex<HashMap<Who, usize>>>,
    refused: Counter,
}

impl Connections {
    pub fn new(refused: Counter) -> Self {
        Self { open: Arc::default(), refused }
    }

    /// A connection that may stay; `None` closes it.
    pub fn admit(&self, mut stream: TlsStream) -> Option<Guarded> {
        let who = peer_certificate(&stream).map(fingerprint);
        let place = self.place(who)?;
        if let Err(error) = let_the_kernel_probe(stream.get_ref().0) {
            tracing::debug!(%error, "the kernel does not probe a connection");
        }
        stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        let ends = who.is_none().then(|| Box::pin(sleep(ANONYMOUS_LIFE)));
        Some(Guarded { stream: Box::new(stream), ends, _place: place })
    }

    fn place(&self, who: Who) -> Option<Place> {
        let max = if who.is_some() { CONNECTIONS_PER_HOST } else { ANONYMOUS_MAX };
        let mut open = self.open();
        let count = open.entry(who).or_insert(0);
        if *count >= max {
            self.refused.inc();
            tracing::debug!(certificate = who.is_some(), "too many connections of one kind: closing one");
            return None;
        }
        *count += 1;
        Some(Place { of: self.clone(), who })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Who, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place {
    of: Connections,
    who: Who,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open();
        match open.get_mut(&self.who) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.who)),
        }
    }
}

/// A peer that is gone closes its connection in the end, without a thread being woken for each that is not.
fn let_the_kernel_probe(stream: &TcpStream) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, PROBE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, PROBE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    sockopt::set_tcp_user_timeout(stream, u32::try_from(UNACKNOWLEDGED_MAX.as_millis()).unwrap_or(u32::MAX))
}

/// A connection that is counted. Without a certificate it ends after a while, whatever it does.
pub(super) struct Guarded {
    /// In a box, since what serves it has room for it several times over: as it is given, as it is looked at, as it is served.
    stream: Box<TlsStream>,
    ends: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Connected for Guarded {
    type ConnectInfo = TlsConnectInfo<TcpConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ends.as_mut().is_some_and(|ends| ends.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut *self.stream).poll_read(context, to)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_certificate_and_everybody_without_one_have_so_many_and_no_more() {
        let connections = Connections::default();
        let mine: Vec<_> = (0..CONNECTIONS_PER_HOST).map(|_| connections.place(Some([1; 32])).expect("room")).collect();
        assert!(connections.place(Some([1; 32])).is_none());
        assert!(connections.place(Some([2; 32])).is_some(), "another host is not disturbed");
        let nobody: Vec<_> = (0..ANONYMOUS_MAX).map(|_| connections.place(None).expect("room")).collect();
        assert!(connections.place(None).is_none());
        drop((mine, nobody));
        assert!(connections.place(Some([1; 32])).is_some() && connections.place(None).is_some());
        assert!(connections.open().is_empty(), "nothing stays");
    }
}
