//! One file of events, and what is known of it without reading it.

use super::{limits::MARK_EVERY, record::Header};
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".events";

/// Only what is durable counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Index of its first event.
    pub first: u64,
    /// Index after its last event.
    pub end: u64,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Times of its events, by the hosts' clocks.
    pub oldest: u64,
    pub newest: u64,
    /// Offset of every [`MARK_EVERY`]th event.
    marks: Vec<u64>,
}

impl Segment {
    pub fn new(first: u64) -> Self {
        Self { first, end: first, bytes: 0, oldest: u64::MAX, newest: 0, marks: Vec::new() }
    }

    /// Counts one more record of `size` bytes.
    pub fn push(&mut self, header: &Header, size: usize) {
        if (self.end - self.first).is_multiple_of(MARK_EVERY) {
            self.marks.push(self.bytes);
        }
        self.end += 1;
        self.bytes += size as u64;
        self.oldest = self.oldest.min(header.at);
        self.newest = self.newest.max(header.at);
    }

    pub fn count(&self) -> u64 {
        self.end - self.first
    }

    /// The nearest known place at or before an event: its index and offset.
    pub fn mark(&self, index: u64) -> (u64, u64) {
        let nth = index.saturating_sub(self.first) / MARK_EVERY;
        usize::try_from(nth)
            .ok()
            .and_then(|nth| self.marks.get(nth))
            .map_or((self.first, 0), |offset| (self.first + nth * MARK_EVERY, *offset))
    }

    pub fn path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{:020}{SUFFIX}", self.first))
    }

    /// The index in a file's name; `None` for other files.
    pub fn first_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(SUFFIX)?;
        (digits.len() == 20).then(|| digits.parse().ok()).flatten()
    }
}

/// The durable part of the store at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// In order.
    pub segments: Vec<std::sync::Arc<Segment>>,
    /// Index after the newest event.
    pub end: u64,
}

impl View {
    pub fn count(&self) -> u64 {
        self.segments.iter().map(|s| s.count()).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum()
    }
}
