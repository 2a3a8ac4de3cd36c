//! The enforcement point: a unix socket, and TLS on TCP where wanted, that speaks the engine's API, judges every request, and sends on exactly what it
//! has judged.
//!
//! Place in the path of data: head → routed → body → canonical form → looked up → judged → decided → engine, or a
//! refusal that says why. Nothing that the client wrote reaches the engine as it was written, except the content of
//! bodies that stream.
//!
//! Must not know: where bundles come from, where events go.

mod admit;
mod answer;
mod case;
mod claims;
mod connection;
mod disabled;
mod exchange;
mod execs;
mod explain;
mod files;
mod image_names;
mod keep;
mod link;
mod listener;
mod load;
mod maker;
mod past;
mod remote;
mod room;
mod sieve;
mod slots;
mod stats;
mod still;
mod stream;
mod tls;
mod tunnel;
mod turns;
mod undecided;
mod underway;
mod valve;
mod volumes;
mod whole;

use crate::{
    break_glass::{BreakGlass, Grant},
    bundle::Bundles,
    caller::{UserNames, Workloads},
    inventory::{Engine, ImageOwners, LastLabels},
    limits::Limits,
    report::Reporter,
};
use arc_swap::ArcSwap;
use std::{collections::BTreeSet, path::PathBuf, sync::Arc};
use wharden_model::{ClusterId, HostId, Timestamp};
use wharden_runtime::clock::Clock;

pub(crate) use case::{Case, Refused, Who};
pub use claims::Claims;
pub use disabled::cut_off;
pub use execs::Execs;
pub use listener::{ListenError, Listener, Place, bind, bind_over};
pub use load::LoadPlaces;
pub use remote::RemoteListener;
pub use room::Room;
pub use slots::{Doorway, Slots};
pub use stats::Stats;
pub use tls::{GuardTls, GuardTlsError};
pub use turns::Turns;
pub use valve::Valve;

/// Everything that the connections of the guard share.
pub struct Guard {
    pub host_id: HostId,
    pub cluster_id: ClusterId,
    /// Name of the host, for people.
    pub host_name: String,
    /// Whom to ask when refused, for people.
    pub contact: String,
    /// Sockets of the engine and of the agent, and folders with their data.
    pub private: ArcSwap<Vec<String>>,
    pub engine: Arc<Engine>,
    /// Who made which image.
    pub owners: Arc<ImageOwners>,
    /// Of volumes and networks.
    pub labels: Arc<LastLabels>,
    pub bundles: Arc<Bundles>,
    pub reporter: Reporter,
    pub names: UserNames,
    pub workloads: Workloads,
    pub limits: Limits,
    pub clock: Arc<dyn Clock>,
    pub stats: Stats,
    /// Memory for what is held of requests and answers, see there.
    pub room: Room,
    /// The same for image archives that are being loaded.
    pub loads: Room,
    /// Image archives that are on their way to the engine.
    pub loading: LoadPlaces,
    /// Other archives that the engine packs or unpacks.
    pub archives: Slots,
    /// Who made which exec.
    pub execs: Execs,
    /// Whose sessions and builds go on.
    pub claims: Claims,
    /// Requests of each user that are being decided.
    pub deciding: Turns,
    /// Containers of each owner that are being made: what a volume is and who has it must not change before the engine is done.
    pub creating: Turns<String>,
    /// Requests that mount, make or remove a volume of a name.
    pub naming: Turns<String>,
    /// Requests by which the engine finds an image by a name, or gives that name.
    pub image_names: Turns<String>,
    /// Containers that are copied from or into, or started.
    pub still: Turns<String>,
    /// Lists of each user that the engine makes, and large descriptions.
    pub listing: Turns,
    /// The same of those for which the engine goes through files, so that nobody waits for these with others.
    pub walking: Turns,
    /// Streams of the engine's events.
    pub events: Slots,
    pub connections: Slots,
    /// Their tasks.
    pub valve: Valve,
    pub doorway: Doorway,
    pub break_glass: BreakGlass,
}

impl Guard {
    /// What stays out of reach of containers now, the engine's own folder too.
    pub(crate) fn out_of_reach(&self) -> Arc<Vec<String>> {
        let known = self.private.load_full();
        match self.engine.root() {
            Some(root) if !known.iter().any(|path| **path == *root.to_string_lossy()) => {
                self.hide([root.as_ref()]);
                self.private.load_full()
            }
            _ => known,
        }
    }

    /// What lets an account of this host pass now where a policy would refuse it.
    pub(crate) fn grant_of(&self, uid: u32) -> Option<Grant> {
        self.break_glass.covers(uid, Timestamp(self.clock.now()))
    }

    /// Counts more paths among those that stay out of reach of containers.
    pub(crate) fn hide<'p>(&self, paths: impl IntoIterator<Item = &'p PathBuf>) {
        let paths: BTreeSet<_> = paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let known = self.private.load();
        if paths.iter().all(|path| known.contains(path)) {
            return;
        }
        // Again for as long as another thread has put in something meanwhile.
        self.private.rcu(|known| {
            let more = paths.iter().filter(|path| !known.contains(path));
            known.iter().chain(more).cloned().collect::<Vec<_>>()
        });
    }
}
