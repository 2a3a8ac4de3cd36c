use super::{
    beat::next_beat, context::Context, epoch::EpochError, event_flow::EventFlow, inventory_flow::InventoryFlow,
};
use crate::{
    break_glass::Pending,
    bundle::Offer,
    limits::{CALL_TIMEOUT, HEARTBEAT_BOUNDS, NOTICES_BATCH, REPORT_INTERVAL, SESSION_QUEUE, UNTOLD_INTERVAL},
};
use std::{io, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};
use wharden_model::HostReport;
use wharden_proto::{
    MESSAGE_MAX, NACK_REASON_MAX, PROTOCOL, REPORT_MAX,
    v1::{
        AgentMessage, BundleAck, BundleNack, BundlePush, ControllerMessage, Heartbeat, HeartbeatAck, Hello, Notice,
        NoticeAck, Report, Welcome, agent_client::AgentClient, agent_message, controller_message,
    },
};

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("the controller ended the session: {0}")]
    Status(Box<Status>),
    #[error("the controller closed the stream")]
    Closed,
    #[error("the controller did not welcome this host in time")]
    NoWelcome,
    #[error("the controller's first message is no welcome")]
    Protocol,
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error("the controller takes no more messages")]
    Stuck,
    #[error("the controller does not acknowledge events")]
    NoEventsAck,
    #[error("the event spool cannot be read: {0}")]
    Spool(#[from] io::Error),
    #[error("the certificate was renewed")]
    Renewed,
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// A session that has been welcomed.
pub struct Session<'c> {
    context: &'c Context,
    inbound: Streaming<ControllerMessage>,
    outbound: mpsc::Sender<AgentMessage>,
    heartbeat: Duration,
    /// When the next one is due.
    beat_at: Instant,
    report: HostReport,
    events: EventFlow,
    inventory: InventoryFlow,
}

impl<'c> Session<'c> {
    /// Says hello and waits for the welcome.
    ///
    /// # Errors
    /// [`SessionError`].
    pub async fn open(context: &'c Context, channel: Channel) -> Result<Self, SessionError> {
        let report = context.report().await;
        let (outbound, messages) = mpsc::channel(SESSION_QUEUE);
        let held = context.bundles.current();
        let hello = Hello {
            protocol: PROTOCOL,
            boot_id: context.boot_id.to_string(),
            revision: held.revision,
            digest: held.digest.map(|digest| digest.to_vec()).unwrap_or_default().into(),
            report: Some(wire_report(&report)),
            differences: true,
        };
        send(&outbound, agent_message::Body::Hello(hello))?;
        let mut client = AgentClient::new(channel).max_decoding_message_size(MESSAGE_MAX);
        let welcome = async {
            let mut inbound = client.session(ReceiverStream::new(messages)).await?.into_inner();
            let first = inbound.message().await?.ok_or(SessionError::Closed)?;
            Ok::<_, SessionError>((inbound, first))
        };
        let (inbound, first) = timeout(CALL_TIMEOUT, welcome).await.map_err(|_| SessionError::NoWelcome)??;
        let Some(controller_message::Body::Welcome(Welcome { heartbeat_seconds, epoch })) = first.body else {
            return Err(SessionError::Protocol);
        };
        let fence = Arc::clone(&context.epoch);
        spawn_blocking(move || fence.welcome(epoch)).await.map_err(io::Error::other)??;
        let heartbeat = heartbeat_seconds.clamp(HEARTBEAT_BOUNDS.0, HEARTBEAT_BOUNDS.1);
        Ok(Self {
            context,
            inbound,
            outbound,
            heartbeat: Duration::from_secs(heartbeat.into()),
            beat_at: Instant::now(),
            report,
            events: EventFlow::new(context.reporter.clone()),
            inventory: InventoryFlow::new(Arc::clone(&context.told)),
        })
    }

    /// Serves the session until it ends. Never returns while it is well.
    pub async fn serve(mut self) -> SessionError {
        match self.turns().await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn turns(&mut self) -> Result<std::convert::Infallible, SessionError> {
        let mut looks = interval(self.heartbeat.min(UNTOLD_INTERVAL));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reports = interval(REPORT_INTERVAL);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        reports.reset();
        self.send_events().await?;
        self.send_inventory()?;
        loop {
            let late = self.events.deadline();
            let unanswered = self.inventory.deadline();
            tokio::select! {
                message = self.inbound.message() => {
                    let message = message?.ok_or(SessionError::Closed)?;
                    self.receive(message).await?;
                }
                () = self.context.reporter.fresh(), if self.events.is_idle() => self.send_events().await?,
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    return Err(SessionError::NoEventsAck);
                }
                () = self.context.told.fresh(), if self.inventory.is_idle() => self.send_inventory()?,
                () = sleep_until(unanswered.unwrap_or_else(Instant::now)), if unanswered.is_some() => {
                    tracing::info!("the controller does not know of inventories");
                    self.inventory.give_up();
                }
                () = self.inventory.sampled() => self.send_usage()?,
                () = sleep_until(self.beat_at) => self.beat()?,
                _ = looks.tick() => self.send_untold().await?,
                _ = reports.tick() => self.renew_report().await?,
                () = self.context.renewed.notified() => return Err(SessionError::Renewed),
            }
        }
    }

    async fn receive(&mut self, message: ControllerMessage) -> Result<(), SessionError> {
        match message.body {
            Some(controller_message::Body::Bundle(push)) => {
                let body = self.take(push).await;
                send(&self.outbound, body)
            }
            Some(controller_message::Body::NoticeAck(NoticeAck { id })) => {
                let notices = self.context.glass.notices();
                let told = spawn_blocking(move || notices.told(&id)).await.map_err(io::Error::other)?;
                if let Err(error) = told {
                    tracing::warn!(%error, "a notice that was acknowledged could not be removed, and will be sent again");
                }
                self.renew_report().await
            }
            Some(controller_message::Body::HeartbeatAck(HeartbeatAck { next_ms })) => {
                self.beat_at = Instant::now() + next_beat(next_ms, self.heartbeat);
                Ok(())
            }
            Some(controller_message::Body::EventsAck(ack)) => {
                self.events.acknowledged(ack).await?;
                self.send_events().await
            }
            Some(controller_message::Body::InventoryAck(ack)) => {
                self.inventory.acknowledged(ack);
                self.send_inventory()
            }
            Some(controller_message::Body::InventoryReset(_)) => {
                self.inventory.reset();
                self.send_inventory()
            }
            Some(controller_message::Body::Controllers(list)) => {
                let (controllers, dir) = (self.context.controllers.clone(), self.context.dir.clone());
                match spawn_blocking(move || controllers.tell(&dir, list)).await.map_err(io::Error::other)? {
                    Ok(true) => tracing::info!("the list of controllers has changed"),
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, "the list of controllers could not be kept"),
                }
                Ok(())
            }
            // A newer controller may say more than this agent knows.
            Some(controller_message::Body::Welcome(_)) | None => Ok(()),
        }
    }

    /// The answer to a bundle.
    async fn take(&self, push: BundlePush) -> agent_message::Body {
        let (nonce, revision) = (push.nonce, push.revision);
        let bundles = Arc::clone(&self.context.bundles);
        let taken = spawn_blocking(move || {
            let digest =
                <[u8; 32]>::try_from(push.digest.as_ref()).map_err(|_| "its digest is not SHA-256".to_owned())?;
            let offer = Offer { revision, digest, signature: &push.signature, payload: &push.payload };
            let taken = if push.from == 0 { bundles.take(&offer) } else { bundles.take_difference(&offer, push.from) };
            taken.map_err(|error| error.to_string())
        });
        match taken.await.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(()) => {
                let held = self.context.bundles.current();
                tracing::info!(revision, posture = %held.posture, rules = held.rules(), "a bundle is in force");
                agent_message::Body::Ack(BundleAck { nonce, revision })
            }
            Err(reason) => {
                tracing::error!(revision, %reason, "a bundle was refused; the one held stays in force");
                agent_message::Body::Nack(BundleNack { nonce, reason: cut(reason) })
            }
        }
    }

    async fn send_events(&mut self) -> Result<(), SessionError> {
        match self.events.next().await? {
            Some(events) => send(&self.outbound, agent_message::Body::Events(events)),
            None => Ok(()),
        }
    }

    fn send_inventory(&mut self) -> Result<(), SessionError> {
        match self.inventory.next() {
            Some(inventory) => send(&self.outbound, agent_message::Body::Inventory(inventory)),
            None => Ok(()),
        }
    }

    /// Left out while the stream is slow: events and answers need the room.
    fn send_usage(&mut self) -> Result<(), SessionError> {
        if self.outbound.capacity() < SESSION_QUEUE / 2 {
            return Ok(());
        }
        match self.inventory.usage() {
            Some(usage) => send(&self.outbound, agent_message::Body::Usage(usage)),
            None => Ok(()),
        }
    }

    /// Notices come from other processes, and are only found by looking; so are events whose announcement got lost.
    async fn send_untold(&mut self) -> Result<(), SessionError> {
        self.send_events().await?;
        self.send_notices().await?;
        self.send_inventory()
    }

    fn beat(&mut self) -> Result<(), SessionError> {
        self.beat_at = Instant::now() + self.heartbeat;
        let events_lost = self.context.reporter.lost();
        send(&self.outbound, agent_message::Body::Heartbeat(Heartbeat { events_lost }))
    }

    async fn send_notices(&mut self) -> Result<(), SessionError> {
        let notices = self.context.glass.notices();
        let pending = spawn_blocking(move || notices.oldest(NOTICES_BATCH)).await.map_err(io::Error::other)?;
        let pending = pending.unwrap_or_else(|error| {
            tracing::error!(%error, "the notices cannot be read");
            Vec::new()
        });
        for Pending { id, notice } in pending {
            // Three texts, two of them bounded where they were taken in.
            let json = serde_json::to_vec(&notice).unwrap_or_default();
            send(&self.outbound, agent_message::Body::Notice(Notice { id, json: json.into() }))?;
        }
        Ok(())
    }

    async fn renew_report(&mut self) -> Result<(), SessionError> {
        let report = self.context.report().await;
        if report == self.report {
            return Ok(());
        }
        let message = agent_message::Body::Report(wire_report(&report));
        self.report = report;
        send(&self.outbound, message)
    }
}

/// Queues a message. A full queue means that the stream does not move: better to begin anew.
fn send(outbound: &mpsc::Sender<AgentMessage>, body: agent_message::Body) -> Result<(), SessionError> {
    outbound.try_send(AgentMessage { body: Some(body) }).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => SessionError::Stuck,
        mpsc::error::TrySendError::Closed(_) => SessionError::Closed,
    })
}

fn wire_report(report: &HostReport) -> Report {
    let json = serde_json::to_vec(report).ok().filter(|json| json.len() <= REPORT_MAX);
    Report { json: json.unwrap_or_default().into() }
}

fn cut(mut reason: String) -> String {
    let mut end = reason.len().min(NACK_REASON_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.truncate(end);
    reason
}
