//! One host's policies, ready to decide.

use crate::{CompileError, Query};
use std::sync::Arc;
use wharden_model::{Action, Bundle, Decision, Effect, Revision};

/// The policies of one bundle, compiled. Cheap to clone and shared by all requests.
#[derive(Clone, Debug)]
pub struct Compiled(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    revision: Revision,
}

impl Compiled {
    /// Compiles a bundle; `revision` is what its decisions will name.
    ///
    /// # Errors
    /// [`CompileError`] when any part of the bundle cannot be enforced.
    pub fn new(_bundle: &Bundle, revision: Revision) -> Result<Self, CompileError> {
        Ok(Self(Arc::new(Inner { revision })))
    }

    /// Decides.
    pub fn decide(&self, q: &Query<'_>) -> Decision {
        Decision { revision: self.0.revision, ..no_bundle(q.action) }
    }

    /// Rules that can take part in decisions, built-in ones included.
    pub fn rule_count(&self) -> usize {
        0
    }
}

/// The decision of a host that has no bundle.
pub fn no_bundle(_action: Action) -> Decision {
    Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![], revision: 0 }
}
