//! Which controllers a host's events go to. Pure.

use sha2::{Digest, Sha256};
use wharden_model::HostId;
use wharden_state::{ControllerStatus, State};

/// Those that have the whole state and stay.
pub fn settled(state: &State) -> impl Iterator<Item = u64> + '_ {
    let takes = |c: &wharden_state::Controller| !c.leaving && c.status != ControllerStatus::Joining;
    state.controllers.members.iter().filter(move |(_, c)| takes(c)).map(|(number, _)| *number)
}

/// The others in the order in which this host's events want them: agents rank controllers in the same way.
pub fn ranked(state: &State, own: u64, host: &HostId) -> Vec<u64> {
    rank(settled(state), own, host)
}

/// The same, of these controllers.
pub fn rank(members: impl Iterator<Item = u64>, own: u64, host: &HostId) -> Vec<u64> {
    let mut others: Vec<u64> = members.filter(|number| *number != own).collect();
    others.sort_by_cached_key(|number| std::cmp::Reverse(weight(host, *number)));
    others
}

/// How much a host wants a controller.
fn weight(host: &HostId, number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(host.as_str());
    hash.update(number.to_be_bytes());
    hash.finalize().into()
}
