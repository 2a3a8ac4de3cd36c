//! Calling other controllers.
//!
//! Raft's small messages, parts of snapshots, copies of events and everything else have a connection each. A connection is made when it is
//! first needed and made anew when it broke; the TLS handshake of each checks that controller N answers, since that is the
//! name which is dialled, and then that its certificate is the one that the state names.

use super::{
    CallError, Reply, Request, Roster, Transport,
    identity::PeerIdentity,
    limits::{CONNECT_LIMIT, CONNECTION_WINDOW, KEEPALIVE, KEEPALIVE_TIMEOUT, STREAM_WINDOW},
    message::too_old,
    roster::Known,
};
use crate::raft::Call;
use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint, Uri},
};
use tower::service_fn;
use wharden_model::ClusterId;
use wharden_pki::{controller_name, controller_of};
use wharden_proto::{PEER_MESSAGE_MAX, v1::peer_client::PeerClient};
use wharden_runtime::tls::{self, ClientConfig, Connector, HTTP2};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Raft,
    Snapshot,
    Events,
    Other,
}

impl Lane {
    fn of(request: &Request) -> Self {
        match request {
            Request::Raft(Call::Snapshot(_)) => Self::Snapshot,
            Request::Raft(_) => Self::Raft,
            Request::Keep { .. } => Self::Events,
            _ => Self::Other,
        }
    }
}

/// Who this controller is when it calls.
struct Caller {
    tls: Arc<ClientConfig>,
    cluster: ClusterId,
}

/// Calls over gRPC with TLS on both sides.
pub struct Client {
    roster: Roster,
    caller: OnceLock<Caller>,
    channels: Mutex<HashMap<(u64, Lane), (Known, Channel)>>,
    removed: watch::Sender<bool>,
}

impl Client {
    /// Reaches nobody until it has an identity.
    pub fn new(roster: Roster) -> Self {
        Self { roster, caller: OnceLock::new(), channels: Mutex::default(), removed: watch::channel(false).0 }
    }

    /// Calls as this one from now on.
    ///
    /// # Errors
    /// When the certificate and the key do not make a TLS configuration.
    pub fn identify(&self, identity: &PeerIdentity) -> Result<(), tls::TlsError> {
        let tls = tls::client_config(&[identity.ca()], Some(&identity.tls()), &[HTTP2])?;
        // Who is identified already stays so.
        let _ = self.caller.set(Caller { tls, cluster: identity.cluster.clone() });
        Ok(())
    }

    /// Ends when another controller has said that this one was removed.
    pub async fn removed(&self) {
        let mut removed = self.removed.subscribe();
        // The sender lives as long as this.
        let _ = removed.wait_for(|removed| *removed).await;
    }

    fn channel(&self, to: u64, lane: Lane) -> Result<Channel, CallError> {
        let unreachable = |why: &str| CallError::Unreachable { to, why: why.to_owned() };
        let caller = self.caller.get().ok_or_else(|| unreachable("this controller has no certificate yet"))?;
        let known = self.roster.of(to).ok_or_else(|| unreachable("it is not a member"))?;
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, channel)) = channels.get(&(to, lane))
            && *held == known
        {
            return Ok(channel.clone());
        }
        let channel = dial(caller, &known).map_err(|why| unreachable(&why))?;
        channels.retain(|(number, _), _| self.roster.of(*number).is_some());
        channels.insert((to, lane), (known, channel.clone()));
        Ok(channel)
    }

    async fn ask(&self, to: u64, request: Request) -> Result<Reply, CallError> {
        let channel = self.channel(to, Lane::of(&request))?;
        let frame = request.into_frame().map_err(|error| CallError::Refused(error.to_string()))?;
        let mut client = PeerClient::new(channel)
            .max_decoding_message_size(PEER_MESSAGE_MAX)
            .max_encoding_message_size(PEER_MESSAGE_MAX);
        let answer = client.call(frame).await.map_err(|status| error_of(to, &status))?;
        let (can, must) = (answer.get_ref().level, self.roster.level());
        if can < must {
            return Err(CallError::Refused(too_old(to, can, must)));
        }
        match Reply::from_frame(answer.get_ref()).map_err(|error| CallError::Refused(error.to_string()))? {
            Reply::Removed => {
                self.removed.send_replace(true);
                Err(CallError::Removed { number: self.roster.own() })
            }
            reply => Ok(reply),
        }
    }
}

impl Transport for Client {
    fn call(&self, to: u64, request: Request, limit: Duration) -> BoxFuture<'_, Result<Reply, CallError>> {
        Box::pin(async move {
            match timeout(limit, self.ask(to, request)).await {
                Ok(answered) => answered,
                Err(_) => Err(CallError::Lost { to, why: format!("no answer in {} ms", limit.as_millis()) }),
            }
        })
    }
}

/// A channel that connects when it is used.
fn dial(caller: &Caller, known: &Known) -> Result<Channel, String> {
    let (host, port) = split(&known.peer).ok_or_else(|| format!("{:?} is not HOST:PORT", known.peer))?;
    let name = controller_name(&caller.cluster, known.number);
    let connector = Connector::new(Arc::clone(&caller.tls)).with_connect_timeout(CONNECT_LIMIT);
    let serial = known.serial.clone();
    let connect = service_fn(move |_: Uri| {
        let (connector, name, host, serial) = (connector.clone(), name.clone(), host.clone(), serial.clone());
        async move {
            let stream = connector.connect_as(&name, &host, port).await.map_err(io::Error::other)?;
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let shown = shown.and_then(|leaf| controller_of(leaf).ok());
            if shown.is_none_or(|cert| cert.serial != serial) {
                return Err(io::Error::other("it shows a certificate that is not the one of this controller"));
            }
            Ok(TokioIo::new(stream))
        }
    });
    let endpoint = Endpoint::from_static("http://controller")
        .connect_timeout(CONNECT_LIMIT * 2)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    Ok(endpoint.connect_with_connector_lazy(connect))
}

/// `host:port`, with brackets around a v6 address.
pub fn split(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host.to_owned(), port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}

fn error_of(to: u64, status: &Status) -> CallError {
    let why = status.message().to_owned();
    match status.code() {
        Code::PermissionDenied | Code::FailedPrecondition | Code::Unauthenticated => {
            CallError::Refused(format!("controller {to} refuses: {why}"))
        }
        Code::Unavailable => {
            let mut source = std::error::Error::source(status);
            let mut causes = Vec::new();
            while let Some(cause) = source {
                causes.push(cause.to_string());
                source = cause.source();
            }
            CallError::Unreachable { to, why: causes.pop().unwrap_or(why) }
        }
        _ => CallError::Lost { to, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_at_the_last_colon() {
        assert_eq!(split("a.example:7442"), Some(("a.example".into(), 7442)));
        assert_eq!(split("[::1]:7442"), Some(("::1".into(), 7442)));
        for bad in ["", "a", ":1", "a:", "a:x", "a:65536"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
