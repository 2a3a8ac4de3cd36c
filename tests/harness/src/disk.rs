//! A small disk that can be filled up and emptied again.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A tmpfs of a fixed size, mounted in a test's folder; unmounted when dropped.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many MiB.
    ///
    /// # Panics
    /// When it cannot be mounted; tests run as root.
    pub fn mount(path: PathBuf, mebibytes: u32) -> Self {
        fs::create_dir_all(&path).expect("mount point");
        let options = format!("size={mebibytes}m,mode=0755");
        let out = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "wharden-test"]).arg(&path).output();
        let out = out.expect("mount runs");
        assert!(out.status.success(), "mount: {}", String::from_utf8_lossy(&out.stderr));
        Self { path }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes until nothing more fits.
    pub fn fill(&self) {
        let mut ballast = File::create(self.path.join("ballast")).expect("file on the small disk");
        // First in large pieces, then to the last byte.
        for piece in [1 << 20, 4096, 1] {
            let bytes = vec![0; piece];
            while ballast.write_all(&bytes).is_ok() {}
        }
    }

    /// Writes until about so many MiB are left.
    pub fn fill_but(&self, mebibytes: u64) {
        let mut ballast = File::create(self.path.join("ballast")).expect("file on the small disk");
        let free = || rustix::fs::statvfs(&self.path).map_or(0, |disk| (disk.f_bavail * disk.f_frsize) >> 20);
        let piece = vec![0; 1 << 20];
        while free() > mebibytes && ballast.write_all(&piece).is_ok() {}
    }

    /// Makes room again.
    pub fn empty(&self) {
        fs::remove_file(self.path.join("ballast")).expect("ballast on the small disk");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since a process of a failed test may still have files open.
        drop(Command::new("umount").arg("--lazy").arg(&self.path).status());
    }
}
