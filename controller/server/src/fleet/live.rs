//! What this controller knows of each host from its sessions. In memory only; bounded by the hosts that the state holds,
//! since only those get a session.

use super::{refusal::Refusal, rivals::Rivals};
use crate::{inventory::Sign, peers::Present};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::oneshot;
use wharden_model::{HostId, HostReport, Revision, Timestamp};

/// How a host is, as seen from here. A restart forgets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostLive {
    /// Its session is open here.
    pub connected: bool,
    /// Last sign of life; `None` for none since this controller started.
    pub last_seen_at: Option<Timestamp>,
    /// Revision of the bundle that it acknowledged last; 0 for none.
    pub held_revision: Revision,
    /// Digest of that bundle.
    pub held_digest: Option<[u8; 32]>,
    /// Why it refused the newest bundle; empty when it did not.
    pub nack: String,
    /// What it last told about itself.
    pub report: Option<HostReport>,
    /// Decision events that its agent lost since it started, because its spool was full.
    pub events_lost: u64,
}

/// Hosts with a session on this controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// All of them.
    pub connected: u64,
    /// Those that do not hold yet what the newest revision makes of their bundle.
    pub behind: u64,
}

#[derive(Default)]
struct Cell {
    live: HostLive,
    /// Number of the open session, and how to end it.
    session: Option<(u64, oneshot::Sender<Refusal>)>,
    /// Its bundle is not what it should be.
    behind: bool,
    /// The newest revision that the session has looked at.
    looked_at: Revision,
    rivals: Rivals,
}

type Shared = Arc<Mutex<Cell>>;

fn lock(cell: &Mutex<Cell>) -> MutexGuard<'_, Cell> {
    cell.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every host that had a session here since the start.
#[derive(Default)]
pub(super) struct Live {
    hosts: Mutex<HashMap<HostId, Shared>>,
    next: AtomicU64,
}

impl Live {
    /// Opens a session; the one that the host has is told to end. True when there was one.
    ///
    /// # Errors
    /// [`Refusal::Contested`] when sessions of the host end each other again and again.
    pub fn open(
        &self,
        id: &HostId,
        now: Timestamp,
    ) -> Result<(LiveSession, oneshot::Receiver<Refusal>, bool), Refusal> {
        let cell = Arc::clone(self.hosts().entry(id.clone()).or_default());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (end, ended) = oneshot::channel();
        let mut held = lock(&cell);
        let is_open = held.session.as_ref().is_some_and(|(_, end)| !end.is_closed());
        if is_open && held.rivals.contest(now) {
            return Err(Refusal::Contested(id.clone()));
        }
        let old = held.session.replace((number, end));
        held.live.connected = true;
        held.live.last_seen_at = Some(now);
        held.live.events_lost = 0;
        (held.behind, held.looked_at) = (true, 0);
        // A session that is ending anyway does not hear it.
        let replaced = old.is_some_and(|(_, end)| end.send(Refusal::Replaced).is_ok());
        if replaced {
            held.rivals.replaced(now);
        }
        drop(held);
        Ok((LiveSession { cell, number }, ended, replaced))
    }

    /// True once when the sessions of a host have ended each other and have not for a while.
    pub fn calm(&self, id: &HostId, now: Timestamp) -> bool {
        let cell = self.hosts().get(id).cloned();
        cell.is_some_and(|cell| lock(&cell).rivals.calm(now))
    }

    /// Tells the session of a host to end.
    pub fn end(&self, id: &HostId, why: Refusal) {
        let cell = self.hosts().get(id).cloned();
        let session = cell.and_then(|cell| lock(&cell).session.take());
        if let Some((number, end)) = session {
            tracing::info!(host = %id, session = number, %why, "ending a session");
            let _ = end.send(why);
        }
    }

    /// Hosts with a session.
    pub fn connected(&self) -> Vec<HostId> {
        self.hosts().iter().filter(|(_, cell)| lock(cell).live.connected).map(|(id, _)| id.clone()).collect()
    }

    /// Hosts with a session, and what is to be said of some of them.
    pub fn present(&self) -> Present {
        let mut present = Present::default();
        for (id, cell) in self.hosts().iter() {
            let live = &lock(cell).live;
            if !live.connected {
                continue;
            }
            present.hosts.push(id.clone());
            if live.events_lost > 0 {
                present.lost.push((id.clone(), live.events_lost));
            }
            let Some(report) = &live.report else { continue };
            if report.engine.is_empty() {
                present.engineless.push(id.clone());
            }
            present.passes.extend(report.break_glass.iter().map(|pass| (id.clone(), pass.clone())));
        }
        present
    }

    /// Hosts by id, after one of them, at most so many.
    pub fn page(&self, after: Option<&HostId>, max: usize) -> Vec<(HostId, HostLive)> {
        let mut page: Vec<_> = {
            let hosts = self.hosts();
            let later = hosts.iter().filter(|(id, _)| after.is_none_or(|after| *id > after));
            later.map(|(id, cell)| (id.clone(), Arc::clone(cell))).collect()
        };
        page.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        page.truncate(max);
        page.into_iter().map(|(id, cell)| (id, lock(&cell).live.clone())).collect()
    }

    pub fn status(&self, id: &HostId) -> HostLive {
        let cell = self.hosts().get(id).cloned();
        cell.map_or_else(HostLive::default, |cell| lock(&cell).live.clone())
    }

    /// When it was last heard.
    pub fn sign(&self, id: &HostId) -> Sign {
        let cell = self.hosts().get(id).cloned();
        cell.map_or_else(Sign::default, |cell| {
            let live = &lock(&cell).live;
            Sign { connected: live.connected, heard_at: live.last_seen_at.unwrap_or_default() }
        })
    }

    pub fn counts(&self, newest: Revision) -> FleetCounts {
        let mut counts = FleetCounts::default();
        for cell in self.hosts().values() {
            let cell = lock(cell);
            if cell.live.connected {
                counts.connected += 1;
                counts.behind += u64::from(cell.behind || cell.looked_at < newest);
            }
        }
        counts
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<HostId, Shared>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session's hand on what is known of its host. Says that the host is gone when it is dropped, unless another
/// session has taken over.
pub(super) struct LiveSession {
    cell: Shared,
    number: u64,
}

impl LiveSession {
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn seen(&self, now: Timestamp) {
        self.change(|cell| cell.live.last_seen_at = Some(now));
    }

    pub fn lost_events(&self, lost: u64) {
        self.change(|cell| cell.live.events_lost = lost);
    }

    pub fn reported(&self, report: HostReport) {
        self.change(|cell| cell.live.report = Some(report));
    }

    /// The bundle that the agent holds.
    pub fn holds(&self, revision: Revision, digest: Option<[u8; 32]>) {
        self.change(|cell| {
            (cell.live.held_revision, cell.live.held_digest) = (revision, digest);
            cell.live.nack.clear();
        });
    }

    pub fn refused(&self, reason: String) {
        self.change(|cell| cell.live.nack = reason);
    }

    /// Whether its bundle is the right one, as of a revision.
    pub fn judged(&self, revision: Revision, behind: bool) {
        self.change(|cell| (cell.looked_at, cell.behind) = (revision, behind));
    }

    /// A session that was replaced has no say any more.
    fn change(&self, change: impl FnOnce(&mut Cell)) {
        let mut cell = lock(&self.cell);
        if cell.session.as_ref().is_some_and(|(number, _)| *number == self.number) {
            change(&mut cell);
        }
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        let mut cell = lock(&self.cell);
        if cell.session.as_ref().is_none_or(|(number, _)| *number == self.number) {
            cell.session = None;
            cell.live.connected = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u64) -> HostId {
        HostId::new(format!("h-{n:016x}")).expect("id")
    }

    #[test]
    fn the_newer_session_counts_and_the_older_hears_why_it_ends() {
        let live = Live::default();
        let (one, mut ended, replaced) = live.open(&host(1), Timestamp(1)).expect("opens");
        assert!(!replaced);
        one.holds(3, None);
        one.judged(3, false);
        assert_eq!(live.counts(3), FleetCounts { connected: 1, behind: 0 });
        assert_eq!(live.counts(4), FleetCounts { connected: 1, behind: 1 });
        let (two, _ended, replaced) = live.open(&host(1), Timestamp(2)).expect("opens");
        assert!(replaced && matches!(ended.try_recv(), Ok(Refusal::Replaced)));
        one.holds(9, None);
        drop(one);
        assert_eq!((live.status(&host(1)).connected, live.status(&host(1)).held_revision), (true, 3));
        drop(two);
        assert!(!live.status(&host(1)).connected);
        assert_eq!(live.status(&host(1)).last_seen_at, Some(Timestamp(2)));
        assert_eq!(live.counts(4), FleetCounts::default());
        assert_eq!(live.status(&host(2)), HostLive::default());
        let ids = |after, max| live.page(after, max).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        let _three = live.open(&host(3), Timestamp(3)).expect("opens");
        assert_eq!(ids(None, 9), [host(1), host(3)]);
        assert_eq!(
            (ids(None, 1), ids(Some(&host(1)), 9), ids(Some(&host(3)), 9)),
            (vec![host(1)], vec![host(3)], vec![])
        );
    }

    #[test]
    fn an_ended_session_is_gone_when_its_task_is() {
        let live = Live::default();
        let (one, mut ended, _) = live.open(&host(1), Timestamp(1)).expect("opens");
        live.end(&host(1), Refusal::Revoked(host(1)));
        assert!(matches!(ended.try_recv(), Ok(Refusal::Revoked(_))));
        drop(one);
        assert!(live.connected().is_empty());
        live.end(&host(2), Refusal::Stopping);
    }
}
