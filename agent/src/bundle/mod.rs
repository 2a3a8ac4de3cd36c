//! The bundle that this host enforces: verified, compiled, kept on disk, swapped in one step.
//!
//! Must not know: how it came here, who is calling the guard.

mod directory;
mod file;
mod held;
mod readings;
mod verify;

pub use directory::{Barred, Directory};
pub use file::FileError;
pub use held::{BundleError, Bundles, Held, clear};
pub use verify::{Offer, Owner, VerifyError, verify};
