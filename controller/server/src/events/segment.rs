//! One file of events, and what is known of it without reading it.

use super::{limits::MARK_EVERY, record::Header};
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".events";

/// A place in a segment that reading can begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    offset: u64,
    /// The highest stamp before it.
    stamp: u64,
}

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
    /// Stamps of its events.
    pub lowest: u64,
    pub highest: u64,
    /// Before every [`MARK_EVERY`]th event.
    marks: Vec<Mark>,
}

impl Segment {
    pub fn new(first: u64) -> Self {
        Self {
            first,
            end: first,
            bytes: 0,
            oldest: u64::MAX,
            newest: 0,
            lowest: u64::MAX,
            highest: 0,
            marks: Vec::new(),
        }
    }

    /// Counts one more record of `size` bytes.
    pub fn push(&mut self, header: &Header, size: usize) {
        if self.count().is_multiple_of(MARK_EVERY) {
            self.marks.push(Mark { offset: self.bytes, stamp: self.highest });
        }
        self.end += 1;
        self.bytes += size as u64;
        self.oldest = self.oldest.min(header.at);
        self.newest = self.newest.max(header.at);
        self.lowest = self.lowest.min(header.stamp);
        self.highest = self.highest.max(header.stamp);
    }

    pub fn count(&self) -> u64 {
        self.end - self.first
    }

    /// An offset before which no event has this stamp or a higher one.
    pub fn offset_of(&self, stamp: u64) -> u64 {
        let nth = self.marks.partition_point(|mark| mark.stamp < stamp);
        nth.checked_sub(1).and_then(|nth| self.marks.get(nth)).map_or(0, |mark| mark.offset)
    }

    /// When its newest event was taken, as far as that can be told: a host's clock may be wrong, and so may a controller's.
    pub fn age_mark(&self) -> u64 {
        self.newest.min(self.highest)
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
    /// In order of being stored.
    pub segments: Vec<std::sync::Arc<Segment>>,
    /// Events up to here, by the time of their segments, have gone by age or size.
    pub horizon: u64,
}

impl View {
    pub fn count(&self) -> u64 {
        self.segments.iter().map(|s| s.count()).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum()
    }

    /// Time of the oldest event, by the hosts' clocks; 0 for none.
    pub fn oldest(&self) -> u64 {
        self.segments.iter().map(|s| s.oldest).min().unwrap_or(0)
    }
}
