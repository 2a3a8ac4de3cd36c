//! Sizes and lives, each with its reason.

use std::time::Duration;

/// Largest certificate request read, in bytes. One for a P-256 key is about 250; names in it are ignored anyway.
pub const CSR_MAX: usize = 4 * 1024;
/// Largest certificate read, in bytes. Ours are about 600; a controller may list many names.
pub const CERT_MAX: usize = 32 * 1024;
/// Most names in the certificate of a controller or a guard.
pub const SERVER_NAMES_MAX: usize = 64;
/// Certificates begin this much before they are made, so that a host whose clock is a little slow can use them.
pub const SKEW: Duration = Duration::from_secs(5 * 60);
/// Life of the private CA: hosts that are off for a year must still find it.
pub const CA_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Life of a host's certificate: short, so that a stolen one ends soon even where nobody looks.
pub const HOST_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Longest life of a user's certificate for Docker: a working day. It never outlives the login session either.
pub const USER_LIFETIME: Duration = Duration::from_secs(8 * 3600);
/// Life of the CA that a host makes for its own guard. People fetch it anew with every login, which is daily.
pub const GUARD_CA_LIFETIME: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// Life of the guard's certificate, which that CA makes: nobody but the agent itself is needed to renew it.
pub const GUARD_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Life of a controller's own certificate; it makes a new one when it starts and while it runs.
pub const SERVER_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// Life of the certificate that a controller shows to others. The state names the one that counts, so that a removed
/// controller is refused at once; it ends with the CA.
pub const CONTROLLER_LIFETIME: Duration = CA_LIFETIME;
/// Longest text taken for a token, in bytes. The longest of ours has 115.
pub const TOKEN_TEXT_MAX: usize = 256;
/// Recovery codes that one user gets.
pub const RECOVERY_CODES: usize = 10;
