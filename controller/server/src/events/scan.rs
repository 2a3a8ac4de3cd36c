//! Reading segments for one query. Blocks.

use super::{
    limits::{LOOKUP_BYTES_MAX, PAGE_BYTES_MAX, SCAN_BYTES_MAX},
    matcher::Matcher,
    record::Walk,
    runs::RunKey,
    segment::{Segment, View},
};
use std::{fs::File, io, os::unix::fs::FileExt, path::Path};
use wharden_model::DecisionEvent;

/// What a scan found, oldest first.
pub(super) struct Found {
    pub events: Vec<DecisionEvent>,
    /// Index to go on from.
    pub next: u64,
    /// More is there already.
    pub more: bool,
}

/// The newest `limit` events that match, as far as `bytes_max` goes; `more` says that older ones match too.
pub(super) fn newest(dir: &Path, view: &View, matcher: &Matcher, limit: usize, bytes_max: usize) -> io::Result<Found> {
    let mut events = Vec::new();
    let (mut size, mut more) = (0, false);
    'segments: for segment in view.segments.iter().rev().filter(|s| matcher.may_be_in(s)) {
        let bytes = load(dir, segment, 0)?;
        let candidates: Vec<_> =
            Walk::new(&bytes).filter(|(header, _)| matcher.may_match(header)).map(|(_, json)| json).collect();
        for json in candidates.into_iter().rev() {
            let json = &bytes[json];
            let Some(event) = parse(json, matcher) else { continue };
            if events.len() == limit || size + json.len() > bytes_max {
                more = true;
                break 'segments;
            }
            size += json.len();
            events.push(event);
        }
    }
    events.reverse();
    Ok(Found { events, next: view.end, more })
}

/// The first `limit` events that match, from an index on.
pub(super) fn after(dir: &Path, view: &View, matcher: &Matcher, from: u64, limit: usize) -> io::Result<Found> {
    let mut events = Vec::new();
    let (mut size, mut read) = (0, 0);
    let begin = view.segments.partition_point(|segment| segment.end <= from);
    for segment in view.segments[begin..].iter().filter(|s| matcher.may_be_in(s)) {
        let from = from.max(segment.first);
        if read > SCAN_BYTES_MAX {
            return Ok(Found { events, next: from, more: true });
        }
        let (mut index, offset) = segment.mark(from);
        let bytes = load(dir, segment, offset)?;
        read += bytes.len() as u64;
        for (header, json) in Walk::new(&bytes) {
            let at = index;
            index += 1;
            if at < from || !matcher.may_match(&header) {
                continue;
            }
            let json = &bytes[json];
            let Some(event) = parse(json, matcher) else { continue };
            if events.len() == limit || size + json.len() > PAGE_BYTES_MAX {
                return Ok(Found { events, next: at, more: true });
            }
            size += json.len();
            events.push(event);
        }
    }
    Ok(Found { events, next: view.end, more: false })
}

/// One event by its name, newest segment first. Numbers of a run only grow, so that the search ends where the run was
/// at a lower one. It reads [`LOOKUP_BYTES_MAX`]
/// at most.
pub(super) fn one(dir: &Path, view: &View, run: RunKey, seq: u64) -> io::Result<Result<Option<DecisionEvent>, TooFar>> {
    let mut read = 0;
    for segment in view.segments.iter().rev() {
        if read >= LOOKUP_BYTES_MAX {
            return Ok(Err(TooFar));
        }
        let bytes = load(dir, segment, 0)?;
        read += bytes.len() as u64;
        let mut passed = false;
        for (header, json) in Walk::new(&bytes) {
            if (header.host, header.boot) != run {
                continue;
            }
            if header.seq == seq {
                return Ok(Ok(read_back(&bytes[json])));
            }
            passed |= header.seq < seq;
        }
        if passed {
            return Ok(Ok(None));
        }
    }
    Ok(Ok(None))
}

/// A search ended before the oldest event.
pub(super) struct TooFar;

/// The durable part of a segment from an offset on. Nothing, when the segment was dropped meanwhile.
fn load(dir: &Path, segment: &Segment, offset: u64) -> io::Result<Vec<u8>> {
    let file = match File::open(segment.path(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut bytes = vec![0; usize::try_from(segment.bytes.saturating_sub(offset)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

fn parse(json: &[u8], matcher: &Matcher) -> Option<DecisionEvent> {
    read_back(json).filter(|event| matcher.matches(event))
}

fn read_back(json: &[u8]) -> Option<DecisionEvent> {
    match serde_json::from_slice(json) {
        Ok(event) => Some(event),
        Err(error) => {
            tracing::error!(%error, "a stored event cannot be read by this version; left out of the answer");
            None
        }
    }
}
