//! The newest entries, in memory: whoever replicates or applies them reads them here, from the moment at which they are
//! asked to be written.

use crate::{
    limits::{TAIL_BYTES, TAIL_ENTRIES},
    types::LogEntry,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Shared between those who write and those who read.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    /// Without a gap; each with its size on the disk.
    entries: VecDeque<(LogEntry, usize)>,
    bytes: usize,
}

impl Held {
    fn first(&self) -> Option<u64> {
        self.entries.front().map(|(entry, _)| entry.log_id.index)
    }

    fn end(&self) -> Option<u64> {
        self.entries.back().map(|(entry, _)| entry.log_id.index + 1)
    }

    fn drop_first(&mut self) {
        self.bytes -= self.entries.pop_front().map_or(0, |(_, size)| size);
    }

    fn drop_last(&mut self) {
        self.bytes -= self.entries.pop_back().map_or(0, |(_, size)| size);
    }
}

impl Tail {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries that are written after all others.
    pub(crate) fn push(&self, entries: impl IntoIterator<Item = (LogEntry, usize)>) {
        let mut held = self.lock();
        for (entry, size) in entries {
            // A log that was replaced by a snapshot goes on elsewhere.
            if held.end().is_some_and(|end| end != entry.log_id.index) {
                *held = Held::default();
            }
            held.bytes += size;
            held.entries.push_back((entry, size));
        }
    }

    /// Whatever is too much and on the disk up to this entry is read from there.
    pub(crate) fn shrink(&self, on_disk: u64) {
        let mut held = self.lock();
        while (held.entries.len() > TAIL_ENTRIES || held.bytes > TAIL_BYTES)
            && held.first().is_some_and(|first| first <= on_disk)
        {
            held.drop_first();
        }
    }

    /// Entries from this one on are no more.
    pub(crate) fn truncate(&self, from: u64) {
        let mut held = self.lock();
        while held.end().is_some_and(|end| end > from) {
            held.drop_last();
        }
    }

    /// Entries up to this one are no more.
    pub(crate) fn purge(&self, upto: u64) {
        let mut held = self.lock();
        while held.first().is_some_and(|first| first <= upto) {
            held.drop_first();
        }
    }

    /// What it has of the entries from `from` to before `to`, with their sizes. What it does not have comes before.
    pub(crate) fn read(&self, from: u64, to: Option<u64>) -> Vec<(LogEntry, usize)> {
        let held = self.lock();
        let Some(first) = held.first() else { return Vec::new() };
        let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        let wanted = held.entries.iter().skip(skipped);
        wanted.take_while(|(entry, _)| to.is_none_or(|to| entry.log_id.index < to)).cloned().collect()
    }
}
