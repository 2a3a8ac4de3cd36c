//! Who this host is: its folder, its key and certificate, and how it came to them.
//!
//! `enroll` makes the key on the host and asks a controller for a certificate; `renew` asks again before it ends.
//!
//! Must not know: the guard, policies.

mod data_dir;
mod enroll;
mod guard_identity;
mod identity;
mod of_cluster;
mod renew;

pub use data_dir::{DataDir, DataDirError, Lock};
pub use enroll::{EnrollError, EnrollOptions, check, enroll};
pub use guard_identity::{GuardIdentity, GuardIdentityError};
pub use identity::{HostFile, HostIdentity, IdentityError};
pub use renew::{RenewError, renew, renew_at};
