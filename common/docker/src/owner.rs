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
    // A network that takes its options from another one may have none of its own, labels too.
    let borrows = body.pointer("/ConfigFrom/Network").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    if let Value::Object(fields) = body
        && makes
        && !borrows
        && let Value::Object(labels) = fields.entry("Labels").or_insert_with(|| Value::Object(Map::new()))
    {
        labels.insert(LABEL.to_owned(), Value::String(owner.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_owner_is_the_askers_and_is_left_out_where_the_engine_takes_no_labels() {
        let mut made = json!({"Labels": {"a": "b", LABEL: "someone else"}});
        put(Action::VolumeCreate, &mut made, "alice");
        assert_eq!(made, json!({"Labels": {"a": "b", LABEL: "alice"}}));
        for (action, body) in [
            (Action::NetworkCreate, json!({"ConfigFrom": {"Network": "n"}})),
            (Action::ServiceUpdate, json!({"Name": "s"})),
        ] {
            let mut same = body.clone();
            put(action, &mut same, "alice");
            assert_eq!(same, body);
        }
    }
}
