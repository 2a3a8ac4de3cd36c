//! How old the keys are and how far a change of the cluster key is, as metrics.

use super::signing::{sealing_since, signing_since};
use wharden_model::Timestamp;
use wharden_state::{KeyChange, State};

/// Name, description and value of each.
pub fn key_gauges(state: &State, now: Timestamp) -> Vec<(&'static str, &'static str, i64)> {
    let age = |since: Timestamp| now.millis_since(since) / 1000;
    let sealing = state.sealing.as_ref();
    let since = sealing_since(state, now);
    let (step, step_since) = match sealing.and_then(|sealing| sealing.change) {
        None => (0, now),
        Some(KeyChange::Offered { at, .. }) => (1, at),
        Some(KeyChange::Resealing) => (2, since),
    };
    let values = [
        ("cluster_key_age_seconds", "Age of the cluster key that seals", age(since)),
        ("signing_key_age_seconds", "Age of the key that signs access tokens", age(signing_since(state, now))),
        ("cluster_key_change", "Change of the cluster key: 0 none, 1 handed out, 2 everything sealed anew", step),
        ("cluster_key_change_seconds", "Time that this step of the change has taken", age(step_since)),
        (
            "cluster_key_values_left",
            "Values that are still sealed with the key before",
            state.sealed_before().count() as u64,
        ),
    ];
    values.map(|(name, help, value)| (name, help, i64::try_from(value).unwrap_or(i64::MAX))).into()
}
