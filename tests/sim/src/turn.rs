//! The turns of an open session.

use crate::{
    host::{Host, Memory, World, now_us},
    identity::Identity,
    limits::SPOOL,
    message::Behaviour,
    session::{Ended, clock},
    wire::{self, Inbox},
};
use bytes::Bytes;
use futures::future::poll_fn;
use h2::{Ping, PingPong, SendStream};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use wharden_agent::{
    limits::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT},
    session::next_beat,
};
use wharden_model::BootId;
use wharden_proto::{
    EVENTS_PER_MESSAGE,
    v1::{
        AgentMessage, BundleAck, BundleNack, BundlePush, ControllerMessage, Event, Events, Heartbeat, Inventory,
        Report, agent_message::Body, controller_message,
    },
};

/// When the host does something by itself next.
struct Due {
    heartbeat: Instant,
    ping: Instant,
    event: Option<Instant>,
    change: Option<Instant>,
}

/// One host and its controller, talking.
pub struct Talk<'s> {
    world: &'s World,
    host: &'s Host,
    identity: &'s Identity,
    memory: &'s mut Memory,
    to: SendStream<Bytes>,
    stalled: &'s AtomicBool,
    beat: Duration,
    skew: i64,
    due: Due,
    /// The newest event of the batch that is on its way.
    sent: Option<u64>,
    ponged: bool,
    /// Sequence of the inventory that the controller was told last; 0 for none.
    told: u64,
}

fn after(wait: Option<Duration>) -> Option<Instant> {
    wait.map(|wait| Instant::now() + wait)
}

impl<'s> Talk<'s> {
    /// With a session that was welcomed; its heartbeat and the host's clock.
    pub fn new(
        world: &'s World,
        host: &'s Host,
        identity: &'s Identity,
        memory: &'s mut Memory,
        to: SendStream<Bytes>,
        stalled: &'s AtomicBool,
        (beat, skew): (Duration, i64),
    ) -> Self {
        let now = Instant::now();
        let due = Due { heartbeat: now, ping: now + KEEPALIVE_INTERVAL, event: None, change: None };
        Self { world, host, identity, memory, to, stalled, beat, skew, due, sent: None, ponged: true, told: 0 }
    }

    /// Talks until the session ends.
    pub async fn run(
        mut self,
        mut inbox: Inbox,
        mut pings: Option<PingPong>,
        orders: &mut watch::Receiver<Arc<Behaviour>>,
    ) -> Ended {
        let mut order = orders.borrow().clone();
        self.plan(&order);
        if let Err(ended) = self.tell_inventory(&order) {
            return ended;
        }
        loop {
            let mut wake = self.due.heartbeat.min(self.due.ping);
            for due in [self.due.event, self.due.change].into_iter().flatten() {
                wake = wake.min(due);
            }
            let before = inbox.received;
            let turn = tokio::select! {
                message = inbox.next::<ControllerMessage>() => match message {
                    Ok(message) => self.receive(message, &order).await,
                    Err(error) => Err(error.into()),
                },
                changed = orders.changed() => {
                    order = orders.borrow_and_update().clone();
                    let away = changed.is_err() || !self.world.is_of(self.host.index, order.present, "present");
                    self.plan(&order);
                    if away { Err(Ended::Ordered) } else if self.told == 0 { self.tell_inventory(&order) } else { Ok(()) }
                }
                _ = pong(&mut pings), if !self.ponged => {
                    self.ponged = true;
                    self.due.ping = Instant::now() + KEEPALIVE_INTERVAL;
                    Ok(())
                }
                () = sleep_until(wake) => self.act(&order, &mut pings),
            };
            let received = inbox.received - before;
            if received > 0 {
                self.world.counters.received_bytes.fetch_add(received, Relaxed);
                if self.ponged {
                    self.due.ping = Instant::now() + KEEPALIVE_INTERVAL;
                }
            }
            if let Err(ended) = turn {
                return ended;
            }
        }
    }

    fn plan(&mut self, order: &Behaviour) {
        self.due.event = after(self.next_event(order));
        self.due.change = after(order.load.next_change(self.memory.machine.random()));
    }

    fn next_event(&mut self, order: &Behaviour) -> Option<Duration> {
        let floods = self.world.is_of(self.host.index, order.load.flooding, "flooding");
        order.load.next_event(floods, self.world.started.elapsed().as_secs_f64(), self.memory.machine.random())
    }

    fn send(&mut self, body: Body) -> Result<(), Ended> {
        Ok(self.to.send_data(wire::frame(&AgentMessage { body: Some(body) }), false)?)
    }

    async fn receive(&mut self, message: ControllerMessage, order: &Behaviour) -> Result<(), Ended> {
        match message.body {
            Some(controller_message::Body::Bundle(push)) => {
                if self.world.is_of(self.host.index, order.slow, "slow") {
                    self.stalled.store(true, Relaxed);
                    sleep(Duration::from_millis(order.slow_ms)).await;
                    self.stalled.store(false, Relaxed);
                }
                self.take(push)
            }
            Some(controller_message::Body::EventsAck(ack)) => {
                let ours = BootId::new(ack.boot_id).is_ok_and(|boot| boot == self.memory.machine.boot_id);
                if ours && ack.seq >= self.memory.events.0 {
                    self.memory.events.0 = ack.seq + 1;
                    self.host.events_acked.store(ack.seq, Relaxed);
                }
                self.sent = None;
                self.send_events()
            }
            Some(controller_message::Body::HeartbeatAck(ack)) => {
                self.due.heartbeat = Instant::now() + next_beat(ack.next_ms, self.beat);
                Ok(())
            }
            Some(controller_message::Body::InventoryReset(_)) => self.tell_inventory(order),
            _ => Ok(()),
        }
    }

    /// All that the host has, if hosts tell it at all.
    fn tell_inventory(&mut self, order: &Behaviour) -> Result<(), Ended> {
        if order.load.containers == 0.0 {
            return Ok(());
        }
        self.told += 1;
        let json = self.memory.machine.inventory(self.told, order.load.containers, clock(self.skew)).into();
        self.send(Body::Inventory(Inventory { json }))
    }

    fn take(&mut self, push: BundlePush) -> Result<(), Ended> {
        let counters = &self.world.counters;
        let kind = match (push.from, push.payload.is_empty()) {
            (0, true) => &counters.headers,
            (0, false) => &counters.whole,
            _ => &counters.differences,
        };
        kind.fetch_add(1, Relaxed);
        let (nonce, revision) = (push.nonce, push.revision);
        match self.world.bundles.take(push, &self.identity.owner, self.memory.held.as_ref()) {
            Ok(held) => {
                counters.rules.fetch_max(held.rules as u64, Relaxed);
                self.memory.held = Some(held);
                self.send(Body::Ack(BundleAck { nonce, revision }))?;
                self.host.acked_at_us.store(now_us(), Relaxed);
                self.host.revision.store(revision, Relaxed);
                counters.acks.fetch_add(1, Relaxed);
                Ok(())
            }
            Err(reason) => {
                counters.nacks.fetch_add(1, Relaxed);
                eprintln!("host {}: revision {revision} refused: {reason}", self.host.index);
                self.send(Body::Nack(BundleNack { nonce, reason }))
            }
        }
    }

    fn act(&mut self, order: &Behaviour, pings: &mut Option<PingPong>) -> Result<(), Ended> {
        let now = Instant::now();
        if self.due.heartbeat <= now {
            self.due.heartbeat = now + self.beat;
            self.world.counters.heartbeats.fetch_add(1, Relaxed);
            self.send_events()?;
            self.send(Body::Heartbeat(Heartbeat { events_lost: 0 }))?;
        }
        if self.due.ping <= now {
            if !self.ponged {
                return Err(Ended::Broken);
            }
            self.world.counters.pings.fetch_add(1, Relaxed);
            if let Some(pings) = pings {
                pings.send_ping(Ping::opaque())?;
                self.ponged = false;
            }
            self.due.ping = now + KEEPALIVE_TIMEOUT;
        }
        if self.due.event.is_some_and(|due| due <= now) {
            self.memory.events.1 += 1;
            self.host.events_made.store(self.memory.events.1, Relaxed);
            self.due.event = after(self.next_event(order));
            self.send_events()?;
        }
        if self.due.change.is_some_and(|due| due <= now) {
            self.memory.machine.change();
            let json = serde_json::to_vec(&self.memory.machine.report).unwrap_or_default();
            self.world.counters.reports.fetch_add(1, Relaxed);
            self.due.change = after(order.load.next_change(self.memory.machine.random()));
            self.send(Body::Report(Report { json: json.into() }))?;
            if self.told > 0 {
                let json = self.memory.machine.inventory_change(self.told, clock(self.skew)).into();
                self.told += 1;
                self.send(Body::Inventory(Inventory { json }))?;
            }
        }
        Ok(())
    }

    /// The oldest events, once the last ones are acknowledged.
    fn send_events(&mut self) -> Result<(), Ended> {
        let (first, newest) = self.memory.events;
        if self.sent.is_some() || first > newest {
            return Ok(());
        }
        let oldest = first.max((newest + 1).saturating_sub(SPOOL));
        self.world.counters.events_lost.fetch_add(oldest - first, Relaxed);
        self.memory.events.0 = oldest;
        let last = newest.min(oldest + EVENTS_PER_MESSAGE as u64 - 1);
        let (at, revision) = (clock(self.skew), self.host.revision.load(Relaxed));
        let machine = &mut self.memory.machine;
        let events = (oldest..=last).map(|seq| {
            let json = machine.event(&self.identity.id, seq, at, revision).into();
            Event { seq, json }
        });
        let events = Events { events: events.collect(), boot_id: machine.boot_id.to_string() };
        self.sent = Some(last);
        self.send(Body::Events(events))
    }
}

async fn pong(pings: &mut Option<PingPong>) -> Result<(), h2::Error> {
    match pings {
        Some(pings) => poll_fn(|context| pings.poll_pong(context)).await.map(drop),
        None => std::future::pending().await,
    }
}
