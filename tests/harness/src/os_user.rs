//! OS users that clients run as. The guard takes the name of who asks from the kernel, so they must be real.

use nix::unistd::User;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
};

/// What the names of all users that tests make begin with.
pub const PREFIX: &str = "wharden-t-";
/// The first of the numbers that [`OsUser::mapping`] gives away; no account has one of them.
pub const FIRST_MAPPED: u32 = 1_000_000;

/// An OS user made for tests.
#[derive(Clone, Debug)]
pub struct OsUser {
    /// Name, `wharden-t-…`.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

impl OsUser {
    /// The user `wharden-t-{short}`, made when it is not there yet. Tests of several processes may ask at once.
    ///
    /// # Panics
    /// When it cannot be made; tests run as root.
    pub fn named(short: &str) -> Self {
        let name = format!("{PREFIX}{short}");
        let _lock = lock();
        if lookup(&name).is_none() {
            let plain = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/sh"];
            change("useradd", &plain, &name);
        }
        let user = lookup(&name).unwrap_or_else(|| panic!("OS user {name} is not there after useradd"));
        Self { name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }
    }

    /// The same, with numbers from [`FIRST_MAPPED`] on that it may give its processes (subuid(5)).
    ///
    /// # Panics
    /// As [`OsUser::named`].
    pub fn mapping(short: &str) -> Self {
        let user = Self::named(short);
        let _lock = lock();
        let given = fs::read_to_string("/etc/subuid").unwrap_or_default();
        if !given.lines().any(|line| line.split(':').next() == Some(&user.name)) {
            let range = format!("{FIRST_MAPPED}-{}", FIRST_MAPPED + 65_535);
            change("usermod", &["--add-subuids", &range, "--add-subgids", &range], &user.name);
        }
        user
    }

    /// Makes a command run as this user, with nothing of the environment but what is set here.
    pub fn run_as(&self, command: &mut Command, home: &PathBuf) {
        fs::create_dir_all(home).expect("home of a test user");
        std::os::unix::fs::chown(home, Some(self.uid), Some(self.gid)).expect("owner of a test user's home");
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", home)
            .env("USER", &self.name)
            .env("LC_ALL", "C.UTF-8")
            .current_dir(home)
            .uid(self.uid)
            .gid(self.gid);
    }
}

/// Held while the files of accounts are changed.
fn lock() -> File {
    let lock = File::create("/tmp/.wharden-t-users.lock").expect("lock file for making OS users");
    flock(&lock, FlockOperation::LockExclusive).expect("lock for making OS users");
    lock
}

fn change(program: &str, arguments: &[&str], name: &str) {
    let made = Command::new(program).args(arguments).arg(name).output().expect("the package passwd");
    assert!(made.status.success(), "{program} {name}: {}", String::from_utf8_lossy(&made.stderr));
}

fn lookup(name: &str) -> Option<User> {
    User::from_name(name).expect("the user database can be read")
}
