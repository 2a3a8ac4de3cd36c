//! Takes what agents send and answers when it is as safe as it has to be.

use super::{
    choice,
    limits::CALL_LIMIT,
    metrics::CopyMetrics,
    sender::{NotKept, Sender},
};
use crate::{
    events::{AppendError, EventStore, Taken},
    peers::{Reply, Request, Transport},
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;
use tokio::time::Instant;
use wharden_model::{BootId, HostId};
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};
use wharden_state::{LEVEL_COPIES, State};

/// Why events were not recorded. The agent keeps them and sends them again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Own(#[from] AppendError),
    #[error("no other controller takes copies of events: {0}")]
    NoSecond(String),
}

/// What it takes to reach other controllers.
struct Others {
    own: u64,
    state: watch::Receiver<Arc<State>>,
    transport: Arc<dyn Transport>,
    senders: Mutex<HashMap<u64, Sender>>,
    metrics: CopyMetrics,
    shutdown: Shutdown,
    /// 1 is an operator's choice: see `events_copies` in the configuration.
    copies: usize,
}

/// Records agents' events. Clones are the same.
#[derive(Clone)]
pub struct Recorder {
    events: EventStore,
    others: Option<Arc<Others>>,
}

impl Recorder {
    /// On the own disk only.
    pub fn alone(events: EventStore) -> Self {
        Self { events, others: None }
    }

    /// On `copies` disks, 1 or 2, as far as the state has settled controllers.
    pub fn new(
        events: EventStore,
        own: u64,
        state: watch::Receiver<Arc<State>>,
        transport: Arc<dyn Transport>,
        copies: usize,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Self {
        let (metrics, shutdown) = (CopyMetrics::new(metrics), shutdown.clone());
        let others = Others { own, state, transport, senders: Mutex::default(), metrics, shutdown, copies };
        Self { events, others: Some(Arc::new(others)) }
    }

    /// The store of this controller.
    pub fn events(&self) -> &EventStore {
        &self.events
    }

    pub(super) fn metrics(&self) -> Option<&CopyMetrics> {
        self.others.as_ref().map(|others| &others.metrics)
    }

    /// Stores what is new of one run's events, oldest first; answers the highest number of the message, up to which
    /// everything may be forgotten by the agent.
    ///
    /// # Errors
    /// [`RecordError`]: nothing may be acknowledged.
    pub async fn record(&self, host: &HostId, boot: &BootId, events: Vec<(u64, Bytes)>) -> Result<u64, RecordError> {
        let mut taken = self.events.take(host, boot, events)?;
        if let Some(others) = &self.others
            && !taken.is_empty()
        {
            others.copy(host, &mut taken).await?;
        }
        Ok(self.events.store(taken).await?)
    }
}

impl Others {
    async fn copy(&self, host: &HostId, taken: &mut Taken) -> Result<(), RecordError> {
        let ranked = {
            let state = self.state.borrow();
            if self.copies < 2 || state.level < LEVEL_COPIES {
                return Ok(());
            }
            choice::ranked(&state, self.own, host)
        };
        if ranked.is_empty() {
            return Ok(());
        }
        let begin = Instant::now();
        let senders: Vec<(u64, Sender)> = ranked.into_iter().map(|number| (number, self.sender(number))).collect();
        // Those that did not answer a moment ago come last.
        let (away, there): (Vec<_>, Vec<_>) = senders.into_iter().partition(|(_, sender)| sender.is_away());
        let (run, records, held) = (taken.run(), taken.records(), taken.held());
        let mut why = String::new();
        for (number, sender) in there.into_iter().chain(away) {
            let copied = match self.give_held(number, held.clone()).await {
                Ok(()) if records.is_empty() => Ok(Vec::new()),
                Ok(()) => sender.copy(run, records.clone()).await,
                Err(error) => Err(error),
            };
            match copied {
                Ok(others) => {
                    taken.adopt(&others);
                    self.metrics.copied.inc();
                    self.metrics.seconds.observe(begin.elapsed().as_secs_f64());
                    return Ok(());
                }
                Err(NotKept::Busy) => why = format!("controller {number}: {}", NotKept::Busy),
                Err(error) => why = error.to_string(),
            }
        }
        self.metrics.refused.inc();
        Err(RecordError::NoSecond(why))
    }

    /// What is held here has its stamp for good. It comes seldom: after a controller died, or an agent was restarted.
    async fn give_held(&self, number: u64, records: Bytes) -> Result<(), NotKept> {
        if records.is_empty() {
            return Ok(());
        }
        match self.transport.call(number, Request::Keep { mend: true, records }, CALL_LIMIT).await {
            Ok(Reply::Kept(_)) => Ok(()),
            Ok(Reply::Failed(why)) => Err(NotKept::Failed(why)),
            Ok(_) => Err(NotKept::Failed("it gave an odd answer".to_owned())),
            Err(error) => Err(NotKept::Failed(error.to_string())),
        }
    }

    fn sender(&self, number: u64) -> Sender {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let members = self.state.borrow();
        // The way to one that was removed ends here.
        senders.retain(|number, _| members.controllers.members.contains_key(number));
        senders
            .entry(number)
            .or_insert_with(|| {
                let (sender, task) = Sender::new(number, Arc::clone(&self.transport), self.metrics.clone());
                self.shutdown.spawn_until_stopped("copies of events", task);
                sender
            })
            .clone()
    }
}
