//! Limits of the command line. Each says why it is what it is.

use std::time::Duration;

/// Longest wait for a TCP and TLS connection: a controller that is there answers in milliseconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer: more than an election of a leader, less than a person's patience.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for a whole backup to come: a large one over a slow line.
pub const BACKUP_TIMEOUT: Duration = Duration::from_secs(3600);
/// What `events --follow` asks the controller to wait for a first event, in seconds; the API allows 30.
pub const FOLLOW_WAIT_S: u64 = 25;
/// Longest wait for an answer to a waiting call: its wait and the usual patience.
pub const FOLLOW_TIMEOUT: Duration = Duration::from_secs(FOLLOW_WAIT_S + 30);
/// First and longest pause of `events --follow` while the controller does not answer.
pub const FOLLOW_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Things of one page of the inventory: as many as the controller gives.
pub const INVENTORY_PAGE: usize = wharden_model::limits::INVENTORY_PAGE_MAX;
/// Things that are shown to people when they do not say how many.
pub const INVENTORY_SHOWN: usize = 1000;
/// Largest answer that is read, in bytes: a page of 1,000 events of the largest size is below it.
pub const ANSWER_MAX: usize = 32 * 1024 * 1024;
/// Largest file or input that is read, in bytes: far above a policy (48 KiB), far below what hurts.
pub const INPUT_MAX: usize = 1024 * 1024;
/// Longest line that is read from standard input for a secret, in bytes.
pub const SECRET_LINE_MAX: u64 = 4096;
/// Fewest and most characters of a password, as the controller wants them.
pub const PASSWORD_CHARS: (usize, usize) = (12, 256);
/// Times that a person may mistype a code before a login or an enrolment gives up. The pending enrolment itself ends by
/// time.
pub const CODE_ATTEMPTS: u32 = 3;
/// The same for a change that asks for a code: the controller ends the session after five wrong ones.
pub const STEP_UP_ATTEMPTS: u32 = 3;
/// The access token is refreshed when it ends within this time, in milliseconds, so that no call starts with a token
/// that ends on its way.
pub const REFRESH_BEFORE_MS: u64 = 15_000;
/// Longest wait for another `wharden` that is refreshing the same session: longer than its call may take.
pub const LOCK_WAIT: Duration = Duration::from_secs(45);
/// Pause between two looks at the lock.
pub const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for the docker command, which only reads and writes files for what it is asked.
pub const DOCKER_TIMEOUT: Duration = Duration::from_secs(30);
/// Widest text of help, in columns: longer lines are hard to read.
pub const HELP_WIDTH: usize = 100;
/// Longest name or id of a host on the command line, in bytes (RFC 1035 §2.3.4).
pub const HOST_REF_MAX: usize = 253;
/// Difference of clocks, in milliseconds, that `doctor` speaks of.
pub const CLOCK_CAREFUL_MS: u64 = 5_000;
/// Difference from which on codes of an authenticator here are refused: one step of 30 seconds is let pass on each side, and
/// typing takes its time.
pub const CLOCK_WRONG_MS: u64 = 25_000;
