//! Limits of backups.

/// Most recipients of one backup: each adds about 100 bytes and one key agreement.
pub const RECIPIENTS_MAX: usize = 20;
/// Longest first line, in bytes; what is written has less than 1 KiB, and 100 bytes more for each cluster key that was
/// replaced.
pub const HEADER_MAX: usize = 64 * 1024;
/// Largest state that is read out of a backup, in bytes: above 100,000 hosts and a full audit.
pub const STATE_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Largest file of identities, in bytes.
pub const IDENTITIES_MAX: u64 = 64 * 1024;
/// Pieces of a backup on its way to a client that wait before making it waits too; a piece has at most 64 KiB.
pub const PIECES_WAITING: usize = 8;
/// Seconds between two looks at whether a backup is due.
pub const LOOK_S: u64 = 30;
