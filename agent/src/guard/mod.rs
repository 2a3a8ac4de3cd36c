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
mod connection;
mod exchange;
mod explain;
mod link;
mod listener;
mod remote;
mod slots;
mod stats;
mod stream;
mod tls;
mod tunnel;

use crate::{bundle::Bundles, caller::UserNames, inventory::Engine, limits::Limits, report::Reporter};
use std::sync::Arc;
use tokio::sync::Semaphore;
use wharden_model::{ClusterId, HostId};
use wharden_runtime::clock::Clock;

pub use listener::{ListenError, Listener, bind};
pub use remote::RemoteListener;
pub use slots::Slots;
pub use stats::Stats;
pub use tls::{GuardTls, GuardTlsError};

/// Everything that the connections of the guard share.
pub struct Guard {
    pub host_id: HostId,
    pub cluster_id: ClusterId,
    /// Name of the host, for people.
    pub host_name: String,
    /// Whom to ask when refused, for people.
    pub contact: String,
    /// Paths of the sockets of the engine and of the guard.
    pub sockets: Vec<String>,
    pub engine: Arc<Engine>,
    pub bundles: Arc<Bundles>,
    pub reporter: Reporter,
    pub names: UserNames,
    pub limits: Limits,
    pub clock: Arc<dyn Clock>,
    pub stats: Stats,
    /// Bytes of bodies that may be held.
    pub buffered: Semaphore,
    pub slots: Slots,
}
