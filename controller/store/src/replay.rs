//! A state as it was at an earlier moment: a state from before it, and the entries of the log after that one.
//!
//! Off-line: the folder belongs to a controller that has stopped, or is a copy of one. Replaying is `State::apply` and
//! nothing else, so it gives what the controllers had.

use crate::{
    Store,
    backend::Backend,
    error::{OpenError, ReadError},
    folder::Folder,
    limits::READ_BYTES,
    load,
    log::{Ends, read},
    snapshot,
    types::LogEntry,
};
use openraft::EntryPayload;
use std::path::{Path, PathBuf};
use wharden_model::Timestamp;
use wharden_state::State;

/// Entries that are looked at to find one with a time: those of Raft itself have none.
const LOOK_BACK: u64 = 100;

/// Where to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// After this entry of the log.
    Index(u64),
    /// Before the first entry that holds anything issued later than this. An entry is taken whole or not at all.
    Time(Timestamp),
    /// After the last entry that was known to be committed.
    End,
}

/// A state and its place in the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    pub state: State,
    /// Index of the last entry in it; `None` before the first.
    pub applied: Option<u64>,
}

/// Why there is no state of that moment.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{path} is not the folder of a store")]
    NotAStore { path: PathBuf },
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{0}")]
    Read(String),
    #[error(
        "the log of the folder begins at entry {begins}, the state given reaches to entry {base} only: take a later state"
    )]
    Gap { base: u64, begins: u64 },
    #[error("the state given reaches to entry {base}, later than asked for: take an earlier one")]
    BaseIsLater { base: u64 },
    #[error("the folder holds no state from before that moment: take one from a backup made before it")]
    TooEarly,
    #[error("entry {index} was not known to be committed when this controller stopped; {}", last_one(*.committed))]
    NotCommitted { index: u64, committed: Option<u64> },
}

fn last_one(committed: Option<u64>) -> String {
    committed.map_or_else(|| "none was".to_owned(), |index| format!("the last one was entry {index}"))
}

impl Store {
    /// The state at a moment, from a state before it (a backup's), or from the newest snapshot of the folder that is before
    /// it. Entries that were not known to be committed are not in it.
    ///
    /// Changes nothing but what opening the database repairs after a power cut. Blocks.
    ///
    /// # Errors
    /// [`ReplayError`], with what is missing.
    pub fn read_until(folder: &Path, base: Option<Moment>, until: Until) -> Result<Moment, ReplayError> {
        let places = Folder::find(folder)?.ok_or_else(|| ReplayError::NotAStore { path: folder.to_owned() })?;
        let backend = places.engine.open(&places.log)?;
        let ends = load::ends(&*backend)?;
        let log = Log { backend: &*backend, committed: ends.committed.map(|id| id.index), ends };
        let base = match base {
            Some(base) => base,
            None => log.base(&places.snapshots, until)?,
        };
        log.replay(base, until)
    }
}

/// The moments that a folder can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The earliest: the entry of a state that is held. `None` for the empty beginning of the log.
    pub from: Option<u64>,
    /// When that entry was issued, if it is still held.
    pub from_time: Option<Timestamp>,
    /// The latest: the last entry that was known to be committed.
    pub to: Option<u64>,
    pub to_time: Option<Timestamp>,
}

impl Store {
    /// Which moments [`Store::read_until`] can give from a folder alone.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn reach(folder: &Path) -> Result<Reach, ReplayError> {
        let places = Folder::find(folder)?.ok_or_else(|| ReplayError::NotAStore { path: folder.to_owned() })?;
        let backend = places.engine.open(&places.log)?;
        let ends = load::ends(&*backend)?;
        let log = Log { backend: &*backend, committed: ends.committed.map(|id| id.index), ends };
        let states = snapshot::all(&places.snapshots)?.map(|(applied, _)| applied);
        // A state helps when the log goes on from it, or when it is the newest there is.
        let states: Vec<u64> = states.flatten().filter(|applied| applied + 1 >= log.first()).collect();
        let from = if log.first() == 0 { None } else { states.iter().copied().min() };
        let to = log.committed.max(states.into_iter().max());
        Ok(Reach { from, from_time: log.time(from)?, to, to_time: log.time(to)? })
    }
}

struct Log<'a> {
    backend: &'a dyn Backend,
    ends: Ends,
    committed: Option<u64>,
}

impl Log<'_> {
    /// When an entry, or the last one before it that says so, was issued.
    fn time(&self, index: Option<u64>) -> Result<Option<Timestamp>, ReplayError> {
        let Some(index) = index else { return Ok(None) };
        let begin = self.first().max(index.saturating_sub(LOOK_BACK));
        let issued = |entry: &LogEntry| match &entry.payload {
            EntryPayload::Normal(batch) => batch.0.iter().map(|command| command.issued_at).max(),
            _ => None,
        };
        let mut time = None;
        let mut from = begin;
        while from <= index {
            let entries = self.read(from, index + 1)?;
            let Some(last) = entries.last() else { break };
            from = last.log_id.index + 1;
            time = entries.iter().filter_map(issued).max().max(time);
        }
        Ok(time)
    }

    fn first(&self) -> u64 {
        self.ends.purged.map_or(0, |id| id.index + 1)
    }

    /// The newest state in the folder that is not after the moment.
    fn base(&self, snapshots: &Path, until: Until) -> Result<Moment, ReplayError> {
        for (applied, state) in snapshot::all(snapshots)? {
            if self.is_before(applied, until)? {
                return Ok(Moment { state, applied });
            }
        }
        if self.first() == 0 { Ok(Moment::default()) } else { Err(ReplayError::TooEarly) }
    }

    /// Whether everything up to an entry is from before the moment. For a time that shows only in an entry that the log
    /// still holds: this one, or the one after it.
    fn is_before(&self, applied: Option<u64>, until: Until) -> Result<bool, ReplayError> {
        let Some(applied) = applied else { return Ok(true) };
        match until {
            Until::Index(index) => Ok(applied <= index),
            Until::End => Ok(true),
            Until::Time(_) => {
                let near = applied.max(self.first());
                let entry = self.read(near, near + 1)?.pop();
                Ok(entry.is_some_and(|entry| !until.is_past(&entry)))
            }
        }
    }

    fn replay(&self, base: Moment, until: Until) -> Result<Moment, ReplayError> {
        let next = base.applied.map_or(0, |index| index + 1);
        if next < self.first() {
            return Err(ReplayError::Gap { base: next.saturating_sub(1), begins: self.first() });
        }
        if let (Until::Index(index), Some(applied)) = (until, base.applied)
            && applied > index
        {
            return Err(ReplayError::BaseIsLater { base: applied });
        }
        if let Until::Index(index) = until
            && self.committed.max(base.applied).is_none_or(|committed| committed < index)
        {
            return Err(ReplayError::NotCommitted { index, committed: self.committed });
        }
        let mut moment = base;
        let end = self.committed.map_or(0, |index| index + 1);
        let mut from = next;
        while from < end {
            let entries = self.read(from, end)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                if until.is_past(&entry) {
                    return Ok(moment);
                }
                from = entry.log_id.index + 1;
                moment.applied = Some(entry.log_id.index);
                if let EntryPayload::Normal(batch) = entry.payload {
                    for command in &batch.0 {
                        // Who asked was answered then.
                        drop(moment.state.apply(entry.log_id.index, command));
                    }
                }
            }
        }
        Ok(moment)
    }

    fn read(&self, from: u64, to: u64) -> Result<Vec<LogEntry>, ReplayError> {
        read(self.backend, from, Some(to), READ_BYTES).map_err(|error: ReadError| ReplayError::Read(error.to_string()))
    }
}

impl Until {
    fn is_past(self, entry: &LogEntry) -> bool {
        match (self, &entry.payload) {
            (Self::Index(index), _) => entry.log_id.index > index,
            (Self::End, _) => false,
            (Self::Time(time), EntryPayload::Normal(batch)) => batch.0.iter().any(|command| command.issued_at > time),
            // They change nothing, so they belong to any time.
            (Self::Time(_), _) => false,
        }
    }
}
