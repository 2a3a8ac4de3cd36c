//! Break-glass: root at the console lets one OS user pass the guard for a while, with no controller and no bundle.
//!
//! Place in the path of data: asked after a decision that denies, never before one; so that what passes is still judged,
//! and its event says what it would have been. Begin and end become notices, which stay on disk until a controller has put
//! them into the audit.
//!
//! It ends by the earliest of: the wall clock, the time that the system has run since (which nobody can set, so that
//! setting the clock back does not make it longer), the next boot, and `--end`.
//!
//! Must not know: policies, requests.

mod command;
mod grant;
mod notices;
mod watch;

pub use command::{BreakGlassError, parse_lasts, run as command};
pub use grant::{BreakGlass, Grant, Moment};
pub use notices::{Notices, Pending};
pub use watch::watch;
