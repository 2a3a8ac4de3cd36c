//! Limits of the simulation, each with its reason.

use std::time::Duration;

/// Hosts of one process: each is an open file, of which a process has 20,000 on the machines that this runs on.
pub const HOSTS_PER_PROCESS: usize = 19_500;
/// Hosts of one process that connect at one time. Agents connect with a processor of their own each; here they share one
/// with all others, and a handshake that waits for it would be measured as a slow controller.
pub const DIALS: usize = 256;
/// Hosts behind one source address: half of the ports that an address has for connections to one controller.
pub const HOSTS_PER_ADDRESS: usize = 12_000;
/// Flow-control window of a session, in bytes: a whole bundle in one go.
pub const WINDOW: u32 = 1024 * 1024;
/// Bundles that are kept verified and compiled.
pub const BUNDLES_KEPT: usize = 256;
/// Between two looks at whether hosts have got where they should.
pub const LOOK: Duration = Duration::from_millis(10);
/// Between two requests of the one who asks all the time, to see whether somebody has to wait.
pub const PROBE: Duration = Duration::from_millis(250);
/// Longest time that a step may take before the run is given up.
pub const STEP: Duration = Duration::from_secs(600);
/// Longest wait at the end of a run for the acknowledgement of the last events.
pub const SETTLE: Duration = Duration::from_secs(120);
/// Events that a host holds which could not be sent yet; older ones are lost, as they are with an agent.
pub const SPOOL: u64 = 20_000;
