//! Appending to files. A trait, so that tests can let the disk fail.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use wharden_runtime::fsync::sync_dir;

pub(super) trait Files: Send + 'static {
    /// Opens a file to be appended to after its first `len` bytes; cuts off what is behind them.
    fn open(&mut self, path: &Path, len: u64) -> io::Result<Box<dyn Tail>>;
}

pub(super) trait Tail: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was appended.
    fn sync(&mut self) -> io::Result<()>;
}

/// Files of the system.
pub(super) struct Disk;

impl Files for Disk {
    fn open(&mut self, path: &Path, len: u64) -> io::Result<Box<dyn Tail>> {
        let fresh = !path.exists();
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        if fresh && let Some(dir) = path.parent() {
            sync_dir(dir)?;
        }
        Ok(Box::new(file))
    }
}

impl Tail for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
