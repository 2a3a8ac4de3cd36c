//! Limits of the view of the fleet, each with its reason. Those of one host's things are in `wharden_model::limits`.

use std::time::Duration;

/// Parts of the view, each with its own lock: a search holds up the agents of one part at a time.
pub const SHARDS: usize = 16;
/// Things of a page when the query does not say.
pub const PAGE: usize = 100;
/// Bytes of JSON after which a page ends early: below what controllers take from each other.
pub const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Longest text of a filter, in bytes: a path.
pub const FILTER_MAX: usize = 1024;
/// Pages that are looked through for one that has something which the caller may read. After that the answer is what was
/// found, and where to go on.
pub const ROUNDS_MAX: usize = 8;
/// Bytes of memory that an image is taken to need, its labels and the names that it is found by included.
pub const IMAGE_BYTES: usize = 1536;
/// The same for what is known of a host beside its lists: facts, disks, addresses.
pub const HOST_BYTES: usize = 2048;
/// The same for a volume or a network.
pub const THING_BYTES: usize = 256;
/// Hosts that other controllers are asked about at one time.
pub const ASKED_HOSTS: usize = 1000;
/// Between two looks for hosts that have gone to another controller.
pub const FORGET_EVERY: Duration = Duration::from_secs(30);
