//! Lets go of hosts that have gone to another controller, or for ever.

use super::{
    answer::Sign,
    limits::{ASKED_HOSTS, FORGET_EVERY},
};
use crate::{
    cluster::ask_all,
    fleet::Fleet,
    peers::{Reply, Request, limits::LIST_LIMIT},
    raft::Raft,
};
use std::collections::BTreeMap;
use tokio::time::sleep;
use wharden_model::HostId;

/// Looks from time to time, for ever. What a host that nobody hears any more had, stays: it is how it was.
pub async fn forget_moved(raft: Raft, fleet: Fleet) {
    loop {
        sleep(FORGET_EVERY).await;
        forget(&raft, &fleet).await;
    }
}

async fn forget(raft: &Raft, fleet: &Fleet) {
    let state = raft.state();
    let (mut away, mut gone) = (Vec::new(), 0);
    for id in fleet.inventory().hosts() {
        if state.hosts.get(&id).is_none_or(|host| host.revoked_at.is_some()) {
            fleet.inventory().forget(&id);
            gone += 1;
        } else if !fleet.sign(&id).connected {
            away.push(id);
        }
    }
    for some in away.chunks(ASKED_HOSTS) {
        let answers = ask_all(raft, |number| async move {
            match raft.ask(number, Request::Heard { hosts: some.to_vec() }, LIST_LIMIT).await {
                Ok(Reply::Heard(signs)) => Some(signs),
                _ => None,
            }
        });
        let mut best: BTreeMap<HostId, Sign> = BTreeMap::new();
        for (id, sign) in answers.await.into_values().flatten() {
            let held = best.entry(id).or_default();
            *held = (*held).max(sign);
        }
        // Looked at again: it may have come back meanwhile.
        for (id, _) in best.into_iter().filter(|(id, sign)| *sign > fleet.sign(id)) {
            fleet.inventory().forget(&id);
            gone += 1;
        }
    }
    if gone > 0 {
        tracing::debug!(hosts = gone, "the inventory of hosts that are elsewhere was let go");
    }
}
