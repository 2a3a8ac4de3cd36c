//! Reads the events of the whole cluster: whoever is asked asks the others, and puts together what they have.

use super::Coverage;
use crate::{
    events::{
        Ask, EventStore, HostFilter, Merged, Part, QueryError, checked, following,
        limits::{REPLAY_BYTES, REPLAY_EVENTS},
        newest, page,
    },
    peers::{Reply, Request, Transport, limits::LIST_LIMIT},
};
use futures::stream::{FuturesUnordered, StreamExt};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use wharden_model::{DecisionEvent, EventQuery, api::EventPage, limits::EVENTS_PAGE_MAX};
use wharden_state::{ControllerStatus, LEVEL_COPIES, State};

/// Between two looks at the others while a query waits for a first event.
const LOOK: Duration = Duration::from_millis(500);

/// What it takes to ask all controllers.
pub struct Reader {
    pub own: u64,
    pub events: EventStore,
    pub state: watch::Receiver<Arc<State>>,
    pub transport: Arc<dyn Transport>,
    /// Which controllers' events are held by others too.
    pub coverage: Coverage,
}

impl Reader {
    /// One page of the events of all controllers, in their order.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn page(&self, query: EventQuery, hosts: &HostFilter) -> Result<EventPage, QueryError> {
        let (limit, after) = checked(&query)?;
        if self.others().is_empty() {
            return self.events.query(&query, hosts).await;
        }
        let deadline = Instant::now() + Duration::from_secs(query.wait.unwrap_or(0));
        let mut ask = Ask { query, after, before: None, limit, clock: 0 };
        loop {
            let (found, away) = self.parts(&mut ask, hosts).await?;
            let merged = match ask.after {
                Some(_) => following(found, limit),
                // What there is more of is older, and a cursor only goes on to what is newer.
                None => Merged { more: false, ..newest(found, limit) },
            };
            if ask.after.is_none() || !merged.events.is_empty() || merged.more || Instant::now() + LOOK >= deadline {
                let incomplete = self.may_lack(&away);
                return Ok(EventPage { unreachable: away, incomplete, ..page(merged) });
            }
            ask.after = Some(merged.reached);
            sleep(LOOK).await;
        }
    }

    /// The newest events that match, of all controllers, in order: as many as a simulation replays, whatever the query's
    /// limit says. True when there are older ones, or may be.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn newest(
        &self,
        query: &EventQuery,
        hosts: &HostFilter,
    ) -> Result<(Vec<DecisionEvent>, bool), QueryError> {
        let mut ask = Ask { query: query.clone(), after: None, before: None, limit: EVENTS_PAGE_MAX, clock: 0 };
        let (mut pages, mut count, mut bytes) = (Vec::new(), 0, 0);
        loop {
            let (found, away) = self.parts(&mut ask, hosts).await?;
            let Merged { events, more, .. } = newest(found, EVENTS_PAGE_MAX);
            let first = events.first().map(|(place, _)| *place);
            count += events.len();
            bytes += serde_json::to_vec(&events).map_err(|error| QueryError::Io(error.to_string()))?.len();
            pages.push(events);
            let full = count >= REPLAY_EVENTS || bytes >= REPLAY_BYTES;
            if !more || first.is_none() || full {
                let all = pages.into_iter().rev().flatten().map(|(_, event)| event);
                let left_out = count.saturating_sub(REPLAY_EVENTS);
                return Ok((all.skip(left_out).collect(), more || left_out > 0 || self.may_lack(&away)));
            }
            ask.before = first;
        }
    }

    /// What each controller has for a page, and those that did not answer.
    async fn parts(&self, ask: &mut Ask, hosts: &HostFilter) -> Result<(Vec<Part>, Vec<u64>), QueryError> {
        // Whoever is behind with its clock hears how late it is.
        ask.clock = self.events.clock();
        let asked = self.others().into_iter().map(|number| {
            let request = Request::Part(ask.clone());
            async move { (number, self.transport.call(number, request, LIST_LIMIT).await) }
        });
        let mut answers = FuturesUnordered::from_iter(asked);
        let mut parts = vec![self.events.part(ask, hosts).await?];
        let mut away = Vec::new();
        while let Some((number, answer)) = answers.next().await {
            match answer {
                Ok(Reply::Part(part)) => parts.push(part),
                Ok(Reply::Failed(why)) => {
                    tracing::warn!(controller = number, %why, "events of a controller are missing");
                    away.push(number);
                }
                _ => away.push(number),
            }
        }
        // And this one hears how late the others are.
        let latest = parts.iter().map(|part| part.reached.stamp).max().unwrap_or(0);
        self.events.advance(latest.saturating_sub(1));
        away.sort_unstable();
        Ok((parts, away))
    }

    /// The other controllers that have events.
    fn others(&self) -> Vec<u64> {
        let (own, state) = (self.own, self.state.borrow().clone());
        let has = |c: &wharden_state::Controller| c.status != ControllerStatus::Joining;
        state.controllers.members.iter().filter(|(n, c)| **n != own && has(c)).map(|(n, _)| *n).collect()
    }

    /// Whether events may be missing without these controllers. Each is held by two, so that one can be away, when it is
    /// known that this holds for all that it has.
    fn may_lack(&self, away: &[u64]) -> bool {
        match away {
            [] => false,
            [one] => self.state.borrow().clone().level < LEVEL_COPIES || !self.coverage.has(*one),
            _ => true,
        }
    }
}
