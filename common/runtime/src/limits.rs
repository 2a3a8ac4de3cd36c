//! Limits, each with its reason.

use std::time::Duration;

/// TLS handshakes in progress at once on one listener. A handshake holds about 20 KiB, so this is 20 MiB at worst; more
/// connections wait in the kernel's queue, where they cost nothing.
pub const HANDSHAKES_MAX: usize = 1024;
/// Of these, those from one address: a fourth, so that one that opens connections and says nothing leaves room for the others,
/// and a whole site behind one address still gets in.
pub const HANDSHAKES_PER_SOURCE: usize = HANDSHAKES_MAX / 4;
/// A handshake takes two round trips; one that is not done by now is stuck or hostile.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Connecting to a host that does not answer is given up after this.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after the system refuses a connection for lack of descriptors: trying at once would spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that the kernel holds while handshakes are at their limit.
pub const BACKLOG: u32 = 4096;
/// Longest that tasks may take to end after a stop was asked for, unless the caller says otherwise.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
