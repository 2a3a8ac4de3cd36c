//! Replies to recent requests, so that a retry changes nothing and hears the same.

use crate::{entry::Reply, limits};
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use wharden_model::RequestId;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecentReplies {
    by_id: OrdMap<RequestId, Reply>,
    order: Vector<RequestId>,
}

impl RecentReplies {
    pub fn get(&self, id: &RequestId) -> Option<&Reply> {
        self.by_id.get(id)
    }

    pub fn remember(&mut self, id: RequestId, reply: Reply) {
        self.by_id.insert(id.clone(), reply);
        self.order.push_back(id);
        while self.order.len() > limits::REPLIES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }
}
