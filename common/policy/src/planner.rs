//! What each host gets of the cluster's policies and users.

use crate::CompileError;
use wharden_model::{
    Bundle, BundlePolicy, ClusterId, HostId, Labels, Posture, Scope, bundle::BUNDLE_FORMAT, decision::KnownUser,
};

/// What the controller publishes. Built once for each revision.
#[derive(Clone, Debug)]
pub struct Planner {
    cluster: ClusterId,
    policies: Vec<BundlePolicy>,
    users: Vec<KnownUser>,
}

impl Planner {
    /// Takes every policy and user of the cluster.
    ///
    /// # Errors
    /// [`CompileError`] when a document cannot be enforced.
    pub fn new(cluster: ClusterId, policies: Vec<BundlePolicy>, users: Vec<KnownUser>) -> Result<Self, CompileError> {
        Ok(Self { cluster, policies, users })
    }

    /// The scope of a host. Hosts with one scope get one bundle.
    pub fn scope(&self, _host: &HostId, labels: &Labels, posture: Posture) -> Scope {
        Scope { labels: labels.clone(), posture, host: None }
    }

    /// The bundle of a scope.
    pub fn bundle(&self, scope: &Scope) -> Bundle {
        Bundle {
            format: BUNDLE_FORMAT,
            cluster_id: self.cluster.clone(),
            scope: scope.clone(),
            policies: self.policies.clone(),
            users: self.users.clone(),
        }
    }
}
