//! People elsewhere: TLS on TCP with a certificate of the cluster's CA that names a user and a login session.
//!
//! ```text
//! handshake (CA, client use) ─▶ user of this cluster? ─▶ certificate, session, user good? ─▶ served as the user
//!        │ no: closed                 │ no: 401                 │ no: 401, and cut off at any later moment
//! ```

use super::{Guard, listener, stream::Stream};
use crate::{
    caller::{Peer, Remote, Unwelcome},
    limits::{CLOCK_CHECK, KEEPALIVE},
};
use rustix::net::sockopt;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, time::sleep};
use wharden_model::Timestamp;
use wharden_pki::CertError;
use wharden_runtime::{
    shutdown::Shutdown,
    tls::{HandshakeLimits, ServerConfig, TlsListener, TlsStream, peer_certificate},
};

/// The guard's TCP port.
pub struct RemoteListener(TlsListener);

impl RemoteListener {
    /// On a bound port; `config` wants a certificate of the cluster's CA from every client.
    pub fn new(tcp: TcpListener, config: watch::Receiver<Arc<ServerConfig>>) -> Self {
        Self(TlsListener::with(tcp, config, HandshakeLimits::default()))
    }

    /// Accepts until the order to stop; every connection is a task of `shutdown`.
    pub async fn run(mut self, guard: Arc<Guard>, shutdown: Shutdown) {
        let stop = shutdown.child();
        loop {
            let (stream, address) = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.0.accept() => accepted,
            };
            if let Err(error) = admit(stream, address, &guard, &shutdown) {
                tracing::warn!(%address, %error, "a connection was closed");
            }
        }
    }
}

fn admit(stream: TlsStream, address: SocketAddr, guard: &Arc<Guard>, shutdown: &Shutdown) -> io::Result<()> {
    let remote = match peer_certificate(&stream) {
        Some(certificate) => Remote::of(certificate, &guard.cluster_id),
        None => Err(CertError::NotAUser.into()),
    };
    let welcome = remote.and_then(|remote| remote.principal(&guard.bundles.current(), now(guard)).map(|_| remote));
    let socket = &stream.get_ref().0;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE.0)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE.1)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE.2)?;
    let stream = Stream::tls(stream)?;
    match welcome {
        Ok(remote) => listener::admit(stream, Peer::Remote(remote), guard, shutdown),
        Err(why) => {
            tracing::info!(%address, %why, "a connection was refused");
            listener::turn_away(stream, 401, refusal(&why), guard, shutdown);
        }
    }
    Ok(())
}

/// Ends with the reason when somebody who was let in is no longer welcome.
pub async fn until_unwelcome(guard: &Guard, remote: &Remote) -> Unwelcome {
    // From before the first look, so that no bundle is missed between two.
    let mut bundles = guard.bundles.changes();
    loop {
        let now = now(guard);
        if let Err(why) = remote.principal(&guard.bundles.current(), now) {
            return why;
        }
        let left = Duration::from_millis(remote.left(now) + 1).min(CLOCK_CHECK);
        tokio::select! {
            // It cannot fail while the guard holds the other end.
            _ = bundles.changed() => {}
            () = sleep(left) => {}
        }
    }
}

/// What somebody is told who is not served.
pub fn refusal(why: &Unwelcome) -> String {
    format!("{why}. What to do: log in with `wharden docker login`, or ask your Wharden administrator.")
}

fn now(guard: &Guard) -> Timestamp {
    Timestamp(guard.clock.now())
}
