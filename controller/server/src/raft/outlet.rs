//! Where every new state goes: to those who watch it.

use super::changes;
use crate::limits;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use wharden_model::Revision;
use wharden_state::{Change, State};
use wharden_store::{Published, Sink};

/// Made before the replica, so that what the replica needs can watch the state too.
pub struct Outlet {
    state: watch::Sender<Arc<State>>,
    applied: watch::Sender<(u64, Arc<State>)>,
    revision: watch::Sender<Revision>,
    changes: broadcast::Sender<Change>,
}

/// What a replica needs of its outlet.
pub struct Watched {
    pub(super) state: watch::Receiver<Arc<State>>,
    /// The same, with the index of the log entry that it reaches to.
    pub(super) applied: watch::Receiver<(u64, Arc<State>)>,
    pub(super) revision: watch::Receiver<Revision>,
    pub(super) changes: broadcast::Sender<Change>,
}

impl Default for Outlet {
    fn default() -> Self {
        Self {
            state: watch::channel(Arc::default()).0,
            applied: watch::channel((0, Arc::default())).0,
            revision: watch::channel(0).0,
            changes: broadcast::channel(limits::CHANGES_BUFFER).0,
        }
    }
}

impl Outlet {
    /// The newest applied state.
    pub fn state(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// Everything that comes out of it.
    pub fn watched(&self) -> Watched {
        Watched {
            state: self.state.subscribe(),
            applied: self.applied.subscribe(),
            revision: self.revision.subscribe(),
            changes: self.changes.clone(),
        }
    }

    fn take(&self, published: Published) {
        let revision = published.state.policy_revision;
        self.applied.send_replace((published.applied.unwrap_or(0), Arc::clone(&published.state)));
        let old = self.state.send_replace(Arc::clone(&published.state));
        self.revision.send_if_modified(|held| std::mem::replace(held, revision) != revision);
        let changes = if published.whole { changes::between(&old, &published.state) } else { published.changes };
        for change in changes {
            // Nobody listening is fine: who comes later reads the state.
            let _ = self.changes.send(change);
        }
    }
}

impl Sink for Outlet {
    fn publish(&self, published: Published) {
        self.take(published);
    }
}
