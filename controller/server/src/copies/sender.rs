//! The way to one other controller. What waits at one moment shares a call, and some calls are on their way at once.

use super::{
    limits::{AWAY, CALL_BYTES, CALL_LIMIT, CALLS, WAITING},
    metrics::CopyMetrics,
};
use crate::{
    events::{Kept, Other, RunKey},
    peers::{Reply, Request, Transport},
};
use bytes::{Bytes, BytesMut};
use futures::stream::{FuturesUnordered, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

/// Why a controller did not take a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotKept {
    #[error("{0}")]
    Failed(String),
    /// It takes events of the same run from the agent at this moment.
    #[error("it has a session of the same host")]
    Busy,
}

/// One message of an agent.
struct Message {
    run: RunKey,
    records: Bytes,
    reply: oneshot::Sender<Result<Vec<Other>, NotKept>>,
}

/// A handle on the way; the task ends with the last of them.
#[derive(Clone)]
pub(super) struct Sender {
    queue: mpsc::Sender<Message>,
    away_until: Arc<Mutex<Option<Instant>>>,
}

impl Sender {
    /// The way to controller `to`, and the task that has to run for it.
    pub fn new(
        to: u64,
        transport: Arc<dyn Transport>,
        metrics: CopyMetrics,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(WAITING);
        let sender = Self { queue, away_until: Arc::default() };
        let away_until = Arc::clone(&sender.away_until);
        (sender, run(to, transport, waiting, away_until, metrics))
    }

    /// It did not answer a moment ago.
    pub fn is_away(&self) -> bool {
        let until = *self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| until > Instant::now())
    }

    /// Has the records of a run stored there; what it knows better.
    pub async fn copy(&self, run: RunKey, records: Bytes) -> Result<Vec<Other>, NotKept> {
        let ended = || NotKept::Failed("this controller is stopping".to_owned());
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message { run, records, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

async fn run(
    to: u64,
    transport: Arc<dyn Transport>,
    mut waiting: mpsc::Receiver<Message>,
    away_until: Arc<Mutex<Option<Instant>>>,
    metrics: CopyMetrics,
) {
    let mut calls = FuturesUnordered::new();
    let mut next = None;
    loop {
        tokio::select! {
            Some(is_there) = calls.next(), if !calls.is_empty() => {
                let until = if is_there { None } else { Some(Instant::now() + AWAY) };
                *away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
            }
            first = waiting.recv(), if calls.len() < CALLS && next.is_none() => match first {
                Some(first) => next = Some(first),
                None if calls.is_empty() => return,
                None => while calls.next().await.is_some() {},
            },
        }
        if let Some(first) = next.take() {
            let group = gather(first, &mut waiting);
            calls.push(call(to, Arc::clone(&transport), group, metrics.clone()));
        }
    }
}

/// The first and those that wait behind it, as far as one call goes.
fn gather(first: Message, waiting: &mut mpsc::Receiver<Message>) -> Vec<Message> {
    let mut size = first.records.len();
    let mut group = vec![first];
    // A message is half as large at most, so that none is too much.
    while size < CALL_BYTES / 2
        && let Ok(message) = waiting.try_recv()
    {
        size += message.records.len();
        group.push(message);
    }
    group
}

/// True when the controller answered.
async fn call(to: u64, transport: Arc<dyn Transport>, group: Vec<Message>, metrics: CopyMetrics) -> bool {
    let mut records = BytesMut::with_capacity(group.iter().map(|message| message.records.len()).sum());
    for message in &group {
        records.extend_from_slice(&message.records);
    }
    metrics.calls.inc();
    let answer = transport.call(to, Request::Keep { mend: false, records: records.freeze() }, CALL_LIMIT).await;
    let (is_there, kept) = match answer {
        Ok(Reply::Kept(kept)) => (true, Ok(kept)),
        Ok(Reply::Failed(why)) => (true, Err(why)),
        Ok(_) => (true, Err("it gave an odd answer".to_owned())),
        Err(error) => (false, Err(error.to_string())),
    };
    match kept {
        Ok(kept) => {
            for message in group {
                // A session that ended meanwhile is asked by its agent again.
                let _ = message.reply.send(of(&kept, message.run));
            }
        }
        Err(why) => {
            metrics.failed_calls.inc();
            tracing::debug!(controller = to, %why, "copies of events were not taken");
            for message in group {
                let _ = message.reply.send(Err(NotKept::Failed(why.clone())));
            }
        }
    }
    is_there
}

fn of(kept: &Kept, run: RunKey) -> Result<Vec<Other>, NotKept> {
    if kept.busy.contains(&run) {
        return Err(NotKept::Busy);
    }
    Ok(kept.others.iter().filter(|other| (other.host, other.boot) == run).copied().collect())
}
