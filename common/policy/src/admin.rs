//! Decisions about Wharden itself: the same documents, the `Wharden` namespace.

use crate::{AdminQuery, CompileError};
use wharden_model::{BundlePolicy, Decision, Effect, decision::KnownUser};

/// The cluster's policies as far as they speak of admin actions, ready to decide.
#[derive(Clone, Debug)]
pub struct AdminCompiled {}

impl AdminCompiled {
    /// Compiles the rules that can concern admin actions.
    ///
    /// # Errors
    /// [`CompileError`] when a document cannot be enforced.
    pub fn new(_policies: &[BundlePolicy], _users: &[KnownUser]) -> Result<Self, CompileError> {
        Ok(Self {})
    }

    /// Decides. The revision in the answer is 0: who asks knows which state it compiled.
    pub fn decide(&self, _q: &AdminQuery<'_>) -> Decision {
        Decision { effect: Effect::Deny, rules: vec![], monitor: vec![], errors: vec![], revision: 0 }
    }
}
