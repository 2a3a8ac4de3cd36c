//! Counts what containers wrote themselves, outside of volumes: what is to be carried when one moves.
//!
//! The engine knows it only by walking through the files of the container's layer. So one container is counted after the
//! other, each rarely, with long rests between; while the host or the agent is under pressure only those that never were, with
//! longer ones.

use super::{Engine, told::Told};
use crate::limits::{INVENTORY_STRAINED_WAIT, LAYER_EVERY, LAYER_FAILED, LAYER_PAUSE, LAYER_REST};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::time::{Instant, sleep};

/// See the module.
pub struct Layers {
    engine: Arc<Engine>,
    told: Arc<Told>,
    due: Due,
}

/// When each container is to be counted again.
#[derive(Default)]
struct Due(BTreeMap<String, Instant>);

impl Layers {
    /// Does not count yet.
    pub fn new(engine: Arc<Engine>, told: Arc<Told>) -> Self {
        Self { engine, told, due: Due::default() }
    }

    /// Counts, for ever.
    pub async fn run(mut self) {
        loop {
            let strained = self.told.is_strained();
            sleep(if strained { INVENTORY_STRAINED_WAIT } else { LAYER_PAUSE }).await;
            let began = Instant::now();
            let due = &mut self.due;
            let next = self.told.look(|ledger| {
                let ids = ledger.container_ids().map(String::as_str).collect();
                due.next(&ids, began, !strained)
            });
            let Some(id) = next else { continue };
            let counted = self.count(&id).await;
            let again = if counted { LAYER_EVERY } else { LAYER_FAILED };
            self.due.0.insert(id, Instant::now() + again);
            sleep(began.elapsed() * LAYER_REST).await;
        }
    }

    /// False when the engine has not said it.
    async fn count(&self, id: &str) -> bool {
        let answer = self.engine.get(&format!("/containers/{id}/json?size=1")).await;
        let bytes = match answer {
            Ok(json) => json.get("SizeRw").and_then(Value::as_u64),
            Err(error) => {
                tracing::debug!(container = id, %error, "what a container wrote could not be counted");
                None
            }
        };
        let mut news = false;
        if let Some(bytes) = bytes {
            self.told.change(|ledger| news = ledger.put_layer(id, bytes));
        }
        if news {
            self.told.announce();
        }
        bytes.is_some()
    }
}

impl Due {
    /// Of these containers one that is new, or else, if `again`, the one that waits longest, if it is due. Those that are gone
    /// are forgotten.
    fn next(&mut self, ids: &BTreeSet<&str>, now: Instant, again: bool) -> Option<String> {
        self.0.retain(|id, _| ids.contains(id.as_str()));
        if let Some(new) = ids.iter().find(|id| !self.0.contains_key(**id)) {
            return Some((*new).to_owned());
        }
        let (id, due) = self.0.iter().min_by_key(|(_, due)| **due)?;
        (again && *due <= now).then(|| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ones_come_first_then_whoever_waits_longest() {
        let ids = |text: &'static str| text.split(' ').collect::<BTreeSet<_>>();
        let (mut due, now) = (Due::default(), Instant::now());
        assert_eq!(due.next(&ids("a b"), now, false), Some("a".to_owned()));
        due.0.insert("a".to_owned(), now + LAYER_EVERY);
        assert_eq!(due.next(&ids("a b"), now, false), Some("b".to_owned()));
        due.0.insert("b".to_owned(), now + LAYER_FAILED);
        assert_eq!(due.next(&ids("a b"), now, false), None);
        assert_eq!(due.next(&ids("a b"), now + LAYER_FAILED, false), None, "under pressure");
        assert_eq!(due.next(&ids("a b"), now + LAYER_FAILED, true), Some("a".to_owned()));
        assert_eq!(due.next(&ids("b"), now + LAYER_EVERY, true), None);
        assert_eq!(due.0.len(), 1, "what is gone is forgotten");
    }
}
