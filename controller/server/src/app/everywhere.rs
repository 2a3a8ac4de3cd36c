//! What is not in the log but on each controller: its sessions with hosts, its decision events. Whoever is asked asks the
//! others.

use super::{App, AppError};
use crate::{
    cluster::ask_all,
    events::HostFilter,
    fleet::HostLive,
    peers::{PeerHost, Reply, Request, limits::LIST_LIMIT},
};
use futures::StreamExt;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::{Instant, sleep};
use wharden_model::{BootId, DecisionEvent, EventQuery, HostId, api::EventPage, limits::EVENTS_PAGE_MAX};

/// Between two looks at the others while a query waits for a first event.
const LOOK: Duration = Duration::from_millis(500);
/// Events of a page when the query does not say.
const PAGE: usize = 100;
/// Between the parts of a cursor of several controllers, `<number>.<cursor>~…`.
const PARTS: char = '~';

impl App {
    /// Hosts as the other controllers know them: the one that has the session, else the one that heard last.
    pub(super) async fn hosts_elsewhere(&self) -> BTreeMap<HostId, PeerHost> {
        let mut all: BTreeMap<HostId, PeerHost> = BTreeMap::new();
        let lists = ask_all(&self.raft, |number| async move {
            let mut list: Vec<PeerHost> = Vec::new();
            loop {
                let after = list.last().map(|host| host.id.clone());
                match self.raft.ask(number, Request::Hosts { after }, LIST_LIMIT).await {
                    Ok(Reply::Hosts(page)) if page.is_empty() => return Some(list),
                    Ok(Reply::Hosts(page)) => list.extend(page),
                    _ => return None,
                }
            }
        });
        for host in lists.await.into_values().flatten() {
            match all.get(&host.id) {
                Some(held) if (held.connected, held.last_seen_at) >= (host.connected, host.last_seen_at) => {}
                _ => {
                    all.insert(host.id.clone(), host);
                }
            }
        }
        all
    }

    /// What is known of a host, here or elsewhere.
    pub(super) fn live(&self, id: &HostId, elsewhere: &BTreeMap<HostId, PeerHost>) -> HostLive {
        let here = self.fleet.status(id);
        match elsewhere.get(id) {
            Some(there) if (there.connected, there.last_seen_at) > (here.connected, here.last_seen_at) => {
                there.clone().into()
            }
            _ => here,
        }
    }

    /// An event, wherever it is.
    pub(super) async fn event_anywhere(
        &self,
        host: HostId,
        boot: BootId,
        seq: u64,
    ) -> Result<Option<DecisionEvent>, AppError> {
        if let Some(event) = self.events.one(&host, &boot, seq).await? {
            return Ok(Some(event));
        }
        let (host, boot) = (&host, &boot);
        let found = ask_all(&self.raft, |number| async move {
            let request = Request::Event { host: host.clone(), boot: boot.clone(), seq };
            match self.raft.ask(number, request, LIST_LIMIT).await {
                Ok(Reply::Event(event)) => event,
                _ => None,
            }
        });
        Ok(found.await.into_values().next().map(|event| *event))
    }

    /// One page of the events of all controllers, by time. A cursor says how far each of them was read.
    pub(super) async fn events_everywhere(&self, query: EventQuery, hosts: &HostFilter) -> Result<EventPage, AppError> {
        let own = self.raft.number();
        let others: Vec<u64> = self.state().controllers.members.keys().copied().filter(|n| *n != own).collect();
        let mut places = places(query.after.as_deref(), own)?;
        if others.is_empty() {
            let after = query.after.as_ref().map(|_| places.remove(&own).unwrap_or_else(|| self.events.begin()));
            return Ok(self.events.query(&EventQuery { after, ..query }, hosts).await?);
        }
        let deadline = Instant::now() + Duration::from_secs(query.wait.unwrap_or(0));
        // Everything about the query is checked before anybody else is asked.
        let limit = query.limit.unwrap_or(PAGE);
        self.events.query(&EventQuery { after: None, limit: Some(limit), ..query.clone() }, hosts).await?;
        loop {
            let page = self.page(&query, hosts, limit, own, &others, &mut places).await?;
            if query.after.is_none() || !page.events.is_empty() || page.more || Instant::now() + LOOK >= deadline {
                return Ok(page);
            }
            sleep(LOOK).await;
        }
    }

    async fn page(
        &self,
        query: &EventQuery,
        hosts: &HostFilter,
        limit: usize,
        own: u64,
        others: &[u64],
        places: &mut BTreeMap<u64, String>,
    ) -> Result<EventPage, AppError> {
        // Shares that are all taken: so nothing that was read is left over, and nothing is read twice.
        let share = if query.after.is_some() { limit.div_ceil(others.len() + 1) } else { limit };
        let share = share.clamp(1, EVENTS_PAGE_MAX);
        let follow = query.after.is_some();
        let part = |number: u64| {
            let after = follow.then(|| places.get(&number).cloned().unwrap_or_default());
            EventQuery { after, limit: Some(share), wait: None, ..query.clone() }
        };
        let mine = part(own);
        let after = mine.after.as_ref().map(|at| if at.is_empty() { self.events.begin() } else { at.clone() });
        let mut pages = vec![(own, self.events.query(&EventQuery { after, ..mine }, hosts).await?)];
        let asked = others.iter().map(|number| {
            let request = Request::Events(part(*number));
            async move { (*number, self.raft.ask(*number, request, LIST_LIMIT).await) }
        });
        let mut answers = futures::stream::FuturesUnordered::from_iter(asked);
        let mut unreachable = Vec::new();
        while let Some((number, answer)) = answers.next().await {
            match answer {
                Ok(Reply::Events(page)) => pages.push((number, page)),
                Ok(Reply::Failed(why)) => {
                    tracing::warn!(controller = number, %why, "events of a controller are missing");
                    unreachable.push(number);
                }
                _ => unreachable.push(number),
            }
        }
        drop(answers);
        unreachable.sort_unstable();
        let mut all = EventPage { events: Vec::new(), next: String::new(), more: false, unreachable };
        for (number, page) in pages {
            all.more |= page.more;
            all.events.extend(page.events);
            places.insert(number, page.next);
        }
        all.events.sort_by_key(|event| event.at);
        if !follow {
            all.events.drain(..all.events.len().saturating_sub(limit));
        }
        all.next = cursor(places);
        Ok(all)
    }
}

/// How far each controller was read. A cursor without numbers is of a cluster of one: of this controller.
fn places(cursor: Option<&str>, own: u64) -> Result<BTreeMap<u64, String>, AppError> {
    let Some(text) = cursor else { return Ok(BTreeMap::new()) };
    if !text.contains('.') {
        return Ok(BTreeMap::from([(own, text.to_owned())]));
    }
    let parts = text.split(PARTS).map(|part| {
        let (number, cursor) = part.split_once('.')?;
        Some((number.parse().ok()?, cursor.to_owned()))
    });
    let read: Option<BTreeMap<u64, String>> = parts.collect();
    read.ok_or_else(|| AppError::invalid("after", "this is not a cursor that events were given with"))
}

fn cursor(places: &BTreeMap<u64, String>) -> String {
    let parts: Vec<_> = places.iter().map(|(number, cursor)| format!("{number}.{cursor}")).collect();
    parts.join(&PARTS.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_of_several_controllers_round_trip_and_those_of_one_are_taken() {
        let two = BTreeMap::from([(1, "000000ab-12c".to_owned()), (3, "000000cd-0".to_owned())]);
        assert_eq!(cursor(&two), "1.000000ab-12c~3.000000cd-0");
        assert_eq!(places(Some(&cursor(&two)), 1).expect("reads"), two);
        assert_eq!(places(Some("000000ab-12c"), 2).expect("reads"), BTreeMap::from([(2, "000000ab-12c".to_owned())]));
        assert!(places(None, 1).expect("nothing").is_empty());
        for bad in ["1.a~", "x.a", "1.a~b", ".a"] {
            assert!(places(Some(bad), 1).is_err(), "{bad}");
        }
    }
}
