//! What the policy engine needs of the state.

use std::collections::BTreeMap;
use wharden_model::{BundlePolicy, GroupName, Mode, UserName, decision::KnownUser};
use wharden_policy::Remote;
use wharden_state::State;

/// Every document, by name.
pub fn stored(state: &State) -> Vec<BundlePolicy> {
    let all = state.policies.iter().map(|(name, policy)| BundlePolicy {
        name: name.clone(),
        mode: policy.current.mode,
        text: policy.current.text.clone(),
    });
    all.collect()
}

/// Documents that are not disabled, by name.
pub fn policies(state: &State) -> Vec<BundlePolicy> {
    let mut all = stored(state);
    all.retain(|policy| policy.mode != Mode::Disabled);
    all
}

/// Those who use Docker from elsewhere.
pub fn remote(state: &State) -> Remote {
    let mut remote = Remote::default();
    for (id, session) in &state.docker_sessions {
        if session.ended {
            remote.ended.insert(id.clone());
        } else if session.is_service_account {
            remote.service_accounts.insert(session.user.clone());
        } else {
            remote.users.insert(session.user.clone());
        }
    }
    remote
}

/// Every user with its groups, by name.
pub fn users(state: &State) -> Vec<KnownUser> {
    let mut groups: BTreeMap<&UserName, Vec<GroupName>> = BTreeMap::new();
    for (name, group) in &state.groups {
        for member in &group.members {
            groups.entry(member).or_default().push(name.clone());
        }
    }
    state
        .users
        .iter()
        .map(|(name, user)| KnownUser {
            name: name.clone(),
            groups: groups.remove(name).unwrap_or_default(),
            disabled: user.disabled,
        })
        .collect()
}
