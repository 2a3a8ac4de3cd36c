//! The store over real files: restarts, crashes, duplicates, paging, retention, a disk that fails.

mod disk;
mod paging;
mod query;
mod restart;

use super::*;
use bytes::Bytes;
use std::path::Path;
use wharden_model::{
    Action, BootId, Decision, DecisionEvent, Effect, EventQuery, HostId, Outcome, Posture, Principal, Resource,
    ResourceKind, Timestamp,
};
use wharden_runtime::{metrics::Metrics, ready::Readiness};

pub(crate) fn host(n: u64) -> HostId {
    HostId::new(format!("h-{n:016x}")).expect("id")
}

fn boot(n: u64) -> BootId {
    BootId::new(format!("{n:016x}")).expect("id")
}

pub(crate) fn event(user: &str, action: Action, outcome: Outcome, at: u64) -> DecisionEvent {
    DecisionEvent {
        host_id: host(0xffff),
        boot_id: boot(0xffff),
        seq: 99,
        at: Timestamp(at),
        principal: Principal::User { name: user.to_owned() },
        action,
        resource: Resource {
            kind: ResourceKind::Container,
            id: "new".to_owned(),
            name: "web".to_owned(),
            image: "busybox".to_owned(),
            owner: user.to_owned(),
            labels: std::collections::BTreeMap::new(),
        },
        outcome,
        posture: Posture::Enforce,
        decision: Decision {
            effect: Effect::Deny,
            rules: Vec::new(),
            monitor: Vec::new(),
            errors: Vec::new(),
            revision: 3,
        },
        facts: None,
        partial_facts: None,
        request: "POST /v1.41/containers/create".to_owned(),
        error: String::new(),
        decided_in_us: 7,
    }
}

pub(crate) fn json(event: &DecisionEvent) -> Bytes {
    serde_json::to_vec(event).expect("json").into()
}

/// Plain events with these numbers.
fn plain(seqs: impl IntoIterator<Item = u64>) -> Vec<(u64, Bytes)> {
    seqs.into_iter()
        .map(|seq| (seq, json(&event("alice", Action::ContainerCreate, Outcome::Denied, 1000 + seq))))
        .collect()
}

const SMALL: EventLimits = EventLimits { segment_bytes: 4096, total_bytes: 1 << 30, max_age_ms: u64::MAX };

async fn open(dir: &Path, limits: EventLimits) -> EventStore {
    EventStore::open(dir, limits, &Metrics::new("test"), &Readiness::new(&["events"])).await.expect("opens")
}

async fn all(store: &EventStore) -> Vec<(HostId, BootId, u64)> {
    let query = EventQuery { limit: Some(1000), ..EventQuery::default() };
    let page = store.query(&query, &HostFilter::Any).await.expect("page");
    page.events.into_iter().map(|e| (e.host_id, e.boot_id, e.seq)).collect()
}

fn named(host_n: u64, boot_n: u64, seqs: impl IntoIterator<Item = u64>) -> Vec<(HostId, BootId, u64)> {
    seqs.into_iter().map(|seq| (host(host_n), boot(boot_n), seq)).collect()
}
