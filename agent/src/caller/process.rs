use super::subordinate::counted_as;
use crate::limits::PROC_FILE_MAX;
use nix::sys::socket::{
    getsockopt,
    sockopt::{PeerCredentials, PeerPidfd},
};
use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::PathBuf,
};

/// Ticks of a process's start time in `/proc/<pid>/stat`: a constant of the kernel's interface, `USER_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// Why nothing can be said about the process at the other end.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    #[error("the kernel does not say who is calling: {0}")]
    Credentials(#[source] io::Error),
    #[error("the calling process is in no process namespace that this agent sees: run the agent in the host's")]
    OtherNamespace,
    #[error("the calling process ended before it could be looked at")]
    Gone,
    #[error("process {pid} is younger than the connection: the caller has ended")]
    Reused { pid: u32 },
    #[error("{path} cannot be read: {source}")]
    Proc { path: PathBuf, source: io::Error },
}

/// The process that connected to a unix socket, as the kernel recorded it then.
#[derive(Debug)]
pub struct Process {
    pub uid: u32,
    /// The number under which it is counted.
    pub counted_as: u32,
    pid: u32,
    /// Names the process even when its number is given to another one. Linux 6.5 and later.
    pidfd: Option<OwnedFd>,
    /// Ticks since boot when the connection was accepted.
    accepted: u64,
}

impl Process {
    /// Asks the kernel about a connection.
    ///
    /// # Errors
    /// [`PeerError::Credentials`].
    pub fn of(stream: &impl AsFd) -> Result<Self, PeerError> {
        let credentials = getsockopt(stream, PeerCredentials).map_err(|e| PeerError::Credentials(e.into()))?;
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
        Ok(Self {
            uid: credentials.uid(),
            counted_as: counted_as(credentials.uid()),
            pid: u32::try_from(credentials.pid()).unwrap_or_default(),
            pidfd: getsockopt(stream, PeerPidfd).ok(),
            accepted: u64::try_from(now.tv_sec).unwrap_or_default() * TICKS_PER_SECOND
                + nanos * TICKS_PER_SECOND / 1_000_000_000,
        })
    }

    /// Reads about the process, and makes sure before and after that it is still the one that connected.
    ///
    /// # Errors
    /// [`PeerError`].
    pub fn inspect<T>(&self, read: impl FnOnce(u32) -> Result<T, PeerError>) -> Result<T, PeerError> {
        self.check()?;
        let value = read(self.pid)?;
        // It is shown in the root's control groups from then on, whatever container it is in (control groups v1).
        let is_exiting = is_exiting(self.pid)?;
        self.check()?;
        if is_exiting { Err(PeerError::Gone) } else { Ok(value) }
    }

    fn check(&self) -> Result<(), PeerError> {
        if self.pid == 0 {
            return Err(PeerError::OtherNamespace);
        }
        match &self.pidfd {
            Some(pidfd) => {
                let info = read_proc(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
                let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).unwrap_or_default();
                if pid.trim() == self.pid.to_string() { Ok(()) } else { Err(PeerError::Gone) }
            }
            None if start_time(self.pid)? > self.accepted => Err(PeerError::Reused { pid: self.pid }),
            None => Ok(()),
        }
    }
}

/// `PF_EXITING` of the kernel's `include/linux/sched.h`.
const EXITING: u64 = 0x4;

/// Ticks since boot.
fn start_time(pid: u32) -> Result<u64, PeerError> {
    stat_field(pid, 22)
}

/// It, or its first thread, has ended or is about to.
fn is_exiting(pid: u32) -> Result<bool, PeerError> {
    Ok(stat_field(pid, 9)? & EXITING != 0)
}

/// A field of `/proc/<pid>/stat`, proc(5), by its number there, from the third on.
fn stat_field(pid: u32, number: usize) -> Result<u64, PeerError> {
    let stat = read_proc(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, which may hold anything.
    let after = stat.rfind(')').and_then(|at| stat.get(at + 1..)).unwrap_or_default();
    after.split_ascii_whitespace().nth(number - 3).and_then(|n| n.parse().ok()).ok_or(PeerError::Gone)
}

/// The text of a file in `/proc`.
pub(super) fn read_proc(path: impl Into<PathBuf>) -> Result<String, PeerError> {
    let path = path.into();
    let mut text = String::new();
    let read = File::open(&path).and_then(|file| file.take(PROC_FILE_MAX).read_to_string(&mut text));
    read.map(|_| text).map_err(|source| PeerError::Proc { path, source })
}

/// True when a process shares a namespace, e.g. `pid`, with this one.
pub(super) fn same_namespace(pid: u32, kind: &str) -> Result<bool, PeerError> {
    let read = |path: PathBuf| fs::read_link(&path).map_err(|source| PeerError::Proc { path, source });
    Ok(read(format!("/proc/{pid}/ns/{kind}").into())? == read(format!("/proc/self/ns/{kind}").into())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        os::unix::net::UnixStream,
        thread::sleep,
        time::{Duration, Instant},
    };

    #[test]
    fn the_peer_of_a_socket_pair_is_this_process() {
        let (a, _b) = UnixStream::pair().expect("pair");
        let peer = Process::of(&a).expect("credentials");
        assert_eq!(peer.pid, std::process::id());
        assert!(peer.inspect(Ok).is_ok());
    }

    #[test]
    fn a_process_younger_than_the_connection_is_not_the_caller() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let late = Process { uid: 0, counted_as: 0, pid: child.id(), pidfd: None, accepted: 1 };
        assert!(matches!(late.inspect(Ok), Err(PeerError::Reused { .. })));
        let early = Process { accepted: u64::MAX, ..late };
        assert!(early.inspect(Ok).is_ok());
        child.kill().expect("kill");
        // Not waited for yet: its number is still its own.
        let ended = || early.inspect(Ok).is_err();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !ended() {
            assert!(Instant::now() < deadline, "a process that has ended is still the caller");
            sleep(Duration::from_millis(5));
        }
        child.wait().expect("wait");
        assert!(ended());
    }
}
