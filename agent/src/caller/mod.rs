//! Who is calling: the OS user behind a unix socket, or the container that the calling process lives in.
//!
//! What cannot be told is not guessed: it is nobody, and nobody is refused.
//!
//! Must not know: HTTP, policies.

mod cgroup;
mod names;
mod peer;
mod workload;

pub use names::UserNames;
pub use peer::{Peer, PeerError};
pub use workload::{Unidentified, identify};
