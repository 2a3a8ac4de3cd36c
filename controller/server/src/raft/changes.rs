//! What changed, for those who watch, when the state was replaced as a whole by a snapshot.

use wharden_state::{Change, State};

/// Everything that a watcher acts on and that differs.
pub(super) fn between(old: &State, new: &State) -> Vec<Change> {
    let mut changes = Vec::new();
    let revoked = |state: &State, id| state.hosts.get(id).is_none_or(|host| host.revoked_at.is_some());
    for id in old.hosts.keys() {
        if !revoked(old, id) && revoked(new, id) {
            changes.push(Change::HostRevoked(id.clone()));
        }
    }
    for id in old.sessions.keys().filter(|id| !new.sessions.contains_key(*id)) {
        changes.push(Change::SessionEnded(id.clone()));
    }
    if old.policy_revision != new.policy_revision {
        changes.push(Change::Policy(new.policy_revision));
    }
    if old.controllers != new.controllers {
        changes.push(Change::Controllers);
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::HostId;

    fn state(revoked: Option<bool>, revision: u64, numbers: u64) -> State {
        let mut state = State::default();
        (state.policy_revision, state.controllers.last_number) = (revision, numbers);
        if let Some(revoked) = revoked {
            let host = serde_json::json!({
                "name": "web", "labels": {}, "posture": "observe", "token": "jt-000000000000", "enrolled_at": 0,
                "serial": "b", "certificate_expires_at": 200_000, "revoked_at": revoked.then_some(1)
            });
            let id = HostId::new("h-0000000000000001").expect("id");
            state.hosts.insert(id, serde_json::from_value(host).expect("host"));
        }
        state
    }

    #[test]
    fn a_snapshot_says_what_a_watcher_missed() {
        let held = state(Some(false), 3, 1);
        assert_eq!(between(&held, &held), []);
        let id = HostId::new("h-0000000000000001").expect("id");
        let expected = [Change::HostRevoked(id), Change::Policy(4), Change::Controllers];
        assert_eq!(between(&held, &state(Some(true), 4, 2)), expected);
        assert_eq!(between(&held, &state(None, 4, 2)), expected, "a host that is gone may not come back either");
        assert_eq!(between(&state(None, 3, 1), &state(Some(true), 3, 1)), [], "it was never seen");
    }
}
