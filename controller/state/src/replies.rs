//! Replies to recent requests, so that a retry changes nothing and hears the same.

use crate::{
    entry::{Actor, Entry, Reply},
    limits,
    shared::Shared,
};
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use wharden_model::RequestId;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecentReplies {
    by_id: OrdMap<RequestId, Shared<(Actor, Reply)>>,
    order: Vector<RequestId>,
}

impl RecentReplies {
    /// The reply to an entry that was applied before. Whoever guesses another's request id gets nothing for it.
    pub fn to(&self, entry: &Entry) -> Option<&Reply> {
        self.by_id.get(&entry.request_id).filter(|known| known.0 == entry.actor).map(|known| &known.1)
    }

    pub fn remember(&mut self, entry: &Entry, reply: Reply) {
        let id = entry.request_id.clone();
        if self.by_id.insert(id.clone(), (entry.actor.clone(), reply).into()).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > limits::REPLIES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }
}
