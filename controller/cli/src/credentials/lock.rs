//! One writer at a time, across processes.

use super::CredentialsError;
use crate::limits::{LOCK_PAUSE, LOCK_WAIT};
use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Instant,
};

/// The lock, held until it is dropped.
pub struct Guard {
    _file: File,
}

/// Waits for the lock.
///
/// # Errors
/// [`CredentialsError::Locked`] after [`LOCK_WAIT`]; [`CredentialsError::Write`] when there can be no lock.
pub async fn acquire(path: &Path) -> Result<Guard, CredentialsError> {
    let write = |source| CredentialsError::Write { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(write)?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Guard { _file: file }),
            Err(TryLockError::Error(source)) => return Err(write(source)),
            Err(TryLockError::WouldBlock) if start.elapsed() < LOCK_WAIT => tokio::time::sleep(LOCK_PAUSE).await,
            Err(TryLockError::WouldBlock) => return Err(CredentialsError::Locked { path: path.to_owned() }),
        }
    }
}
