//! Finds events that only this controller holds, and gives them to another one.
//!
//! That happens when a disk was lost, a controller was removed, the cluster came from one controller or from a version that
//! kept one copy. Every controller compares what it holds with what all others say that they hold; as long as one does not
//! answer nothing is moved, since it may hold everything. What has gone elsewhere by age or size is not brought back there.

use super::{
    Recorder, choice,
    limits::{HELD_LIMIT, MEND_BYTES, MEND_EVERY, MEND_TICK},
};
use crate::{
    events::{HeldPage, RunKey, limits::HELD_PAGE},
    peers::{Reply, Request, Transport},
    raft::Raft,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::time::Instant;
use wharden_model::HostId;
use wharden_state::LEVEL_COPIES;

/// Ranges of numbers by run.
pub(super) type Ranges = BTreeMap<RunKey, Vec<(u64, u64)>>;

/// Controllers that, at the last look, held nothing that nobody else does: without one of them all answers are complete.
#[derive(Clone, Debug, Default)]
pub struct Coverage(Arc<Mutex<BTreeSet<u64>>>);

impl Coverage {
    /// Whether all that this controller holds is held elsewhere too, as far as is known.
    pub fn has(&self, number: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&number)
    }

    pub(super) fn set(&self, number: u64, is_covered: bool) {
        let mut covered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if is_covered {
            covered.insert(number);
        } else {
            covered.remove(&number);
        }
    }
}

/// Looks again and again, for ever.
pub async fn mend(raft: Raft, recorder: Recorder, coverage: Coverage) {
    let transport = raft.transport();
    let (mut last, mut compared) = (None::<Instant>, Vec::new());
    // What has gone elsewhere by age or size stays missing there, and is not read for again and again.
    let mut left = Ranges::new();
    loop {
        tokio::time::sleep(MEND_TICK).await;
        let (own, state) = (raft.number(), raft.state());
        let members: Vec<u64> = choice::settled(&state).collect();
        if state.level < LEVEL_COPIES || members.len() < 2 || !members.contains(&own) {
            continue;
        }
        if members == compared && last.is_some_and(|last| last.elapsed() < MEND_EVERY) {
            continue;
        }
        match look(own, &members, &transport, &recorder, &coverage, &mut left).await {
            Ok(0) => (last, compared) = (Some(Instant::now()), members),
            // And looks again soon, to know that it is so.
            Ok(mended) => tracing::info!(events = mended, "events that only this controller held have a second copy"),
            Err(why) => tracing::debug!(%why, "events are not compared now"),
        }
    }
}

/// One comparison. How many events were given to others.
pub(super) async fn look(
    own: u64,
    members: &[u64],
    transport: &Arc<dyn Transport>,
    recorder: &Recorder,
    coverage: &Coverage,
    left: &mut Ranges,
) -> Result<u64, String> {
    // Events come in all the time. What one held at the first round must be with another one at the second.
    let (first, _) = all_ranges(own, members, transport, recorder).await?;
    let (second, horizons) = all_ranges(own, members, transport, recorder).await?;
    let missing_of = |number: u64| {
        let others: Vec<&Ranges> = second.iter().filter(|(other, _)| **other != number).map(|(_, held)| held).collect();
        alone(first.get(&number), &others)
    };
    let mut all_covered = true;
    for number in members {
        let is_covered = missing_of(*number).is_empty();
        coverage.set(*number, is_covered);
        all_covered &= is_covered;
    }
    let missing = missing_of(own);
    if let Some(metrics) = recorder.metrics() {
        metrics.covered.set(i64::from(all_covered));
        metrics.compared.set(i64::try_from(recorder.events().clock() / 1000).unwrap_or(i64::MAX));
    }
    if missing.is_empty() || missing == *left {
        return Ok(0);
    }
    let mended = give(own, members, &horizons, &missing, transport, recorder).await?;
    *left = if mended == 0 { missing } else { Ranges::new() };
    if let Some(metrics) = recorder.metrics() {
        metrics.mended.inc_by(mended);
    }
    Ok(mended)
}

/// What each of the controllers holds, and what has gone from it by age or size.
async fn all_ranges(
    own: u64,
    members: &[u64],
    transport: &Arc<dyn Transport>,
    recorder: &Recorder,
) -> Result<(BTreeMap<u64, Ranges>, BTreeMap<u64, u64>), String> {
    let (mut held, mut horizons) = (BTreeMap::new(), BTreeMap::new());
    for number in members {
        let (ranges, horizon) =
            if *number == own { own_ranges(recorder) } else { ranges_of(*number, transport).await? };
        held.insert(*number, ranges);
        horizons.insert(*number, horizon);
    }
    Ok((held, horizons))
}

fn own_ranges(recorder: &Recorder) -> (Ranges, u64) {
    let mut all = Ranges::new();
    loop {
        let after = all.last_key_value().map(|(run, _)| *run);
        let page = recorder.events().held(after, HELD_PAGE);
        if page.runs.is_empty() {
            return (all, page.horizon);
        }
        all.extend(page.runs);
    }
}

async fn ranges_of(number: u64, transport: &Arc<dyn Transport>) -> Result<(Ranges, u64), String> {
    let mut all = Ranges::new();
    loop {
        let after = all.last_key_value().map(|(run, _)| *run);
        match transport.call(number, Request::Held { after }, HELD_LIMIT).await {
            Ok(Reply::Held(HeldPage { runs, horizon })) if runs.is_empty() => return Ok((all, horizon)),
            Ok(Reply::Held(HeldPage { runs, .. })) => all.extend(runs),
            Ok(Reply::Failed(why)) => return Err(why),
            Ok(_) => return Err(format!("controller {number} gave an odd answer")),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// What one controller holds and no other one does.
pub(super) fn alone(own: Option<&Ranges>, others: &[&Ranges]) -> Ranges {
    let mut alone = Ranges::new();
    for (run, held) in own.into_iter().flatten() {
        let mut rest = held.clone();
        for theirs in others.iter().filter_map(|other| other.get(run)) {
            rest = without(&rest, theirs);
        }
        if !rest.is_empty() {
            alone.insert(*run, rest);
        }
    }
    alone
}

/// Ranges without those of others; both in order.
fn without(own: &[(u64, u64)], others: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut rest = Vec::new();
    for (from, to) in own {
        let mut from = *from;
        let first = others.partition_point(|(_, end)| *end < from);
        for (begin, end) in &others[first..] {
            if *begin > *to || from > *to {
                break;
            }
            if *begin > from {
                rest.push((from, begin - 1));
            }
            from = from.max(end.saturating_add(1));
        }
        if from <= *to {
            rest.push((from, *to));
        }
    }
    rest
}

/// Sends what is missing to the controllers that each host's events want, segment by segment.
async fn give(
    own: u64,
    members: &[u64],
    horizons: &BTreeMap<u64, u64>,
    missing: &Ranges,
    transport: &Arc<dyn Transport>,
    recorder: &Recorder,
) -> Result<u64, String> {
    let mut mended = 0;
    for to in members.iter().copied().filter(|number| *number != own) {
        let horizon = horizons.get(&to).copied().unwrap_or(0);
        let theirs: Ranges = missing
            .iter()
            .filter(|((host, _), _)| wants(*host, own, members) == Some(to))
            .map(|(run, ranges)| (*run, ranges.clone()))
            .collect();
        if theirs.is_empty() {
            continue;
        }
        let theirs = Arc::new(theirs);
        let mut nth = 0;
        loop {
            let wanted = Arc::clone(&theirs);
            let is_wanted = move |run: RunKey, seq: u64, time: u64| {
                time > horizon
                    && wanted.get(&run).is_some_and(|ranges| ranges.iter().any(|(a, b)| (*a..=*b).contains(&seq)))
            };
            let Some(records) = recorder.events().records(nth, is_wanted).await.map_err(|e| e.to_string())? else {
                break;
            };
            nth += 1;
            mended += records.len() as u64;
            send(to, records, transport).await?;
        }
    }
    Ok(mended)
}

fn wants(host: u64, own: u64, members: &[u64]) -> Option<u64> {
    let id = HostId::new(format!("h-{host:016x}")).ok()?;
    choice::rank(members.iter().copied(), own, &id).first().copied()
}

async fn send(to: u64, records: Vec<Vec<u8>>, transport: &Arc<dyn Transport>) -> Result<(), String> {
    let mut rest = records.into_iter().peekable();
    while rest.peek().is_some() {
        let mut bytes = Vec::new();
        while bytes.len() < MEND_BYTES
            && let Some(record) = rest.next()
        {
            bytes.extend_from_slice(&record);
        }
        let request = Request::Keep { mend: true, records: Bytes::from(bytes) };
        match transport.call(to, request, HELD_LIMIT).await {
            Ok(Reply::Kept(_)) => {}
            Ok(Reply::Failed(why)) => return Err(why),
            Ok(_) => return Err(format!("controller {to} gave an odd answer")),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
