//! Requests whose answer is the very description that they are judged by: to look at one thing. The engine is asked once,
//! and its answer serves both; nothing of it goes to the client before the decision.
//!
//! So there is no moment between the two in which a name could come to mean another thing.

use crate::{canonical::Canonical, listing::describes, lookup, query::Query, view::Lookup};

/// Whether the answer must be asked for by itself. Parameters ask for more: sizes, other scopes, other platforms.
pub fn asks_more(method: &str, query: &Query) -> bool {
    method != "GET" || query.pairs().next().is_some()
}

impl Canonical {
    /// Where the engine answers this request, as it is spelled, and what that answer describes. `None` where the answer
    /// tells of more than one thing, as that of a network does, or where one description is not enough to judge.
    pub fn own_answer(&self) -> Option<(String, Lookup)> {
        if !describes(self.action()) || asks_more(&self.method, &self.query) {
            return None;
        }
        let mut wanted = lookup::of_request(self).into_iter();
        match (wanted.next(), wanted.next()) {
            (Some(one), None) => Some((self.full_path(&self.path), one)),
            _ => None,
        }
    }
}
