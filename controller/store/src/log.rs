//! The Raft log over a backend, as openraft asks for it.
//!
//! The ends of the log are kept in memory: openraft asks for them often, and only this type changes them.

use crate::{
    backend::{Backend, Op},
    durable::{Durable, Reached},
    error::{FormError, ReadError, WriteError},
    form, keys,
    limits::{READ_BYTES, WRITE_LIMIT},
    simulated::Hands,
    tail::Tail,
    types::{LogEntry, LogId, NodeId, TypeConfig, Vote},
    writer::Writer,
};
use openraft::{
    AnyError, OptionalSend, RaftLogReader, StorageError, StorageIOError,
    storage::{LogFlushed, LogState, RaftLogStorage},
};
use std::{
    fmt::Debug,
    ops::{Bound, ControlFlow, RangeBounds},
    sync::Arc,
};

type Result<T> = std::result::Result<T, StorageError<NodeId>>;

/// What is known of a log without reading its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    pub vote: Option<Vote>,
    pub committed: Option<LogId>,
    pub purged: Option<LogId>,
    /// The last entry that is there; `None` when there is none.
    pub last: Option<LogId>,
}

/// Appends, truncates, purges; keeps the vote.
pub struct LogStore {
    reader: LogReader,
    writer: Writer,
    ends: Ends,
    reached: Reached,
    /// Whose log this is.
    own: Option<NodeId>,
    /// For the simulation, to see that it is missed: a leader that was restarted leads on.
    pub(crate) resumes: bool,
}

impl LogStore {
    pub(crate) fn new(backend: Arc<dyn Backend>, ends: Ends) -> std::io::Result<Self> {
        let writer = Writer::start(Arc::clone(&backend), WRITE_LIMIT)?;
        Ok(Self::with(backend, ends, writer, Hands::Thread))
    }

    pub(crate) fn with(backend: Arc<dyn Backend>, ends: Ends, writer: Writer, hands: Hands) -> Self {
        let reached = Reached::new(ends.last.or(ends.purged));
        Self {
            reader: LogReader { backend, tail: Tail::default(), hands },
            writer,
            ends,
            reached,
            own: None,
            resumes: false,
        }
    }

    /// This is the log of controller `own`, which starts now. If it led when it ended, it does not lead on in that term:
    /// others may have entries of it that never came to this disk, and it would give their places to other ones.
    pub fn start_as(&mut self, own: NodeId) {
        self.own = Some(own);
        if self.leads()
            && !self.resumes
            && let Some(vote) = &mut self.ends.vote
        {
            vote.committed = false;
        }
    }

    fn leads(&self) -> bool {
        self.ends.vote.is_some_and(|vote| vote.committed && Some(vote.leader_id.node_id) == self.own)
    }

    /// How far it is on the disk.
    pub fn durable(&self) -> Durable {
        self.reached.durable()
    }

    fn first_index(&self) -> u64 {
        self.ends.purged.map_or(0, |purged| purged.index + 1)
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<LogEntry>> {
        self.reader.try_get_log_entries(range).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<LogEntry>> {
        self.reader.limited_get_log_entries(start, end).await
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>> {
        let last_purged_log_id = self.ends.purged;
        Ok(LogState { last_purged_log_id, last_log_id: self.ends.last.or(last_purged_log_id) })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<()> {
        let put = Op::Put(keys::VOTE.to_vec(), form::encode(vote));
        self.writer
            .write_durably(vec![put])
            .await
            .map_err(|error| StorageIOError::write_vote(AnyError::error(error)))?;
        self.ends.vote = Some(*vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>> {
        Ok(self.ends.vote)
    }

    /// Not durable by itself: when it is lost, the entries are committed anew after the restart.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<()> {
        let op = match &committed {
            Some(id) => Op::Put(keys::COMMITTED.to_vec(), form::encode(id)),
            None => Op::Remove(keys::COMMITTED.to_vec()),
        };
        self.writer.queue(vec![op], None).await.map_err(|error| not_written(&error))?;
        self.ends.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>> {
        Ok(self.ends.committed)
    }

    /// A leader's entries go to the others while its disk works; see [`crate::Durable`]. Everyone else's answer says that
    /// they are on the disk, so it waits for that.
    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<()>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut last = self.ends.last;
        let (mut ops, mut sized) = (Vec::new(), Vec::new());
        for entry in entries {
            last = Some(entry.log_id);
            let bytes = form::encode_entry(&entry);
            sized.push((entry, bytes.len()));
            ops.push(Op::Put(keys::entry(last.map_or(0, |id| id.index)), bytes));
        }
        self.reader.tail.push(sized);
        let written = match last.filter(|_| self.leads()) {
            Some(last) => match self.reached.begin(last) {
                Ok(heard) => self.writer.queue(ops, Some(heard)).await,
                Err(failed) => Err(failed),
            },
            None => self.writer.write_durably(ops).await.map(|()| self.reached.ends(last)),
        };
        if written.is_ok() {
            self.ends.last = last;
        }
        self.reader.tail.shrink(self.reached.upto());
        callback.log_io_completed(written.map_err(std::io::Error::other));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<()> {
        let first = self.first_index().max(log_id.index);
        let Some(last) = self.ends.last.filter(|last| last.index >= first) else { return Ok(()) };
        let before = match first.checked_sub(1) {
            Some(index) => self.try_get_log_entries(index..first).await?.pop().map(|entry| entry.log_id),
            None => None,
        };
        let ops = (first..=last.index).map(|index| Op::Remove(keys::entry(index))).collect();
        self.reader.tail.truncate(first);
        self.write_durably(ops).await?;
        self.ends.last = before;
        self.reached.ends(before.or(self.ends.purged));
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> Result<()> {
        let mut ops = vec![Op::Put(keys::PURGED.to_vec(), form::encode(&log_id))];
        if let Some(last) = self.ends.last {
            let end = last.index.min(log_id.index);
            ops.extend((self.first_index()..=end).map(|index| Op::Remove(keys::entry(index))));
        }
        self.reader.tail.purge(log_id.index);
        self.write_durably(ops).await?;
        self.ends.purged = Some(log_id);
        self.ends.last = self.ends.last.filter(|last| last.index > log_id.index);
        if self.ends.last.is_none() {
            self.reached.ends(Some(log_id));
        }
        Ok(())
    }
}

impl LogStore {
    async fn write_durably(&self, ops: Vec<Op>) -> Result<()> {
        Ok(self.writer.write_durably(ops).await.map_err(|error| not_written(&error))?)
    }
}

fn not_written(error: &WriteError) -> StorageIOError<NodeId> {
    StorageIOError::write_logs(AnyError::error(error))
}

/// Reads entries, from any task.
#[derive(Clone)]
pub struct LogReader {
    backend: Arc<dyn Backend>,
    tail: Tail,
    hands: Hands,
}

impl LogReader {
    /// At most `bytes` of stored entries, but at least one entry if there is one.
    async fn read(&self, from: u64, to: Option<u64>, bytes: usize) -> Result<Vec<LogEntry>> {
        // First: what leaves it meanwhile is on the disk.
        let newest = self.tail.read(from, to);
        let to = newest.first().map(|(entry, _)| entry.log_id.index).or(to);
        let mut entries = Vec::new();
        let mut left = bytes;
        if to.is_none_or(|to| from < to) {
            let backend = Arc::clone(&self.backend);
            let read = self.hands.work(move || read(&*backend, from, to, bytes)).await;
            // A panic in there is the backend's; it must not take the whole process with it.
            let read = read.unwrap_or_else(|error| Err(ReadError::Backend(error)));
            entries = read.map_err(|error| StorageIOError::read_logs(AnyError::error(error)))?;
            // What was read may have filled it.
            left = if bytes == usize::MAX || entries.is_empty() { bytes } else { 0 };
        }
        for (entry, size) in newest {
            if !entries.is_empty() && size > left {
                break;
            }
            left = left.saturating_sub(size);
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<LogEntry>> {
        let from = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(index) => index.checked_add(1),
            Bound::Excluded(index) => Some(*index),
            Bound::Unbounded => None,
        };
        self.read(from, to, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<LogEntry>> {
        self.read(start, Some(end), READ_BYTES).await
    }
}

/// Entries from `from` to before `to`: at most `bytes` of them, but at least one if there is one.
pub(crate) fn read(
    backend: &dyn Backend,
    from: u64,
    to: Option<u64>,
    bytes: usize,
) -> std::result::Result<Vec<LogEntry>, ReadError> {
    let end = to.map_or_else(|| keys::ENTRIES_END.to_vec(), keys::entry);
    let mut entries = Vec::new();
    let mut damaged = None;
    let mut left = bytes;
    let outcome = backend.range(&keys::entry(from), &end, &mut |key, value| match entry(key, value) {
        Ok(_) if !entries.is_empty() && value.len() > left => ControlFlow::Break(()),
        Ok(entry) => {
            left = left.saturating_sub(value.len());
            entries.push(entry);
            ControlFlow::Continue(())
        }
        Err(error) => {
            damaged = Some(ReadError::Record { key: keys::display(key), error });
            ControlFlow::Break(())
        }
    });
    outcome.map_err(|error| ReadError::Backend(error.0))?;
    damaged.map_or(Ok(entries), Err)
}

/// Reads one entry and checks that it is the one that its key says.
pub(crate) fn entry(key: &[u8], value: &[u8]) -> std::result::Result<LogEntry, FormError> {
    let entry: LogEntry = form::decode(value)?;
    if keys::index(key) == Some(entry.log_id.index) {
        Ok(entry)
    } else {
        Err(FormError::OtherIndex(entry.log_id.index))
    }
}
