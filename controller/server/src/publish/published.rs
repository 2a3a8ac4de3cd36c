use super::{
    SignedBundle,
    differences::Differences,
    plan::{Content, Plan},
};
use crate::keys::Keys;
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use wharden_model::{HostId, Revision, Scope};
use wharden_pki::bundle_statement;
use wharden_state::State;

/// One revision, ready to be handed out.
pub struct Published {
    state: Arc<State>,
    plan: Arc<Plan>,
    keys: Arc<Keys>,
    differences: Arc<Differences>,
    signed: Mutex<HashMap<Scope, Arc<SignedBundle>>>,
}

impl Published {
    pub(super) fn new(state: Arc<State>, plan: Arc<Plan>, keys: Arc<Keys>, differences: Arc<Differences>) -> Self {
        Self { state, plan, keys, differences, signed: Mutex::default() }
    }

    /// Its revision.
    pub fn revision(&self) -> Revision {
        self.state.policy_revision
    }

    pub(super) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The bundle of a host by its labels and posture at this revision; `newest` knows hosts that enrolled since. The
    /// first that asks for a scope makes its bundle; others that ask meanwhile wait for the same. `None` for a host
    /// that does not exist.
    pub async fn bundle(&self, id: &HostId, newest: &State) -> Option<Arc<SignedBundle>> {
        let host = self.state.hosts.get(id).or_else(|| newest.hosts.get(id))?;
        let scope = self.plan.planner().scope(id, &host.labels, host.posture);
        if let Some(signed) = self.signed().get(&scope) {
            return Some(Arc::clone(signed));
        }
        let content = self.plan.content(&scope).await?;
        Some(Arc::clone(self.signed().entry(scope).or_insert_with(|| Arc::new(self.sign(&content)))))
    }

    /// What makes a bundle out of the one with this digest, when that is known and the difference is worth it.
    pub async fn difference(&self, from: [u8; 32], bundle: &SignedBundle) -> Option<Bytes> {
        self.differences.between(from, bundle.digest, &bundle.payload).await
    }

    fn signed(&self) -> std::sync::MutexGuard<'_, HashMap<Scope, Arc<SignedBundle>>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sign(&self, content: &Content) -> SignedBundle {
        let revision = self.revision();
        let statement = bundle_statement(&self.keys.cluster_id, revision, &content.digest);
        SignedBundle {
            revision,
            digest: content.digest,
            payload: content.payload.clone(),
            signature: self.keys.bundles.sign(&statement),
        }
    }
}
