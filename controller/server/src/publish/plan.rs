//! One set of policies and users, and the bundles made of it so far.

use super::{differences::Differences, metrics::PublishMetrics};
use crate::policy_set;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::OnceCell;
use wharden_model::{ClusterId, PolicyName, Revision, Scope, decision::KnownUser};
use wharden_policy::{CompileError, Planner, Remote};
use wharden_state::State;

/// What of the state goes into bundles; labels and postures come with the scope. Equal sources make equal plans, so
/// that a change of one host's labels costs no planning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    policies: Vec<(PolicyName, Revision)>,
    users: Vec<KnownUser>,
    remote: Remote,
}

impl Source {
    pub fn of(state: &State) -> Self {
        let policies = state.policies.iter().map(|(name, policy)| (name.clone(), policy.revision)).collect();
        Self { policies, users: policy_set::users(state), remote: policy_set::remote(state) }
    }

    /// Differs at most in those who come from elsewhere.
    pub fn has_policy_of(&self, other: &Self) -> bool {
        self.policies == other.policies && self.users == other.users
    }
}

/// The bytes of one scope's bundle.
#[derive(Debug)]
pub(super) struct Content {
    pub digest: [u8; 32],
    pub payload: Bytes,
}

#[derive(Default)]
struct Made {
    content: OnceCell<Arc<Content>>,
    /// Asked for since the last [`Plan::sweep`].
    used: AtomicBool,
}

pub(super) struct Plan {
    pub source: Source,
    planner: Planner,
    made: Mutex<HashMap<Scope, Arc<Made>>>,
    metrics: PublishMetrics,
    differences: Arc<Differences>,
}

impl Plan {
    /// Blocks: reads every policy.
    pub fn new(
        cluster: ClusterId,
        state: &State,
        source: Source,
        metrics: PublishMetrics,
        differences: Arc<Differences>,
    ) -> Result<Self, CompileError> {
        let planner = Planner::new(cluster, policy_set::policies(state), source.users.clone())?;
        let planner = planner.with_remote(source.remote.clone());
        Ok(Self { source, planner, made: Mutex::default(), metrics, differences })
    }

    /// The same policies with others who come from elsewhere: nothing is read anew, so that the end of a session is
    /// told at once however many policies there are.
    pub fn again(&self, source: Source) -> Self {
        let planner = self.planner.with_remote(source.remote.clone());
        let (metrics, differences) = (self.metrics.clone(), Arc::clone(&self.differences));
        Self { source, planner, made: Mutex::default(), metrics, differences }
    }

    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The content of a scope. The first that asks makes it; others that ask meanwhile wait for the same.
    pub async fn content(self: &Arc<Self>, scope: &Scope) -> Option<Arc<Content>> {
        let made =
            Arc::clone(self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(scope.clone()).or_default());
        made.used.store(true, Ordering::Relaxed);
        let plan = Arc::clone(self);
        let make = || async {
            let wanted = scope.clone();
            let made = tokio::task::spawn_blocking(move || plan.make(&wanted)).await.map_err(|e| e.to_string())?;
            let made = made.map(Arc::new)?;
            self.differences.remember(&made);
            Ok::<_, String>(made)
        };
        match made.content.get_or_try_init(make).await {
            Ok(content) => Some(Arc::clone(content)),
            Err(error) => {
                tracing::error!(%error, "a bundle could not be made");
                None
            }
        }
    }

    fn make(&self, scope: &Scope) -> Result<Content, String> {
        let payload = serde_json::to_vec(&self.planner.bundle(scope)).map_err(|e| e.to_string())?;
        self.metrics.bundles.inc();
        Ok(Content { digest: Sha256::digest(&payload).into(), payload: payload.into() })
    }

    /// Forgets the scopes that nobody asked for since the last time: their hosts have other labels now.
    pub fn sweep(&self) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|_, made| made.used.swap(false, Ordering::Relaxed));
    }
}
