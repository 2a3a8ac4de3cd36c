//! The entries that workers write. Each follows from the seed and its place, so that whoever knows the places knows all.

use openraft::{BasicNode, EntryPayload, Membership};
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{RequestId, Timestamp};
use wharden_state::{Actor, AuditCommand, Batch, Command, Entry, State};
use wharden_store::{LogEntry, LogId};

/// The entry at a place.
pub fn entry(seed: u64, log_id: LogId) -> LogEntry {
    let term = log_id.leader_id.term;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ log_id.index.rotate_left(20) ^ term.rotate_left(44));
    let payload = match rng.random_range(0..40) {
        0 => EntryPayload::Blank,
        1 => {
            let nodes: BTreeMap<u64, BasicNode> = [(1, BasicNode::new(format!("peer-{term}.example:7442")))].into();
            EntryPayload::Membership(Membership::new(vec![BTreeSet::from([1])], nodes))
        }
        // Larger than a page of any engine.
        2 => EntryPayload::Normal(Batch((0..4).map(|nth| command(log_id, nth, 60_000)).collect())),
        3 | 4 => EntryPayload::Normal(Batch(vec![command(log_id, 0, rng.random_range(5_000..60_000))])),
        _ => {
            let commands = rng.random_range(1..4);
            EntryPayload::Normal(Batch(
                (0..commands).map(|nth| command(log_id, nth, rng.random_range(1..3000))).collect(),
            ))
        }
    };
    LogEntry { log_id, payload }
}

fn command(log_id: LogId, nth: u64, size: usize) -> Entry {
    let place = (u128::from(log_id.leader_id.term) << 80) | (u128::from(log_id.index) << 16) | u128::from(nth);
    Entry {
        request_id: RequestId::new(format!("{place:032x}")).expect("32 hex digits"),
        actor: Actor::System,
        issued_at: Timestamp(log_id.index),
        if_revision: None,
        origin: None,
        command: Command::Audit(AuditCommand::Refused {
            action: "policy.update".into(),
            resource: "x".repeat(size),
            reason: log_id.to_string(),
        }),
    }
}

/// Applies entries as the store's state machine does.
pub fn apply(state: &mut State, entries: impl IntoIterator<Item = LogEntry>) {
    for entry in entries {
        if let EntryPayload::Normal(batch) = entry.payload {
            for command in &batch.0 {
                // Who asked was answered by the worker, or never.
                drop(state.apply(entry.log_id.index, command));
            }
        }
    }
}

/// A state in few letters.
pub fn digest(state: &State) -> String {
    let bytes = state.to_bytes().expect("a state has string keys only");
    Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
