//! One session, as `agent::session` has it: hello, welcome, then bundles and acks, heartbeats, events, reports, pings.

use crate::{
    host::{Host, Memory, World, now_us},
    identity::Identity,
    limits::WINDOW,
    turn::Talk,
    wire::{self, Call, Inbox, WireError},
};
use rustls_pki_types::ServerName;
use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharden_agent::limits::{CALL_TIMEOUT, CONNECT_TIMEOUT, HEARTBEAT_BOUNDS, HOME_LOOK_MAX, HOME_LOOK_MIN};
use wharden_model::Timestamp;
use wharden_proto::{
    PROTOCOL,
    v1::{AgentMessage, ControllerMessage, Hello, Report, agent_message, controller_message},
};
use wharden_runtime::{limits::HANDSHAKE_TIMEOUT, tls::ClientConfig};

/// A connection to a controller.
pub type Stream = TlsStream<tokio::net::TcpStream>;

/// How a session ended.
#[derive(Debug)]
pub enum Ended {
    /// The host is to be away.
    Ordered,
    /// The controller that it belongs to is back; the connection to it.
    Home(Box<Stream>),
    /// The controller said no, and perhaps when to come again.
    Refused { retry_after: Option<Duration> },
    /// Anything else.
    Broken,
}

impl From<WireError> for Ended {
    fn from(error: WireError) -> Self {
        // UNAUTHENTICATED and PERMISSION_DENIED are meant for this host.
        match error {
            WireError::Status { code, retry_after, .. } if retry_after.is_some() || matches!(code, 7 | 16) => {
                Self::Refused { retry_after }
            }
            _ => Self::Broken,
        }
    }
}

impl From<h2::Error> for Ended {
    fn from(_: h2::Error) -> Self {
        Self::Broken
    }
}

/// TCP and TLS.
///
/// # Errors
/// [`WireError`].
pub async fn dial(world: &World, host: &Host, tls: Arc<ClientConfig>, to: SocketAddr) -> Result<Stream, WireError> {
    let _turn = world.dials.acquire().await.map_err(|_| WireError::Closed)?;
    let tcp = wire::connect(host.source(), to, CONNECT_TIMEOUT).await?;
    let name = ServerName::IpAddress(to.ip().into());
    Ok(timeout(HANDSHAKE_TIMEOUT, TlsConnector::from(tls).connect(name, tcp)).await.map_err(|_| WireError::Late)??)
}

/// Runs a session until it ends, on a connection that is there already or on a new one.
pub async fn session(
    world: &Arc<World>,
    host: &Arc<Host>,
    identity: &Identity,
    memory: &mut Memory,
    behaviour: &mut watch::Receiver<Arc<crate::message::Behaviour>>,
    (to, way): (SocketAddr, Option<Box<Stream>>),
    home: Option<SocketAddr>,
) -> Ended {
    let order = behaviour.borrow_and_update().clone();
    let skew = if world.is_of(host.index, order.skewed, "skewed") { order.skew_s } else { 0 };
    if identity.ends < clock(skew) {
        // An agent with such a clock would ask for a new certificate first, for ever.
        return Ended::Broken;
    }
    let opened = async {
        let stream = match way {
            Some(stream) => *stream,
            None => dial(world, host, Arc::clone(&identity.tls), to).await?,
        };
        wire::handshake(stream, WINDOW).await
    };
    let (mut client, mut connection) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return error.into(),
    };
    let pings = connection.ping_pong();
    let stalled = AtomicBool::new(false);
    let talk = async {
        let Call { mut to, answer } = wire::begin(&mut client, "/wharden.v1.Agent/Session")?;
        let report = serde_json::to_vec(&memory.machine.report).unwrap_or_default();
        let hello = Hello {
            protocol: PROTOCOL,
            boot_id: memory.machine.boot_id.to_string(),
            revision: memory.held.as_ref().map_or(0, |held| held.revision),
            digest: memory.held.as_ref().map(|held| held.digest.to_vec()).unwrap_or_default().into(),
            report: Some(Report { json: report.into() }),
            differences: true,
        };
        to.send_data(wire::frame(&AgentMessage { body: Some(agent_message::Body::Hello(hello)) }), false)?;
        let welcomed = async {
            let mut inbox = Inbox::open(answer).await?;
            let first: ControllerMessage = inbox.next().await?;
            Ok::<_, WireError>((inbox, first))
        };
        let (inbox, first) = timeout(CALL_TIMEOUT, welcomed).await.map_err(|_| Ended::Broken)??;
        let Some(controller_message::Body::Welcome(welcome)) = first.body else { return Err(Ended::Broken) };
        let beat = welcome.heartbeat_seconds.clamp(HEARTBEAT_BOUNDS.0, HEARTBEAT_BOUNDS.1);
        // Whoever goes home was there before, too.
        let _ = host.up_since_us.compare_exchange(0, now_us(), Relaxed, Relaxed);
        world.counters.sessions.fetch_add(1, Relaxed);
        let beat = Duration::from_secs(beat.into());
        let talk = Talk::new(world, host, identity, memory, to, &stalled, (beat, skew));
        let ended = tokio::select! {
            ended = talk.run(inbox, pings, behaviour) => ended,
            stream = home_is_back(world, host, identity, home) => Ended::Home(Box::new(stream)),
        };
        Err::<std::convert::Infallible, Ended>(ended)
    };
    tokio::select! {
        _ = (Stalling { connection: &mut connection, stalled: &stalled }) => Ended::Broken,
        ended = talk => match ended {
            Ok(never) => match never {},
            Err(ended) => ended,
        },
    }
}

/// Ends with a connection to the controller that the host belongs to, as the agent's own look does; never where it is there.
async fn home_is_back(world: &World, host: &Host, identity: &Identity, home: Option<SocketAddr>) -> Stream {
    let Some(home) = home else { return std::future::pending().await };
    loop {
        sleep(rand::random_range(HOME_LOOK_MIN..=HOME_LOOK_MAX)).await;
        if let Ok(stream) = dial(world, host, Arc::clone(&identity.tls), home).await {
            return stream;
        }
    }
}

/// A host's clock.
pub fn clock(skew_s: i64) -> Timestamp {
    let now = i64::try_from(now_us() / 1000).unwrap_or(i64::MAX);
    Timestamp(u64::try_from(now.saturating_add(skew_s.saturating_mul(1000))).unwrap_or(0))
}

/// A connection that is not read while its host has stalled.
struct Stalling<'c, C> {
    connection: &'c mut C,
    stalled: &'c AtomicBool,
}

impl<C: Future + Unpin> Future for Stalling<'_, C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.stalled.load(Relaxed) { Poll::Pending } else { Pin::new(&mut *self.connection).poll(context) }
    }
}
