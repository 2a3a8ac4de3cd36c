//! One host's session, from its Hello to its end.

use super::{
    allowance::Allowance,
    delivery::Delivery,
    inventory::Telling,
    limits::{EVENTS_RETRY, HELLO_TIMEOUT, NOTICES_MAX, SYNC_LIMIT},
    live::LiveSession,
    notice, peer,
    refusal::Refusal,
    report,
    server::Inner,
};
use crate::{copies::RecordError, events::AppendError};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::sync::Arc;
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tonic::Streaming;
use wharden_model::{BootId, Timestamp};
use wharden_pki::PeerCert;
use wharden_proto::{
    EVENTS_PER_MESSAGE, NACK_REASON_MAX, PROTOCOL,
    v1::{
        AgentMessage, BundleNack, ControllerMessage, Controllers, Events, EventsAck, Hello, Notice, NoticeAck,
        agent_message,
    },
};

mod outgoing;

/// Runs until there is a reason to end.
pub(super) async fn run(
    fleet: &Arc<Inner>,
    peer: &PeerCert,
    mut inbound: Streaming<AgentMessage>,
    outbox: mpsc::Sender<Box<ControllerMessage>>,
    place: OwnedSemaphorePermit,
) -> Refusal {
    let hello = match first(fleet, &mut inbound).await {
        Ok(hello) => hello,
        Err(why) => {
            fleet.metrics.refused_sessions.inc();
            tracing::info!(host = %peer.host_id, %why, "a session was refused");
            return why;
        }
    };
    let (live, told_to_end, replaced) = match fleet.live.open(&peer.host_id, fleet.now()) {
        Ok(opened) => opened,
        Err(why) => {
            fleet.is_clone(&peer.host_id);
            tracing::error!(host = %peer.host_id, %why, "a session was refused");
            return why;
        }
    };
    let number = live.number();
    fleet.metrics.opened.inc();
    fleet.metrics.sessions.inc();
    tracing::info!(host = %peer.host_id, session = number, revision = hello.revision, "a session opened");
    if fleet.live.calm(&peer.host_id, fleet.now()) {
        fleet.is_no_clone(&peer.host_id);
    }
    if replaced {
        fleet.metrics.replaced.inc();
        tracing::warn!(
            host = %peer.host_id, session = number,
            "it replaces the session that the host had; if this goes on, two machines use one host's key"
        );
    }
    let session = Session::new(fleet, peer, live, &hello, place);
    // It holds the buffer that it came in.
    drop(hello);
    let why = match session {
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
    /// A heartbeat came that is not answered yet.
    beat: bool,
    events_ack: Option<EventsAck>,
    storing: Option<Storing>,
    /// Notices on their way into the log, and those that are in it.
    recording: FuturesUnordered<BoxFuture<'static, Option<NoticeAck>>>,
    recorded: Vec<NoticeAck>,
    telling: Telling,
    /// The number up to which this session's newest run is stored.
    stored: (String, u64),
    heard: Instant,
    allowance: Allowance,
    /// Given back once the host holds what it should, and after a while in any case.
    place: Option<(OwnedSemaphorePermit, Instant)>,
    takes_differences: bool,
}

impl<'f> Session<'f> {
    fn new(
        fleet: &'f Arc<Inner>,
        peer: &'f PeerCert,
        live: LiveSession,
        hello: &Hello,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Refusal> {
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
            beat: false,
            events_ack: None,
            storing: None,
            recording: FuturesUnordered::new(),
            recorded: Vec::new(),
            telling: Telling::new(BootId::new(hello.boot_id.as_str())?),
            stored: (String::new(), 0),
            heard: Instant::now(),
            allowance: Allowance::new(Instant::now()),
            place: Some((place, Instant::now() + SYNC_LIMIT)),
            takes_differences: hello.differences,
        };
        if let Some(report) = &hello.report {
            session.report(&report.json);
        }
        Ok(session)
    }

    async fn serve(
        mut self,
        mut inbound: Streaming<AgentMessage>,
        outbox: mpsc::Sender<Box<ControllerMessage>>,
        mut told_to_end: oneshot::Receiver<Refusal>,
    ) -> Refusal {
        let stopped = self.fleet.shutdown.stopped();
        tokio::pin!(stopped);
        let silence = self.fleet.config.silence();
        loop {
            let due = self.delivery.due();
            let has_something = self.welcome
                || self.tell_controllers
                || self.beat
                || self.events_ack.is_some()
                || !self.recorded.is_empty()
                || self.telling.has_answer()
                || due.is_some_and(|at| at <= Instant::now());
            let deadline = self.heard + silence;
            let closed_until = self.allowance.closed_until(Instant::now());
            let place_until = self.place.as_ref().map(|(_, until)| *until);
            let others = [due.filter(|_| !has_something), closed_until, place_until];
            let wake = others.into_iter().flatten().fold(deadline, |one, other| one.min(other));
            let turn = tokio::select! {
                biased;
                why = &mut told_to_end => return why.unwrap_or(Refusal::Replaced),
                () = &mut stopped => return Refusal::Stopping,
                permit = outbox.reserve(), if has_something => match permit {
                    Ok(permit) => {
                        if let Err(why) = self.check_certificate() {
                            return why;
                        }
                        if let Some(message) = self.next_message().await {
                            permit.send(Box::new(message));
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
                message = inbound.message(), if self.storing.is_none() && closed_until.is_none() => match message {
                    Ok(Some(message)) => self.take(message),
                    Ok(None) => Err(Refusal::Closed),
                    Err(status) => Err(Refusal::Connection(status.message().to_owned())),
                },
                () = sleep_until(wake) => {
                    self.place.take_if(|(_, until)| *until <= Instant::now());
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

    fn take(&mut self, message: AgentMessage) -> Result<(), Refusal> {
        use agent_message::Body;
        self.heard = Instant::now();
        if self.allowance.spend(self.heard) {
            self.fleet.metrics.slowed.inc();
        }
        self.live.seen(self.fleet.now());
        match message.body {
            Some(Body::Heartbeat(heartbeat)) => {
                self.live.lost_events(heartbeat.events_lost);
                self.beat = true;
            }
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
            Some(Body::Inventory(inventory)) => {
                let (view, counters) = (&self.fleet.inventory, &self.fleet.told);
                self.telling.take(view, counters, &self.peer.host_id, &inventory.json)?;
            }
            Some(Body::Usage(usage)) => {
                self.telling.sample(&self.fleet.inventory, &self.peer.host_id, &usage.json)?;
            }
            Some(Body::Hello(_)) => return Err(Refusal::Malformed("Hello came a second time")),
            // A newer agent may say more than this controller knows.
            None => {}
        }
        Ok(())
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
            let seq = match store.record(&host, &boot, events).await {
                Ok(seq) => seq,
                Err(RecordError::Own(AppendError::TooLarge(size))) => {
                    tracing::warn!(%host, size, "a message has too many bytes of events");
                    before
                }
                Err(error) => {
                    tracing::debug!(%host, %error, "events are not acknowledged");
                    // The old number makes the agent send the same again, later.
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
