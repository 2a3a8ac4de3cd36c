//! Hosts of other controllers for which nothing was found at home: they are planned for here as the hosts of this controller
//! are, and so what is promised to a target counts for both.
//!
//! Whoever has the session of a pressed host plans first. When it is stuck there, one other controller after the other is asked
//! to take it as a guest; one that finds moves for it keeps it, with its advice and what is accepted of it, for as long as it is
//! asked again. It is all or nothing at each, as at home.

use super::{
    accepted::Accepted,
    ask::{Ask, Told},
    view::{Contents, FleetView, SeenHost},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
};
use wharden_capacity::{Host, Moves, moves::Moved};
use wharden_model::{HostId, Timestamp};

/// The other controllers, as far as capacity goes.
pub trait Peers: Send + Sync {
    /// This one's number.
    fn own(&self) -> u64;
    /// Those of the others, in the order in which they are asked.
    fn others(&self) -> Vec<u64>;
    /// What one of them says; `None` when it says nothing.
    fn ask(&self, number: u64, ask: Ask) -> impl Future<Output = Option<Told>> + Send;
}

/// A host with all that a plan and its commands need of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    pub host: Host,
    pub contents: Contents,
    /// Path of its guard's socket.
    pub guard: String,
    /// Earlier moves of its containers.
    pub moved: Vec<Moved>,
}

/// A guest for which moves were found, and those of them that somebody has accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosted {
    pub host: HostId,
    pub accepted: Vec<Accepted>,
}

/// A guest that is here.
#[derive(Clone, Debug)]
pub struct Lodger {
    pub guest: Arc<Guest>,
    /// Number of the controller that has its session.
    pub of: u64,
    /// It is forgotten then.
    pub until: Timestamp,
}

impl Guest {
    /// A host for which nothing was found.
    pub fn new(host: &Host, view: &dyn FleetView, guard: String, moves: &Moves) -> Self {
        let mut contents = view.contents(&host.id).unwrap_or_default();
        let used: BTreeSet<&String> = contents.containers.iter().map(|container| &container.image_id).collect();
        contents.tags.retain(|_, id| used.contains(id));
        (contents.networks, contents.volumes, contents.images) = Default::default();
        let moved = moves.of_all(&host.containers);
        let mut host = host.clone();
        // Of a target; nothing goes to a host that is pressed.
        (host.features, host.images, host.subnets) = Default::default();
        Self { host, contents, guard, moved }
    }
}

/// Who was asked to take what, and what came of it: the round of one plan.
pub struct Round<'a, P> {
    pub peers: &'a P,
    /// Where they were so far.
    pub before: &'a BTreeMap<HostId, u64>,
}

impl<P: Peers> Round<'_, P> {
    /// Asks for each of these one controller after the other, beginning where it was. Gives who has which now.
    pub async fn go(&self, mut homeless: Vec<Guest>) -> BTreeMap<u64, Vec<Hosted>> {
        let others = self.peers.others();
        let mut hosted = BTreeMap::new();
        for (at, number) in others.iter().enumerate() {
            // Those that are with a later one are left to it.
            let later = |guest: &&Guest| {
                self.before.get(&guest.host.id).is_some_and(|holder| others[at + 1..].contains(holder))
            };
            let guests: Vec<Guest> = homeless.iter().filter(|guest| !later(guest)).cloned().collect();
            if guests.is_empty() && !self.before.values().any(|holder| holder == number) {
                continue;
            }
            let ask = Ask::Host { of: self.peers.own(), guests };
            if let Some(Told::Hosted(taken)) = self.peers.ask(*number, ask).await {
                homeless.retain(|guest| !taken.iter().any(|taken| taken.host == guest.host.id));
                hosted.insert(*number, taken);
            }
        }
        hosted
    }
}

/// What this controller sees of its own hosts and of its guests.
pub struct WithGuests<'a> {
    pub view: &'a dyn FleetView,
    pub guests: &'a BTreeMap<HostId, Lodger>,
}

impl FleetView for WithGuests<'_> {
    fn hosts(&self) -> Vec<(HostId, SeenHost)> {
        self.view.hosts()
    }

    fn contents(&self, host: &HostId) -> Option<Contents> {
        let guest = self.guests.get(host).map(|lodger| lodger.guest.contents.clone());
        guest.or_else(|| self.view.contents(host))
    }
}
