use super::Published;
use crate::{keys::Keys, raft::Raft};
use std::sync::Arc;
use tokio::sync::watch;
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};

/// Follows the revision of policy. Clones are the same publisher.
#[derive(Clone)]
pub struct Publisher {
    published: watch::Receiver<Option<Arc<Published>>>,
}

impl Publisher {
    /// Starts to follow the state.
    pub fn start(_raft: &Raft, _keys: &Arc<Keys>, _metrics: &Metrics, _shutdown: &Shutdown) -> Self {
        Self { published: watch::channel(None).1 }
    }

    /// The newest revision that can be handed out; `None` before the first.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.published.clone()
    }

    /// Why the newest revision is not handed out: its policies do not compile together. Hosts keep the last good one.
    pub fn problem(&self) -> Option<String> {
        None
    }
}
