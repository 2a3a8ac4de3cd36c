//! The engine's socket in a place that only root reaches, and the guard at the place where everybody looks for the engine.
//!
//! ```text
//!            protect                agent takes the place             unprotect
//! (nothing) ─────────▶ wanted ─────────────────────────▶ held ─────────────────▶ restoring ──▶ (nothing)
//!                                 ▲ engine made its socket anew │
//!                                 └─────────────────────────────┘
//! ```
//! The commands only write down what is wanted; whoever holds the data directory, which is the agent while one runs, moves
//! sockets. So there are never two that do, and a socket is moved away only when the guard is there to take its place.
//!
//! Must not know: requests, policies, controllers.

mod command;
mod keeper;
mod place;
mod record;
mod systemd;

pub use command::{ProtectError, protect, unprotect};
pub use keeper::keep;
pub use place::PlaceError;
pub use record::{DEFAULT_FOLDER, Record, Stage};
