use crate::decision::DecisionEvent;
use serde::{Deserialize, Serialize};

/// `GET /v1/events?…` with the parameters of [`crate::EventQuery`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<DecisionEvent>,
    /// Pass as `after` to go on; present even when `events` is empty.
    pub next: String,
    /// More can be had right now.
    pub more: bool,
    /// Controllers that did not answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreachable: Vec<u64>,
    /// Events that only those hold may be missing. Without it everything is here: each event is held by two.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}
