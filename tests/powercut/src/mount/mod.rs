//! A mounted [`Disk`], the faults that it shows, and the switch of its power.

mod fuse;

use crate::disk::Disk;
use anyhow::{Context, ensure};
use fuser::{BackgroundSession, Config, Errno, MountOption};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const DEVICE: &str = "/dev/fuse";
/// Threads that answer the kernel: one that waits in a slow fsync must not hold up the rest.
const THREADS: usize = 3;

/// What goes wrong, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// After so many changes and syncs [`Power::wait_for_moment`] returns.
    pub moment: Option<u64>,
    /// The power goes off at that moment; otherwise the disk works on.
    pub cut: bool,
    /// Each fsync takes this long.
    pub sync_takes: Duration,
    /// The next fsync of a file fails, and what it was about is lost.
    pub sync_fails: bool,
}

/// The disk and its switch, shared by the mount and whoever watches it.
#[derive(Debug)]
pub struct Power {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    disk: Disk,
    faults: Faults,
    /// Changes and syncs so far.
    done: u64,
    is_moment: bool,
    is_off: bool,
}

impl Power {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on there is room for so many bytes more than there are, or for any.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let disk = &mut self.lock().disk;
        let capacity = bytes.map_or(u64::MAX, |bytes| disk.used() + bytes);
        disk.set_capacity(capacity);
    }

    /// From now on each fsync takes so long.
    pub fn slow_down(&self, sync_takes: Duration) {
        self.lock().faults.sync_takes = sync_takes;
    }

    /// The next fsync of a file fails.
    pub fn fail_next_sync(&self) {
        self.lock().faults.sync_fails = true;
    }

    /// Waits for the moment; false when it does not come in time, or `given_up` says that it never will.
    pub fn wait_for_moment(&self, limit: Duration, given_up: impl Fn() -> bool) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        while !state.is_moment {
            if Instant::now() >= end || given_up() {
                return false;
            }
            let waited = self.changed.wait_timeout(state, Duration::from_millis(5));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Nothing that is asked from now on happens.
    pub fn off(&self) {
        self.lock().is_off = true;
        self.changed.notify_all();
    }

    fn read<T>(&self, read: impl FnOnce(&Disk) -> Result<T, Errno>) -> Result<T, Errno> {
        let state = self.lock();
        if state.is_off { Err(Errno::EIO) } else { read(&state.disk) }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Disk) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut state = self.lock();
        if state.is_off {
            return Err(Errno::EIO);
        }
        // A change at the moment of the cut was under way; nobody hears of it.
        let done = change(&mut state.disk);
        self.count(&mut state);
        if state.is_off { Err(Errno::EIO) } else { done }
    }

    fn sync(&self, ino: u64, is_file: bool) -> Result<(), Errno> {
        let mut state = self.lock();
        let end = Instant::now() + state.faults.sync_takes;
        while !state.is_off && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !state.is_off {
            self.count(&mut state);
        }
        if state.is_off {
            return Err(Errno::EIO);
        }
        if is_file && state.faults.sync_fails {
            state.faults.sync_fails = false;
            state.disk.fail_sync(ino).map_err(fuse::errno)?;
            return Err(Errno::EIO);
        }
        state.disk.sync(ino).map_err(fuse::errno)
    }

    fn count(&self, state: &mut State) {
        state.done += 1;
        if state.faults.moment == Some(state.done) {
            state.is_moment = true;
            state.is_off = state.faults.cut;
            self.changed.notify_all();
        }
    }
}

/// A disk in a folder of its own, until it is dropped or taken out.
pub struct Mount {
    power: Arc<Power>,
    session: Option<BackgroundSession>,
    path: PathBuf,
    /// Removed with the mount, if it was made for it.
    _folder: Option<TempDir>,
}

impl Mount {
    /// Mounts a disk in a folder of its own.
    ///
    /// # Errors
    /// When this machine has no FUSE or the right to mount is missing. Nothing is proven then, so a test has to fail.
    pub fn new(disk: Disk, faults: Faults) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("powercut-").tempdir().context("a folder to mount on")?;
        let mount = Self::at(folder.path(), disk, faults)?;
        Ok(Self { _folder: Some(folder), ..mount })
    }

    /// Mounts a disk on a folder that is there.
    ///
    /// # Errors
    /// As [`Mount::new`].
    pub fn at(path: &Path, disk: Disk, faults: Faults) -> anyhow::Result<Self> {
        ensure!(
            Path::new(DEVICE).exists(),
            "{DEVICE} is not here, so no power can be cut: load the module `fuse` and give this machine the device"
        );
        let state = State { disk, faults, done: 0, is_moment: false, is_off: false };
        let power = Arc::new(Power { state: Mutex::new(state), changed: Condvar::new() });
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("powercut".to_owned()), MountOption::DefaultPermissions];
        config.n_threads = Some(THREADS);
        let session = fuser::spawn_mount(fuse::Files(Arc::clone(&power)), path, &config)
            .context("the disk cannot be mounted through /dev/fuse: run this as root")?;
        Ok(Self { power, session: Some(session), path: path.to_owned(), _folder: None })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn power(&self) -> &Power {
        &self.power
    }

    /// Unmounts. No process may use the disk any more.
    ///
    /// # Errors
    /// When one does.
    pub fn take_out(mut self) -> anyhow::Result<Disk> {
        if let Some(session) = self.session.take() {
            session.umount_and_join().context("the disk cannot be unmounted")?;
        }
        let Self { power, .. } = self;
        let power = Arc::into_inner(power).context("somebody still watches the disk")?;
        Ok(power.state.into_inner().unwrap_or_else(PoisonError::into_inner).disk)
    }
}
