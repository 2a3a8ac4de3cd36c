//! The state machine: applies committed entries to the state and tells a sink what changed.
//!
//! Taking a snapshot clones the state, which costs nothing, and writes it elsewhere, so applying never waits for it.

use crate::{
    durable::Durable,
    error::SnapshotFileError,
    simulated::Hands,
    snapshot::{Meta, Snapshots},
    types::{LogEntry, LogId, Membership, NodeId, TypeConfig},
};
use openraft::{
    AnyError, BasicNode, EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot, SnapshotMeta, StorageError,
    StorageIOError, storage::RaftStateMachine,
};
use std::{io::Cursor, sync::Arc};
use wharden_state::{Change, Replies, State};

type Result<T> = std::result::Result<T, StorageError<NodeId>>;

/// The state after something was applied.
#[derive(Clone, Debug)]
pub struct Published {
    /// The whole state.
    pub state: Arc<State>,
    /// Index of the last entry in it; `None` before the first.
    pub applied: Option<u64>,
    /// What changed since the one before, in order.
    pub changes: Vec<Change>,
    /// The state was loaded as a whole: anything may have changed, and `changes` does not say what.
    pub whole: bool,
}

/// Hears of every new state, in order, before the writer of the change gets its answer. It is called between two
/// applications, so it must not block.
pub trait Sink: Send + Sync + 'static {
    /// Takes the new state.
    fn publish(&self, published: Published);
}

impl<F: Fn(Published) + Send + Sync + 'static> Sink for F {
    fn publish(&self, published: Published) {
        self(published);
    }
}

/// The replicated state of this controller.
pub struct StateMachine {
    at: At,
    snapshots: Arc<Snapshots>,
    sink: Arc<dyn Sink>,
    hands: Hands,
    durable: Durable,
}

/// A state and its place in the log.
#[derive(Clone, Default)]
struct At {
    state: State,
    applied: Option<LogId>,
    membership: Membership,
}

impl StateMachine {
    pub(crate) fn new(
        snapshots: Snapshots,
        loaded: Option<(Meta, State)>,
        sink: Arc<dyn Sink>,
        hands: Hands,
        durable: Durable,
    ) -> Self {
        let at = loaded.map(|(meta, state)| At::of(&meta, state)).unwrap_or_default();
        let machine = Self { at, snapshots: Arc::new(snapshots), sink, hands, durable };
        machine.publish(Vec::new(), true);
        machine
    }

    fn publish(&self, changes: Vec<Change>, whole: bool) {
        self.sink.publish(Published {
            state: Arc::new(self.at.state.clone()),
            applied: self.at.applied.map(|id| id.index),
            changes,
            whole,
        });
    }
}

impl At {
    fn of(meta: &Meta, state: State) -> Self {
        Self { state, applied: meta.last_log_id, membership: meta.last_membership.clone() }
    }

    fn meta(&self) -> Meta {
        SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
            snapshot_id: self.applied.map_or_else(|| "0".to_owned(), |id| format!("{}-{}", id.leader_id, id.index)),
        }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership)> {
        Ok((self.at.applied, self.at.membership.clone()))
    }

    /// Whoever waits for the reply is told that the entry survives a power cut, so this disk must have it too.
    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Replies>>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<_> = entries.into_iter().collect();
        if let Some(last) = entries.last() {
            let reached = self.durable.reaches(last.log_id.index).await;
            reached.map_err(|error| StorageIOError::write_logs(AnyError::error(error)))?;
        }
        let mut replies = Vec::new();
        let mut changes = Vec::new();
        for entry in entries {
            let LogEntry { log_id, payload } = entry;
            self.at.applied = Some(log_id);
            replies.push(match payload {
                EntryPayload::Blank => Replies::default(),
                EntryPayload::Membership(members) => {
                    self.at.membership = Membership::new(Some(log_id), members);
                    Replies::default()
                }
                EntryPayload::Normal(batch) => {
                    let mut answers = Vec::with_capacity(batch.0.len());
                    for entry in &batch.0 {
                        let (reply, more) = self.at.state.apply(log_id.index, entry);
                        answers.push(reply);
                        changes.extend(more);
                    }
                    Replies(answers)
                }
            });
        }
        self.publish(changes, false);
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder { at: self.at.clone(), snapshots: Arc::clone(&self.snapshots), hands: self.hands }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, BasicNode>,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<()> {
        let snapshots = Arc::clone(&self.snapshots);
        let of = meta.clone();
        let state = blocking(self.hands, move || {
            let bytes = snapshot.into_inner();
            let state = State::from_bytes(&bytes)?;
            snapshots.save(&of, bytes)?;
            Ok(state)
        })
        .await
        .map_err(|error| StorageIOError::write_snapshot(Some(meta.signature()), error))?;
        self.at = At::of(meta, state);
        self.publish(Vec::new(), true);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>> {
        let snapshots = Arc::clone(&self.snapshots);
        let current = blocking(self.hands, move || snapshots.current())
            .await
            .map_err(|error| StorageIOError::read_snapshot(None, error))?;
        Ok(current.map(|(meta, bytes)| Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) }))
    }
}

/// Writes the state as it was when this was made.
pub struct SnapshotBuilder {
    at: At,
    snapshots: Arc<Snapshots>,
    hands: Hands,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>> {
        let meta = self.at.meta();
        let (of, state, snapshots) = (meta.clone(), self.at.state.clone(), Arc::clone(&self.snapshots));
        let (meta, bytes) = blocking(self.hands, move || snapshots.keep(of, &state))
            .await
            .map_err(|error| StorageIOError::write_snapshot(Some(meta.signature()), error))?;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(bytes)) })
    }
}

async fn blocking<T: Send + 'static>(
    hands: Hands,
    work: impl FnOnce() -> std::result::Result<T, SnapshotFileError> + Send + 'static,
) -> std::result::Result<T, AnyError> {
    match hands.work(work).await {
        Ok(done) => done.map_err(AnyError::error),
        Err(error) => Err(AnyError::error(error)),
    }
}
