//! How long and how wide a simulation is, each with its reason.

use std::time::Duration;

/// One turn of each controller, in milliseconds. Nothing arrives sooner than that after it was sent, so that the order of
/// the controllers within a turn does not matter. Turns are what a seed costs: shorter ones mean fewer seeds.
pub const TICK_MS: u64 = 20;
/// Longest time of a healthy network, in milliseconds: messages overtake each other within it.
pub const DELAY_MS: u64 = 20;
/// How long faults go on, in milliseconds of the simulation: some five elections.
pub const FAULTS_MS: u64 = 14_000;
/// After the last fault everything must be in order within this time, in milliseconds: a few elections, one change of
/// membership, one snapshot.
pub const RECOVERY_MS: u64 = 60_000;
/// Clients that ask at the same time.
pub const CLIENTS: u64 = 6;
/// How long a client waits for an answer: sometimes shorter than an election, so that what it asked for may still happen.
pub const PATIENCE: Duration = Duration::from_millis(1500);
/// How often a client asks again under the same id before it gives up.
pub const TRIES: u32 = 6;
/// Controllers at the same time, those that are joining too.
pub const CONTROLLERS_MAX: usize = 5;
/// Log entries between two snapshots: few, so that controllers that come back need one.
pub const SNAPSHOT_EVERY: u64 = 20;
/// Log entries kept behind a snapshot.
pub const LOG_KEEP: u64 = 4;
/// Bytes of one piece of a snapshot: a state has some ten of them.
pub const SNAPSHOT_CHUNK: u64 = 4096;
/// Every so many log entries the whole state is compared between controllers; at the others the audit's head is, which
/// says everything that was applied.
pub const COMPARED_WHOLE_EVERY: u64 = 32;
