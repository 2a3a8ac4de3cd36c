//! Limits, each with its reason.

use std::time::Duration;

/// Memory that the database may use for its cache, in bytes. The log is short and read at its end, so more would be idle.
pub const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Largest command, in bytes as JSON. Sled keeps pages above about 128 KiB in files of their own, which are slower. The
/// one who proposes refuses larger ones; see [`crate::Store::command_size`].
pub const COMMAND_MAX: usize = 64 * 1024;
/// Bytes of changes that redb keeps in memory without a barrier. Only what need not be durable waits for long, and that is
/// one record, so this is never reached by a log; it bounds what anything else could do.
pub const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// Size of the journal before redb, in bytes. When it is full, redb gets what it holds, in one commit: once in
/// some thousand changes. It is read as a whole at a start, and is in memory until redb has it.
pub const JOURNAL_BYTES: usize = 1024 * 1024;
/// Jobs that wait for the writer. Whoever adds one more waits; Raft itself has only a few under way.
pub const WRITER_QUEUE: usize = 64;
/// Most jobs that share one barrier.
pub const GROUP_MAX: usize = 64;
/// Snapshots kept: if the newest is damaged, the one before still works while the log reaches back to it.
pub const SNAPSHOTS_KEPT: usize = 2;
/// Bytes of entries that one read for a peer returns, at least one entry: a message to a peer must stay small enough to
/// arrive within an election timeout.
pub const READ_BYTES: usize = 1024 * 1024;
/// Newest entries that are kept in memory, so that they are not read back from the disk to be sent and applied…
pub const TAIL_ENTRIES: usize = 512;
/// …and their bytes on the disk. Entries that the disk does not have yet come on top: one leader has few under way.
pub const TAIL_BYTES: usize = 4 * 1024 * 1024;
/// Longest that a write and its barrier may take. A disk that takes longer is as good as broken: the others have elected
/// another leader long before.
pub const WRITE_LIMIT: Duration = Duration::from_secs(30);
