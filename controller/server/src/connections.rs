//! Open connections of a port, bounded: each is an open file, of which a process has some ten thousand, and whoever reaches
//! the port can ask for one. One way for all three ports.

use crate::limits::{FIRST_BYTES, PROBE_IDLE, PROBE_INTERVAL, PROBES, UNACKNOWLEDGED_MAX};
use prometheus_client::metrics::counter::Counter;
use rustix::net::sockopt;
use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo, TlsConnectInfo};
use wharden_pki::fingerprint;
use wharden_runtime::{
    places::{Place, Places},
    tls::{TlsStream, peer_certificate},
};

/// How many connections a port has open, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// With one certificate.
    pub per_certificate: usize,
    /// Without one, all together.
    pub anonymous: usize,
    /// Of these, those from one address.
    pub anonymous_per_source: usize,
    /// How long one without a certificate may stay after its first bytes; without this, as long as it is used.
    pub anonymous_life: Option<Duration>,
    /// Bytes that TLS holds for a peer that does not read.
    pub tls_buffer: usize,
}

/// Who a connection counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Certificate([u8; 32]),
    /// Everybody without one.
    Anonymous,
    /// Those of them at one address.
    Source(IpAddr),
}

/// All connections of the port. Clones count the same.
#[derive(Clone)]
pub struct Connections {
    limits: ConnectionLimits,
    open: Places<Who>,
    refused: Counter,
}

impl Connections {
    /// None yet. Those that find no place are counted.
    pub fn new(limits: ConnectionLimits, refused: Counter) -> Self {
        Self { limits, open: Places::default(), refused }
    }

    /// A connection that may stay; `None` closes it.
    pub fn admit(&self, mut stream: TlsStream) -> Option<Guarded> {
        let source = stream.get_ref().0.peer_addr().ok()?.ip();
        let certificate = peer_certificate(&stream).map(fingerprint);
        let places = self.places(certificate, source);
        if places.is_none() {
            self.refused.inc();
            tracing::debug!(certificate = certificate.is_some(), %source, "too many connections of one kind: closing one");
        }
        let places = places?;
        if let Err(error) = let_the_kernel_probe(stream.get_ref().0) {
            tracing::debug!(%error, "the kernel does not probe a connection");
        }
        stream.get_mut().1.set_buffer_limit(Some(self.limits.tls_buffer));
        let life = self.limits.anonymous_life.filter(|_| certificate.is_none());
        let ends = Ends::IfSilent { at: Box::pin(sleep(FIRST_BYTES)), life };
        Some(Guarded { stream: Box::new(stream), ends, _places: places })
    }

    fn places(&self, certificate: Option<[u8; 32]>, source: IpAddr) -> Option<[Option<Place<Who>>; 2]> {
        let limits = self.limits;
        Some(match certificate {
            Some(certificate) => [Some(self.open.take(Who::Certificate(certificate), limits.per_certificate)?), None],
            None => [
                Some(self.open.take(Who::Source(source), limits.anonymous_per_source)?),
                Some(self.open.take(Who::Anonymous, limits.anonymous)?),
            ],
        })
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

enum Ends {
    /// Unless it says something before, and then after its life.
    IfSilent {
        at: Pin<Box<Sleep>>,
        life: Option<Duration>,
    },
    Anyway(Pin<Box<Sleep>>),
    Open,
}

/// A connection that is counted. It ends when it says nothing at first, or when its life does.
pub struct Guarded {
    /// In a box, since what serves it has room for it several times over: as it is given, as it is looked at, as it is served.
    stream: Box<TlsStream>,
    ends: Ends,
    _places: [Option<Place<Who>>; 2],
}

impl Connected for Guarded {
    type ConnectInfo = TlsConnectInfo<TcpConnectInfo>;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let late = || Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        if let Ends::Anyway(end) = &mut self.ends
            && end.as_mut().poll(context).is_ready()
        {
            return late();
        }
        let before = to.filled().len();
        let read = Pin::new(&mut *self.stream).poll_read(context, to);
        let spoke = to.filled().len() > before;
        if let Ends::IfSilent { at, life } = &mut self.ends {
            if spoke {
                self.ends = life.map_or(Ends::Open, |life| Ends::Anyway(Box::pin(sleep(life))));
            } else if read.is_pending() && at.as_mut().poll(context).is_ready() {
                // Only now: a controller that is late itself finds here what came in time.
                return late();
            }
        }
        read
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
    fn one_certificate_one_address_and_everybody_without_one_have_so_many_and_no_more() {
        let limits = ConnectionLimits {
            per_certificate: 16,
            anonymous: 20,
            anonymous_per_source: 8,
            anonymous_life: None,
            tls_buffer: 1,
        };
        let connections = Connections::new(limits, Counter::default());
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let of = |who: Option<u8>, source| connections.places(who.map(|who| [who; 32]), source);
        let mine: Vec<_> = (0..limits.per_certificate).map(|_| of(Some(1), here).expect("room")).collect();
        assert!(of(Some(1), there).is_none());
        assert!(of(Some(2), here).is_some(), "another host is not disturbed");
        let flood: Vec<_> = (0..8).map(|_| of(None, here).expect("room")).collect();
        assert!(of(None, here).is_none());
        let others: Vec<_> = (0..12).map(|n| of(None, [192, 0, 2, 100 + n].into()).expect("room")).collect();
        assert!(of(None, there).is_none(), "all places are taken");
        assert_eq!(connections.open.count(&Who::Source(there)), 0, "who is refused holds nothing");
        drop((mine, flood, others));
        assert!(of(Some(1), here).is_some() && of(None, here).is_some());
        assert_eq!(connections.open.count(&Who::Anonymous), 0, "nothing stays");
    }
}
