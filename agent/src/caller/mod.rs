//! Who is calling: the OS user behind a unix socket, the container that the calling process lives in, or the user that a
//! certificate names.
//!
//! What cannot be told is not guessed: it is nobody, and nobody is refused.
//!
//! Must not know: HTTP, policies.

mod cgroup;
mod names;
mod peer;
mod process;
mod remote;
mod subordinate;
mod workload;
mod workloads;

pub use names::UserNames;
pub use peer::{Holder, Peer};
pub use process::{PeerError, Process};
pub use remote::{Remote, Unwelcome};
pub use workload::{Unidentified, identify};
pub use workloads::Workloads;
