//! Reading segments for one query. Blocks.

use super::{
    limits::{LOOKUP_BYTES_MAX, PAGE_BYTES_MAX, SCAN_BYTES_MAX},
    matcher::Matcher,
    order::Place,
    record::{Header, Walk},
    runs::RunKey,
    segment::{Segment, View},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};
use wharden_model::DecisionEvent;

/// An event and where it stands.
pub type Placed = (Place, DecisionEvent);

/// What one store has for a page, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub events: Vec<Placed>,
    /// Nothing is missing up to here.
    pub reached: Place,
    /// More is there already, beyond `reached`; for the newest: before the first.
    pub more: bool,
}

/// The best so many events of those that are offered, within a number of bytes.
struct Best {
    limit: usize,
    bytes_max: usize,
    bytes: usize,
    /// By rank: the lower, the better.
    held: BTreeMap<Rank, (usize, Placed)>,
    /// The best of those for which there was no room.
    left_out: Option<Rank>,
}

/// A place, or how far one is from the end.
type Rank = (u64, u64, u64, u64);

impl Best {
    fn new(limit: usize, bytes_max: usize) -> Self {
        Self { limit, bytes_max, bytes: 0, held: BTreeMap::new(), left_out: None }
    }

    fn may_take(&self, rank: Rank) -> bool {
        self.left_out.is_none_or(|left| rank < left)
    }

    fn offer(&mut self, rank: Rank, size: usize, event: Placed) {
        if !self.may_take(rank) || self.held.insert(rank, (size, event)).is_some() {
            return;
        }
        self.bytes += size;
        while self.held.len() > self.limit || (self.bytes > self.bytes_max && self.held.len() > 1) {
            let Some((rank, (size, _))) = self.held.pop_last() else { break };
            self.bytes -= size;
            self.left_out = Some(rank);
        }
    }

    fn events(self) -> Vec<Placed> {
        self.held.into_values().map(|(_, event)| event).collect()
    }
}

fn forward(place: Place) -> Rank {
    (place.stamp, place.host, place.boot, place.seq)
}

fn backward(place: Place) -> Rank {
    (!place.stamp, !place.host, !place.boot, !place.seq)
}

/// The newest `limit` events that match and stand before `below`, as far as `bytes_max` goes; `more` says that older
/// ones match too.
pub(super) fn newest(
    dir: &Path,
    view: &View,
    matcher: &Matcher,
    below: Place,
    (limit, bytes_max): (usize, usize),
) -> io::Result<Part> {
    let mut segments: Vec<_> =
        view.segments.iter().filter(|s| s.lowest <= below.stamp && matcher.may_be_in(s)).collect();
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.highest));
    let mut best = Best::new(limit, bytes_max);
    for segment in segments {
        if best.left_out.is_some_and(|left| !segment.highest > left.0) {
            break;
        }
        each(dir, segment, 0, |header, json| {
            let (place, rank) = (header.place(), backward(header.place()));
            if place < below && best.may_take(rank) && matcher.may_match(&header) {
                let size = json.len();
                if let Some(event) = parse(json, matcher) {
                    best.offer(rank, size, (place, event));
                }
            }
        })?;
    }
    let more = best.left_out.is_some();
    let mut events = best.events();
    events.reverse();
    Ok(Part { events, reached: below, more })
}

/// The first `limit` events that match and stand after one place and before another.
pub(super) fn after(
    dir: &Path,
    view: &View,
    matcher: &Matcher,
    after: Place,
    below: Place,
    limit: usize,
) -> io::Result<Part> {
    let in_question = |s: &&Arc<Segment>| s.highest >= after.stamp && s.lowest <= below.stamp && matcher.may_be_in(s);
    let mut segments: Vec<_> = view.segments.iter().filter(in_question).collect();
    segments.sort_by_key(|segment| segment.lowest);
    let mut best = Best::new(limit, PAGE_BYTES_MAX);
    let mut reached = below.max(after);
    let (mut read, mut more) = (0, false);
    for segment in segments {
        if best.left_out.is_some_and(|left| segment.lowest > left.0) {
            break;
        }
        if read > SCAN_BYTES_MAX && segment.lowest > after.stamp {
            // Segments overlap little: what comes before this one has been read whole.
            (reached, more) = (Place::before(segment.lowest), true);
            break;
        }
        read += each(dir, segment, segment.offset_of(after.stamp), |header, json| {
            let (place, rank) = (header.place(), forward(header.place()));
            if place > after && place < below && best.may_take(rank) && matcher.may_match(&header) {
                let size = json.len();
                if let Some(event) = parse(json, matcher) {
                    best.offer(rank, size, (place, event));
                }
            }
        })?;
    }
    let left_out = best.left_out.is_some();
    let mut events = best.events();
    events.retain(|(place, _)| *place < reached);
    if left_out && let Some((last, _)) = events.last() {
        (reached, more) = (*last, true);
    }
    Ok(Part { events, reached, more })
}

/// One event by its name, newest segment first. It reads [`LOOKUP_BYTES_MAX`] at most.
pub(super) fn one(dir: &Path, view: &View, run: RunKey, seq: u64) -> io::Result<Result<Option<DecisionEvent>, TooFar>> {
    let mut read = 0;
    for segment in view.segments.iter().rev() {
        if read >= LOOKUP_BYTES_MAX {
            return Ok(Err(TooFar));
        }
        let mut found = None;
        read += each(dir, segment, 0, |header, json| {
            if header.run() == run && header.seq == seq {
                found = read_back(json);
            }
        })?;
        if found.is_some() {
            return Ok(Ok(found));
        }
    }
    Ok(Ok(None))
}

/// A search ended before the oldest event.
pub(super) struct TooFar;

/// The records of one segment that are wanted, as they are.
pub(super) fn records(dir: &Path, segment: &Segment, wanted: impl Fn(&Header) -> bool) -> io::Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    each(dir, segment, 0, |header, json| {
        if wanted(&header) {
            found.push(header.encode(json));
        }
    })?;
    Ok(found)
}

/// Shows the durable records of a segment from an offset on. How many bytes were read: none, when the segment was dropped
/// meanwhile.
fn each(dir: &Path, segment: &Segment, offset: u64, mut show: impl FnMut(Header, &[u8])) -> io::Result<u64> {
    let file = match File::open(segment.path(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened?,
    };
    let mut bytes = vec![0; usize::try_from(segment.bytes.saturating_sub(offset)).unwrap_or(0)];
    file.read_exact_at(&mut bytes, offset)?;
    for (header, json) in Walk::new(&bytes) {
        show(header, &bytes[json]);
    }
    Ok(bytes.len() as u64)
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
