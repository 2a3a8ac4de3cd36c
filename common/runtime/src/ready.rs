//! Whether a process can do its work now, part by part, and if not, why.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// One part that is not ready, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// Name of the part.
    pub component: &'static str,
    /// What it waits for, for people.
    pub why: String,
}

/// The state of every part. Clones are the same readiness.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, Option<String>>>>);

impl Readiness {
    /// All parts must be named here, so that a part that never reports counts as not ready.
    pub fn new(components: &[&'static str]) -> Self {
        Self(Arc::new(Mutex::new(components.iter().map(|name| (*name, Some("starting".to_owned()))).collect())))
    }

    /// The part can do its work.
    pub fn ready(&self, component: &'static str) {
        self.set(component, None);
    }

    /// The part cannot, and why.
    pub fn not_ready(&self, component: &'static str, why: impl Into<String>) {
        self.set(component, Some(why.into()));
    }

    /// `Ok` when every part is ready.
    ///
    /// # Errors
    /// The parts that are not, by name.
    pub fn check(&self) -> Result<(), Vec<NotReady>> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let not_ready: Vec<_> =
            parts.iter().filter_map(|(component, why)| Some(NotReady { component, why: why.clone()? })).collect();
        if not_ready.is_empty() { Ok(()) } else { Err(not_ready) }
    }

    fn set(&self, component: &'static str, why: Option<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(component, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_part_is() {
        let readiness = Readiness::new(&["raft", "agents"]);
        assert_eq!(readiness.check().expect_err("starting").len(), 2);
        readiness.ready("raft");
        readiness.not_ready("agents", "no certificate");
        let why = NotReady { component: "agents", why: "no certificate".into() };
        assert_eq!(readiness.check(), Err(vec![why]));
        readiness.ready("agents");
        assert_eq!(readiness.check(), Ok(()));
    }
}
