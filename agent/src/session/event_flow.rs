use crate::{limits::EVENTS_ACK_TIMEOUT, report::Reporter};
use std::io;
use tokio::{task::spawn_blocking, time::Instant};
use wharden_model::BootId;
use wharden_proto::{
    EVENTS_PER_MESSAGE,
    v1::{Event, Events, EventsAck},
};

/// Sends events one batch at a time: the next once the last is acknowledged.
#[derive(Debug)]
pub struct EventFlow {
    reporter: Reporter,
    /// When the acknowledgement of the batch on its way must be there.
    deadline: Option<Instant>,
}

impl EventFlow {
    /// Nothing is on its way.
    pub fn new(reporter: Reporter) -> Self {
        Self { reporter, deadline: None }
    }

    /// True when a batch may be sent.
    pub fn is_idle(&self) -> bool {
        self.deadline.is_none()
    }

    /// When the session is to be given up because events are not acknowledged.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The next batch, if there is one and none is on its way.
    ///
    /// # Errors
    /// Those of the spool.
    pub async fn next(&mut self) -> io::Result<Option<Events>> {
        if !self.is_idle() {
            return Ok(None);
        }
        let reporter = self.reporter.clone();
        let batch =
            spawn_blocking(move || reporter.next_batch(EVENTS_PER_MESSAGE)).await.map_err(io::Error::other)??;
        Ok(batch.map(|batch| {
            self.deadline = Some(Instant::now() + EVENTS_ACK_TIMEOUT);
            Events {
                boot_id: batch.boot_id.to_string(),
                events: batch.events.into_iter().map(|(seq, json)| Event { seq, json: json.into() }).collect(),
            }
        }))
    }

    /// Takes an acknowledgement, of whatever has been sent in this or an earlier session.
    ///
    /// # Errors
    /// Those of the spool.
    pub async fn acknowledged(&mut self, ack: EventsAck) -> io::Result<()> {
        let Ok(boot_id) = BootId::new(ack.boot_id) else { return Ok(()) };
        self.deadline = None;
        let reporter = self.reporter.clone();
        spawn_blocking(move || reporter.ack(&boot_id, ack.seq)).await.map_err(io::Error::other)?
    }
}
