use super::{
    Published,
    differences::Differences,
    limits::PUBLISH_PAUSE,
    metrics::PublishMetrics,
    plan::{Plan, Source},
};
use crate::{keys::Keys, raft::Raft};
use std::{sync::Arc, time::Instant};
use tokio::{sync::watch, time::sleep};
use wharden_model::Revision;
use wharden_runtime::{metrics::Metrics, shutdown::Shutdown};
use wharden_state::State;

/// Follows the revision of policy. Clones are the same publisher.
#[derive(Clone)]
pub struct Publisher {
    published: watch::Receiver<Option<Arc<Published>>>,
    problem: watch::Receiver<Option<String>>,
}

impl Publisher {
    /// Starts to follow the state.
    pub fn start(raft: &Raft, keys: &Arc<Keys>, metrics: &Metrics, shutdown: &Shutdown) -> Self {
        let (revision, raft) = (raft.revision(), raft.clone());
        Self::follow(revision, move || raft.state(), keys, metrics, shutdown)
    }

    pub(crate) fn follow(
        revision: watch::Receiver<Revision>,
        newest: impl Fn() -> Arc<State> + Send + 'static,
        keys: &Arc<Keys>,
        metrics: &Metrics,
        shutdown: &Shutdown,
    ) -> Self {
        let (published, published_out) = watch::channel(None);
        let (problem, problem_out) = watch::channel(None);
        let (metrics, differences) = (PublishMetrics::new(metrics), Arc::default());
        let task = Task { keys: Arc::clone(keys), metrics, differences, published, problem };
        shutdown.spawn_until_stopped("publish", task.run(revision, newest));
        Self { published: published_out, problem: problem_out }
    }

    /// The newest revision that can be handed out; `None` before the first.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.published.clone()
    }

    /// Why the newest revision is not handed out: its policies do not compile together. Hosts keep the last good one.
    pub fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }
}

struct Task {
    keys: Arc<Keys>,
    metrics: PublishMetrics,
    differences: Arc<Differences>,
    published: watch::Sender<Option<Arc<Published>>>,
    problem: watch::Sender<Option<String>>,
}

impl Task {
    async fn run(self, mut revision: watch::Receiver<Revision>, newest: impl Fn() -> Arc<State>) {
        loop {
            revision.borrow_and_update();
            if self.publish(newest()).await {
                sleep(PUBLISH_PAUSE).await;
            }
            if revision.changed().await.is_err() {
                return;
            }
        }
    }

    /// True when a revision was handed out. Revision 0 is a cluster that no admin has touched: there is nothing to give.
    async fn publish(&self, state: Arc<State>) -> bool {
        let held = self.published.borrow().clone();
        if state.policy_revision == 0 || held.as_ref().is_some_and(|p| p.revision() >= state.policy_revision) {
            return false;
        }
        let revision = state.policy_revision;
        match self.plan(&state, held).await {
            Ok(plan) => {
                self.metrics.revision.set(i64::try_from(revision).unwrap_or(i64::MAX));
                self.metrics.failing.set(0);
                self.problem.send_replace(None);
                let (keys, differences) = (Arc::clone(&self.keys), Arc::clone(&self.differences));
                self.published.send_replace(Some(Arc::new(Published::new(state, plan, keys, differences))));
                true
            }
            Err(error) => {
                tracing::error!(revision, %error, "the policies do not compile; hosts keep the last good ones");
                self.metrics.failing.set(1);
                self.problem.send_replace(Some(format!("revision {revision}: {error}")));
                false
            }
        }
    }

    async fn plan(&self, state: &Arc<State>, held: Option<Arc<Published>>) -> Result<Arc<Plan>, String> {
        let source = Source::of(state);
        if let Some(held) = held.filter(|held| held.plan().source.has_policy_of(&source)) {
            if held.plan().source != source {
                return Ok(Arc::new(held.plan().again(source)));
            }
            held.plan().sweep();
            return Ok(Arc::clone(held.plan()));
        }
        let (cluster, state, metrics) = (self.keys.cluster_id.clone(), Arc::clone(state), self.metrics.clone());
        let differences = Arc::clone(&self.differences);
        let begin = Instant::now();
        let plan = tokio::task::spawn_blocking(move || Plan::new(cluster, &state, source, metrics, differences))
            .await
            .map_err(|e| e.to_string())?
            .map_err(|e| e.to_string())?;
        self.metrics.plan_seconds.observe(begin.elapsed().as_secs_f64());
        Ok(Arc::new(plan))
    }
}
