//! Proposals that wait at the same moment share a log entry, and so one fsync.

use super::ProposeError;
use crate::limits;
use tokio::sync::{mpsc, oneshot};
use wharden_state::{Applied, Batch, Entry, Reply};
use wharden_store::{Store, TypeConfig, limits::COMMAND_MAX};

/// An entry and where its reply goes.
pub(super) struct Proposal {
    entry: Entry,
    size: usize,
    reply: oneshot::Sender<Result<Reply, String>>,
}

/// Queues an entry and waits for its reply.
pub(super) async fn submit(queue: &mpsc::Sender<Proposal>, entry: Entry) -> Result<Applied, ProposeError> {
    let size = Store::command_size(&entry);
    if size > COMMAND_MAX {
        return Err(ProposeError::TooLarge { size, max: COMMAND_MAX });
    }
    let (reply, answer) = oneshot::channel();
    queue.send(Proposal { entry, size, reply }).await.map_err(|_| stopping())?;
    match answer.await.map_err(|_| stopping())? {
        Ok(reply) => Ok(reply?),
        Err(why) => Err(ProposeError::Unavailable(why)),
    }
}

fn stopping() -> ProposeError {
    ProposeError::Unavailable("the controller is stopping".to_owned())
}

/// Takes what waits, commits it as one entry, hands out the replies; until every sender is gone.
pub(super) async fn run(raft: openraft::Raft<TypeConfig>, mut waiting: mpsc::Receiver<Proposal>) {
    let mut held: Option<Proposal> = None;
    loop {
        let first = match held.take() {
            Some(proposal) => proposal,
            None => match waiting.recv().await {
                Some(proposal) => proposal,
                None => return,
            },
        };
        let mut size = first.size;
        let mut batch = vec![first];
        while batch.len() < limits::BATCH_ENTRIES {
            match waiting.try_recv() {
                Ok(next) if size + next.size > COMMAND_MAX => {
                    held = Some(next);
                    break;
                }
                Ok(next) => {
                    size += next.size;
                    batch.push(next);
                }
                Err(_) => break,
            }
        }
        commit(&raft, batch).await;
    }
}

async fn commit(raft: &openraft::Raft<TypeConfig>, batch: Vec<Proposal>) {
    let (entries, waiters): (Vec<_>, Vec<_>) = batch.into_iter().map(|p| (p.entry, p.reply)).unzip();
    match raft.client_write(Batch(entries)).await {
        Ok(response) => {
            for (waiter, reply) in waiters.into_iter().zip(response.data.0) {
                // A caller that went away does not need its reply.
                let _ = waiter.send(Ok(reply));
            }
        }
        Err(error) => {
            let why = error.to_string();
            for waiter in waiters {
                let _ = waiter.send(Err(why.clone()));
            }
        }
    }
}
