//! How long the harness waits before it calls something broken. Tests check behaviour, never speed: each of these is
//! many times what the slowest machine needs.

use std::time::Duration;

/// A process that was started must be ready.
pub const READY: Duration = Duration::from_secs(60);
/// A process that was told to stop must have ended; then it is killed.
pub const STOP: Duration = Duration::from_secs(20);
/// A change must have reached everything that it concerns.
pub const SETTLE: Duration = Duration::from_secs(30);
/// A controller must have seen something on a host: it looks every half minute, and agents under pressure measure less often.
pub const LOOKS: Duration = SETTLE.saturating_mul(5);
/// One command of a client must have ended; then it is killed and the test fails.
pub const COMMAND: Duration = Duration::from_secs(120);
/// One REST call must have been answered.
pub const CALL: Duration = Duration::from_secs(60);
/// Between two looks at a condition.
pub const POLL: Duration = Duration::from_millis(25);
/// Lines of each log that a failure shows.
pub const LOG_TAIL: usize = 60;
/// Seconds of a TOTP step (RFC 6238 §5.2).
pub const TOTP_STEP: u64 = 30;
