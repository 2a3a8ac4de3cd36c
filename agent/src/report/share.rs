use crate::limits::SPOOL_SHARES;
use serde::Deserialize;
use std::collections::BTreeMap;
use wharden_model::Principal;

/// Under which name a principal's events are counted.
pub fn holder(principal: &Principal) -> String {
    match principal {
        Principal::User { name } => format!("user {name}"),
        Principal::ServiceAccount { name } => format!("service account {name}"),
        Principal::Workload { name, .. } => format!("workload {name}"),
    }
}

/// The same of an event as it lies on disk; empty for one of another version that cannot be read.
pub fn holder_of(json: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Whose {
        principal: Principal,
    }
    serde_json::from_slice::<Whose>(json).map(|event| holder(&event.principal)).unwrap_or_default()
}

/// How much of the spool's bytes is whose. Nobody may hold more than a part of them, so that whoever makes many events while
/// no controller takes them leaves room for what others do.
#[derive(Debug)]
pub struct Shares {
    max: u64,
    held: BTreeMap<String, u64>,
}

impl Shares {
    /// Of a spool of this size.
    pub fn of(spool_bytes: u64) -> Self {
        Self { max: spool_bytes / SPOOL_SHARES, held: BTreeMap::new() }
    }

    /// Whether so many bytes more fit into the share.
    pub fn fits(&self, holder: &str, more: u64) -> bool {
        self.held.get(holder).copied().unwrap_or_default() + more <= self.max
    }

    /// Counts what has been written.
    pub fn add(&mut self, by: &BTreeMap<String, u64>) {
        for (holder, bytes) in by {
            *self.held.entry(holder.clone()).or_default() += bytes;
        }
    }

    /// Counts what has been deleted.
    pub fn take_away(&mut self, by: &BTreeMap<String, u64>) {
        for (holder, bytes) in by {
            if let Some(held) = self.held.get_mut(holder) {
                *held = held.saturating_sub(*bytes);
                if *held == 0 {
                    self.held.remove(holder);
                }
            }
        }
    }
}
