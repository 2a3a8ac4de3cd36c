//! Moves that somebody has accepted: their room is kept until they are seen to be done, or too late.

use super::{limits::ACCEPTED_KEPT_S, view::FleetView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use wharden_capacity::{Container, Moves, Reservation};
use wharden_model::{
    HostId, Timestamp, UserName,
    api::{AcceptedMove, CapacityHappening, CapacityRecord},
    capacity::{Advice, Amount},
};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub shown: AcceptedMove,
    pub reservation: Reservation,
}

impl Accepted {
    /// Of advice and the container that it is about, as the fleet knows it.
    pub fn new(advice: Advice, container: Option<&Container>, by: UserName, at: Timestamp) -> Self {
        let gone = advice.source.before.minus(advice.source.after);
        let reservation = Reservation {
            container: advice.container.id.clone(),
            source: advice.source.host.id.clone(),
            target: advice.target.host.id.clone(),
            // Of a container that is not known any more, what the advice says is the most that it can be.
            used: container.map_or(gone, |c| c.used),
            need: container.map_or(gone, |c| c.need),
            ports: container.map_or_else(BTreeSet::new, |c| c.ports.clone()),
            addresses: container.map_or_else(BTreeSet::new, |c| c.addresses.clone()),
            apart: container.map_or_else(BTreeSet::new, |c| c.apart.clone()),
        };
        let until = at.plus_secs(ACCEPTED_KEPT_S);
        Self { shown: AcceptedMove { advice, by, at, until }, reservation }
    }

    /// What it needs on its target.
    pub const fn need(&self) -> Amount {
        self.reservation.need
    }
}

/// Drops what has been done or is too late, and remembers what was done, so that it is not advised back. Of a source that is not
/// `own`, what the target shows is enough.
pub fn settle(
    accepted: &mut Vec<Accepted>,
    moves: &mut Moves,
    view: &dyn FleetView,
    own: impl Fn(&HostId) -> bool,
    now: Timestamp,
) -> Vec<CapacityRecord> {
    let mut records = Vec::new();
    accepted.retain(|accepted| {
        let Advice { container, source, target, .. } = &accepted.shown.advice;
        let (container, target) = (container.clone(), target.host.clone());
        let there = view.contents(&target.id).is_some_and(|contents| {
            contents.containers.iter().any(|c| c.up && c.name == container.name && c.id != container.id)
        });
        // A target that cannot be seen says nothing; a source that still runs it has not let go of it.
        let here = own(&source.host.id)
            && view
                .contents(&source.host.id)
                .is_none_or(|contents| contents.containers.iter().any(|c| c.up && c.id == container.id));
        let record = |what| CapacityRecord { at: now, host: source.host.clone(), what };
        if there && !here {
            moves.record(&container, source.host.id.clone(), target.id.clone(), accepted.need(), now);
            records.push(record(CapacityHappening::Moved { container, target }));
            return false;
        }
        if now >= accepted.shown.until {
            records.push(record(CapacityHappening::Expired { container, target }));
            return false;
        }
        true
    });
    records
}
