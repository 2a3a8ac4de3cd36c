//! One host's session, from its Hello to its end.

use super::{
    delivery::{Answer, Delivery},
    limits::{EVENTS_RETRY, HEARTBEATS_MISSED, HELLO_TIMEOUT, NOTICES_MAX},
    live::LiveSession,
    notice, peer,
    refusal::Refusal,
    report,
    server::Inner,
};
use crate::events::AppendError;
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::Streaming;
use wharden_model::{BootId, Timestamp};
use wharden_pki::PeerCert;
use wharden_proto::{
    EVENTS_PER_MESSAGE, NACK_REASON_MAX, PROTOCOL,
    v1::{
        AgentMessage, BundleNack, ControllerMessage, Controllers, Events, EventsAck, Hello, Notice, NoticeAck, Welcome,
        agent_message, controller_message,
    },
};

/// Runs until there is a reason to end.
pub(super) async fn run(
    fleet: &Arc<Inner>,
    peer: &PeerCert,
    mut inbound: Streaming<AgentMessage>,
    outbox: mpsc::Sender<ControllerMessage>,
) -> Refusal {
    let hello = match first(fleet, &mut inbound).await {
        Ok(hello) => hello,
        Err(why) => {
            fleet.metrics.refused_sessions.inc();
            tracing::info!(host = %peer.host_id, %why, "a session was refused");
            return why;
        }
    };
    let (live, told_to_end, replaced) = fleet.live.open(&peer.host_id, fleet.now());
    let number = live.number();
    fleet.metrics.opened.inc();
    fleet.metrics.sessions.inc();
    tracing::info!(host = %peer.host_id, session = number, revision = hello.revision, "a session opened");
    if replaced {
        fleet.metrics.replaced.inc();
        tracing::warn!(
            host = %peer.host_id, session = number,
            "it replaces the session that the host had; if this goes on, two machines use one host's key"
        );
    }
    let why = match Session::new(fleet, peer, live, &hello) {
        Ok(session) => session.serve(inbound, outbox, told_to_end).await,
        Err(why) => why,
    };
    fleet.metrics.sessions.dec();
    tracing::info!(host = %peer.host_id, session = number, %why, "a session ended");
    why
}

async fn first(fleet: &Inner, inbound: &mut Streaming<AgentMessage>) -> Result<Hello, Refusal> {
    let first = tokio::select! {
        first = timeout(HELLO_TIMEOUT, inbound.message()) => first.map_err(|_| Refusal::LateHello)?,
        () = fleet.shutdown.stopped() => return Err(Refusal::Stopping),
    };
    let first = first.map_err(|status| Refusal::Connection(status.message().to_owned()))?.ok_or(Refusal::Closed)?;
    let Some(agent_message::Body::Hello(hello)) = first.body else { return Err(Refusal::NoHello) };
    if hello.protocol != PROTOCOL {
        return Err(Refusal::Protocol(hello.protocol));
    }
    BootId::new(hello.boot_id.as_str())?;
    Ok(hello)
}

/// Events on their way to disk, and the ack that follows.
type Storing = BoxFuture<'static, EventsAck>;

struct Session<'f> {
    fleet: &'f Arc<Inner>,
    peer: &'f PeerCert,
    live: LiveSession,
    delivery: Delivery,
    published: watch::Receiver<Option<Arc<crate::publish::Published>>>,
    controllers: watch::Receiver<Arc<Controllers>>,
    tell_controllers: bool,
    welcome: bool,
    events_ack: Option<EventsAck>,
    storing: Option<Storing>,
    /// Notices on their way into the log, and those that are in it.
    recording: FuturesUnordered<BoxFuture<'static, Option<NoticeAck>>>,
    recorded: Vec<NoticeAck>,
    /// The number up to which this session's newest run is stored.
    stored: (String, u64),
    heard: Instant,
}

impl<'f> Session<'f> {
    fn new(fleet: &'f Arc<Inner>, peer: &'f PeerCert, live: LiveSession, hello: &Hello) -> Result<Self, Refusal> {
        // The host may have been revoked between the first check and now; from here on a revocation finds the session.
        let state = fleet.ledger.state();
        let host = peer::for_session(peer, &state, fleet.now())?;
        if peer::is_newer(peer, host) {
            record(fleet, peer);
        }
        let held = match (hello.revision, hello.digest.as_ref()) {
            (0, []) => None,
            (revision, digest) => {
                let digest = digest.try_into().map_err(|_| Refusal::Malformed("the digest in Hello is not SHA-256"))?;
                Some((revision, digest))
            }
        };
        live.holds(held.map_or(0, |(revision, _)| revision), held.map(|(_, digest)| digest));
        let mut published = fleet.publisher.subscribe();
        published.mark_changed();
        let mut controllers = fleet.controllers.subscribe();
        let tell_controllers = !controllers.borrow_and_update().controllers.is_empty();
        let session = Self {
            fleet,
            peer,
            live,
            delivery: Delivery::starting_with(held),
            published,
            controllers,
            tell_controllers,
            welcome: true,
            events_ack: None,
            storing: None,
            recording: FuturesUnordered::new(),
            recorded: Vec::new(),
            stored: (String::new(), 0),
            heard: Instant::now(),
        };
        if let Some(report) = &hello.report {
            session.report(&report.json);
        }
        Ok(session)
    }

    async fn serve(
        mut self,
        mut inbound: Streaming<AgentMessage>,
        outbox: mpsc::Sender<ControllerMessage>,
        mut told_to_end: oneshot::Receiver<Refusal>,
    ) -> Refusal {
        let stopped = self.fleet.shutdown.stopped();
        tokio::pin!(stopped);
        let silence = self.fleet.config.heartbeat * HEARTBEATS_MISSED;
        loop {
            let due = self.delivery.due();
            let has_something = self.welcome
                || self.tell_controllers
                || self.events_ack.is_some()
                || !self.recorded.is_empty()
                || due.is_some_and(|at| at <= Instant::now());
            let deadline = self.heard + silence;
            let wake = due.filter(|_| !has_something).map_or(deadline, |at| at.min(deadline));
            let turn = tokio::select! {
                biased;
                why = &mut told_to_end => return why.unwrap_or(Refusal::Replaced),
                () = &mut stopped => return Refusal::Stopping,
                permit = outbox.reserve(), if has_something => match permit {
                    Ok(permit) => {
                        if let Err(why) = self.check_certificate() {
                            return why;
                        }
                        if let Some(message) = self.next_message() {
                            permit.send(message);
                        }
                        Ok(())
                    }
                    Err(_) => Err(Refusal::Closed),
                },
                changed = self.published.changed() => match changed {
                    Ok(()) => self.look_at_published().await,
                    Err(_) => Err(Refusal::Stopping),
                },
                changed = self.controllers.changed() => match changed {
                    Ok(()) => {
                        self.tell_controllers = true;
                        Ok(())
                    }
                    Err(_) => Err(Refusal::Stopping),
                },
                ack = storing(&mut self.storing), if self.storing.is_some() => {
                    self.storing = None;
                    self.stored = (ack.boot_id.clone(), ack.seq);
                    self.events_ack = Some(ack);
                    self.heard = Instant::now();
                    Ok(())
                }
                Some(ack) = self.recording.next(), if !self.recording.is_empty() => {
                    self.recorded.extend(ack);
                    Ok(())
                }
                // Nothing more is read while events wait for the disk: that is what slows a flood down.
                message = inbound.message(), if self.storing.is_none() => match message {
                    Ok(Some(message)) => self.take(message),
                    Ok(None) => Err(Refusal::Closed),
                    Err(status) => Err(Refusal::Connection(status.message().to_owned())),
                },
                () = sleep_until(wake) => {
                    if Instant::now() >= deadline && self.storing.is_none() { Err(Refusal::Silent) } else { Ok(()) }
                }
            };
            if let Err(why) = turn.and_then(|()| self.check_certificate()) {
                return why;
            }
        }
    }

    fn check_certificate(&self) -> Result<(), Refusal> {
        Ok(self.peer.check_time(self.fleet.now())?)
    }

    fn next_message(&mut self) -> Option<ControllerMessage> {
        use controller_message::Body;
        let body = if std::mem::take(&mut self.welcome) {
            let heartbeat = self.fleet.config.heartbeat.max(Duration::from_secs(1)).as_secs();
            let heartbeat_seconds = u32::try_from(heartbeat).unwrap_or(u32::MAX);
            Body::Welcome(Welcome { heartbeat_seconds, epoch: self.fleet.ledger.state().epoch })
        } else if std::mem::take(&mut self.tell_controllers) {
            Body::Controllers(Controllers::clone(&self.controllers.borrow_and_update()))
        } else if let Some(ack) = self.events_ack.take() {
            Body::EventsAck(ack)
        } else if let Some(ack) = self.recorded.pop() {
            Body::NoticeAck(ack)
        } else {
            let push = self.delivery.take(Instant::now())?;
            self.fleet.metrics.pushes.inc();
            self.fleet.metrics.pushed_bytes.inc_by(push.payload.len() as u64);
            Body::Bundle(push)
        };
        Some(ControllerMessage { body: Some(body) })
    }

    async fn look_at_published(&mut self) -> Result<(), Refusal> {
        let Some(published) = self.published.borrow_and_update().clone() else { return Ok(()) };
        let state = self.fleet.ledger.state();
        if let Some(bundle) = published.bundle(&self.peer.host_id, &state).await {
            self.delivery.want(&bundle, Instant::now());
        }
        self.live.judged(published.revision(), self.delivery.is_behind());
        Ok(())
    }

    fn take(&mut self, message: AgentMessage) -> Result<(), Refusal> {
        use agent_message::Body;
        self.heard = Instant::now();
        self.live.seen(self.fleet.now());
        match message.body {
            Some(Body::Heartbeat(heartbeat)) => self.live.lost_events(heartbeat.events_lost),
            Some(Body::Ack(ack)) => {
                let answer = self.delivery.ack(ack.nonce, ack.revision, self.heard);
                self.answered(answer, String::new());
            }
            Some(Body::Nack(BundleNack { nonce, reason })) => {
                let answer = self.delivery.nack(nonce, self.heard);
                self.answered(answer, cut(reason));
            }
            Some(Body::Events(events)) => self.store(events)?,
            Some(Body::Report(report)) => self.report(&report.json),
            Some(Body::Notice(notice)) => self.record(notice),
            Some(Body::Hello(_)) => return Err(Refusal::Malformed("Hello came a second time")),
            // A newer agent may say more than this controller knows.
            None => {}
        }
        Ok(())
    }

    fn answered(&self, answer: Answer, reason: String) {
        match answer {
            Answer::Held { revision, digest } => {
                self.fleet.metrics.acks.inc();
                self.live.holds(revision, Some(digest));
            }
            Answer::Refused => {
                self.fleet.metrics.nacks.inc();
                tracing::warn!(host = %self.peer.host_id, %reason, "the host refused its bundle; it keeps the one it has");
                self.live.refused(reason);
            }
            Answer::HeaderRefused => {
                self.fleet.metrics.nacks.inc();
            }
            Answer::Unknown => tracing::debug!(host = %self.peer.host_id, "an answer to no bundle that is on its way"),
        }
        let revision = self.published.borrow().as_ref().map_or(0, |published| published.revision());
        if !self.published.has_changed().unwrap_or(false) {
            self.live.judged(revision, self.delivery.is_behind());
        }
    }

    fn report(&self, json: &[u8]) {
        match report::read(json) {
            Ok(report) => self.live.reported(report),
            Err(error) => tracing::warn!(host = %self.peer.host_id, %error, "a host's report cannot be read"),
        }
    }

    fn record(&mut self, notice: Notice) {
        if self.recording.len() + self.recorded.len() >= NOTICES_MAX {
            return;
        }
        let (fleet, host) = (Arc::clone(self.fleet), self.peer.host_id.clone());
        self.recording.push(
            async move {
                let recorded = notice::record(&fleet, &host, &notice).await;
                if let Err(error) = &recorded {
                    tracing::warn!(%host, %error, "a notice of a host is not in the audit");
                }
                // The agent sends again what is not acknowledged, and what can never be read must not come for ever.
                let done = recorded.as_ref().map_or_else(notice::NoticeError::is_final, |()| true);
                done.then_some(NoticeAck { id: notice.id })
            }
            .boxed(),
        );
    }

    fn store(&mut self, events: Events) -> Result<(), Refusal> {
        if events.events.len() > EVENTS_PER_MESSAGE {
            return Err(Refusal::Malformed("a message has more than 256 events"));
        }
        let boot = BootId::new(events.boot_id)?;
        let before = if self.stored.0 == boot.as_str() { self.stored.1 } else { 0 };
        let (store, host) = (self.fleet.events.clone(), self.peer.host_id.clone());
        let events = events.events.into_iter().map(|event| (event.seq, event.json)).collect();
        let work = async move {
            let seq = match store.append(&host, &boot, events).await {
                Ok(seq) => seq,
                Err(AppendError::TooLarge(size)) => {
                    tracing::warn!(%host, size, "a message has too many bytes of events");
                    before
                }
                Err(AppendError::Io(_) | AppendError::Stopped) => {
                    // The store has logged it. The old number makes the agent send the same again, later.
                    sleep(EVENTS_RETRY).await;
                    before
                }
            };
            EventsAck { boot_id: boot.to_string(), seq }
        };
        self.storing = Some(work.boxed());
        Ok(())
    }
}

async fn storing(work: &mut Option<Storing>) -> EventsAck {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// The first use of a newer certificate ends all older ones.
fn record(fleet: &Arc<Inner>, peer: &PeerCert) {
    let (fleet_, peer) = (Arc::clone(fleet), peer.clone());
    fleet.shutdown.spawn_until_stopped("record certificate", async move {
        let until: Timestamp = peer.not_after;
        if let Err(error) = fleet_.record(&peer.host_id, &peer.serial, until).await {
            tracing::warn!(host = %peer.host_id, %error, "the use of a new certificate could not be recorded");
        }
    });
}

fn cut(mut reason: String) -> String {
    reason.retain(|c| !c.is_control());
    let mut end = reason.len().min(NACK_REASON_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}
