//! Who made a thing, as a label on it that clients can neither set nor take away.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use wharden_model::Action;

/// The label. On images it is ignored when a container is made from them.
pub const LABEL: &str = "io.wharden.owner";

/// The owner that a label names; empty when nobody is known to be.
pub fn of(labels: &BTreeMap<String, String>) -> String {
    labels.get(LABEL).cloned().unwrap_or_default()
}

/// Puts the owner on what an action makes, whatever the request said about it.
pub fn put(action: Action, body: &mut Value, owner: &str) {
    let makes = matches!(
        action,
        Action::ContainerCreate
            | Action::VolumeCreate
            | Action::NetworkCreate
            | Action::ServiceCreate
            | Action::SecretCreate
            | Action::ConfigCreate
    );
    if let Value::Object(fields) = body
        && makes
        && let Value::Object(labels) = fields.entry("Labels").or_insert_with(|| Value::Object(Map::new()))
    {
        labels.insert(LABEL.to_owned(), Value::String(owner.to_owned()));
    }
}
