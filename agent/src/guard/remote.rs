//! People elsewhere: TLS on TCP with a certificate of the cluster's CA that names a user and a login session, or a service
//! account and its key.
//!
//! ```text
//! handshake (CA, client use) ─▶ user of this cluster? ─▶ certificate, session, user good? ─▶ served as the user
//!        │ no: closed                 │ no: 401                 │ no: 401, and cut off at any later moment
//! ```

use super::{Guard, listener, stream::Stream};
use crate::{
    caller::{Peer, Remote, Unwelcome},
    limits::{CLOCK_CHECK, KEEPALIVE, NEWCOMER_WAIT},
};
use rustix::net::sockopt;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, watch},
    time::sleep,
};
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
            let remote = match peer_certificate(&stream) {
                Some(certificate) => Remote::of(certificate, &guard.cluster_id),
                None => Err(CertError::NotAUser.into()),
            };
            let Some((newcomer, place)) = newcomer(&remote, &guard) else {
                let remote =
                    remote.and_then(|remote| remote.principal(&guard.bundles.current(), now(&guard)).map(|_| remote));
                admit(stream, address, remote, &guard, &shutdown);
                continue;
            };
            let (guard, connections) = (Arc::clone(&guard), shutdown.clone());
            shutdown.spawn_until_stopped("newcomer", async move {
                let remote = known(&guard, newcomer).await;
                drop(place);
                admit(stream, address, remote, &guard, &connections);
            });
        }
    }
}

/// Somebody whom this host does not know yet, whose certificate was made a moment ago: the bundle that names them is on its
/// way. A few are waited for at one time.
fn newcomer(remote: &Result<Remote, Unwelcome>, guard: &Guard) -> Option<(Remote, OwnedSemaphorePermit)> {
    let (remote, now) = (remote.as_ref().ok()?, now(guard));
    let why = remote.principal(&guard.bundles.current(), now).err()?;
    if !why.is_unknown() || !remote.is_fresh(now) {
        return None;
    }
    Some((remote.clone(), guard.doorway.newcomer()?))
}

/// The same one as soon as this host knows them, or why not.
async fn known(guard: &Guard, remote: Remote) -> Result<Remote, Unwelcome> {
    let mut bundles = guard.bundles.changes();
    let wait = sleep(NEWCOMER_WAIT);
    tokio::pin!(wait);
    loop {
        match remote.principal(&guard.bundles.current(), now(guard)) {
            Ok(_) => return Ok(remote),
            Err(why) if !why.is_unknown() || wait.is_elapsed() => return Err(why),
            Err(_) => {}
        }
        tokio::select! {
            // It cannot fail while the guard holds the other end.
            _ = bundles.changed() => {}
            () = &mut wait => {}
        }
    }
}

fn admit(
    stream: TlsStream,
    address: SocketAddr,
    remote: Result<Remote, Unwelcome>,
    guard: &Arc<Guard>,
    shutdown: &Shutdown,
) {
    match prepared(stream) {
        Err(error) => tracing::warn!(%address, %error, "a connection was closed"),
        Ok(stream) => match remote {
            Ok(remote) => listener::admit(stream, Peer::Remote(remote), guard, shutdown),
            Err(why) => {
                tracing::info!(%address, %why, "a connection was refused");
                listener::turn_away(stream, 401, refusal(&why), guard, shutdown);
            }
        },
    }
}

fn prepared(stream: TlsStream) -> io::Result<Stream> {
    let socket = &stream.get_ref().0;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, KEEPALIVE.0)?;
    sockopt::set_tcp_keepintvl(socket, KEEPALIVE.1)?;
    sockopt::set_tcp_keepcnt(socket, KEEPALIVE.2)?;
    Stream::tls(stream)
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
    format!("{why}. What to do: run `wharden docker login` again, or ask your Wharden administrator.")
}

fn now(guard: &Guard) -> Timestamp {
    Timestamp(guard.clock.now())
}
