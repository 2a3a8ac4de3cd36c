//! TCP ports that stay a test's own while its programs stop and start again.
//!
//! Outgoing connections and listeners that name no port take theirs from the kernel's range (`ip_local_port_range`, 32768
//! and above), so a port of that range that was free a moment ago may be gone when a program comes back to it. These come
//! from below it, each held by a file lock until the test's process ends.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::Path,
    process,
    sync::{Mutex, PoisonError},
};

const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;
const LOCKS: &str = "/tmp/wharden-test-ports";

/// Locks that this process holds, and where it looks next.
static HELD: Mutex<(Vec<File>, Option<u16>)> = Mutex::new((Vec::new(), None));

/// A port of 127.0.0.1 that no other test takes while this process runs.
///
/// # Panics
/// When all are taken.
pub fn free_port() -> u16 {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let (locks, next) = &mut *held;
    // Neighbours by process id do not begin at the same place.
    let from = next.unwrap_or_else(|| u16::try_from(process::id() % 400 * 50).unwrap_or(0));
    fs::create_dir_all(LOCKS).expect("folder of the locks");
    let (step, port, lock) = (0..COUNT)
        .find_map(|step| {
            let port = FIRST + (from + step) % COUNT;
            Some((step, port, take(port)?))
        })
        .expect("a free port");
    *next = Some((from + step + 1) % COUNT);
    locks.push(lock);
    port
}

/// Its lock, when nobody has it and nobody listens there.
fn take(port: u16) -> Option<File> {
    let lock = File::create(Path::new(LOCKS).join(port.to_string())).ok()?;
    lock.try_lock().ok()?;
    TcpListener::bind(("127.0.0.1", port)).ok()?;
    Some(lock)
}
