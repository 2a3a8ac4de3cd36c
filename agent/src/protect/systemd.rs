//! Drop-ins for an engine that systemd starts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where units come from, in the order in which systemd looks (systemd.unit(5)).
pub const UNIT_FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// A file to write.
#[derive(Debug, PartialEq, Eq)]
pub struct DropIn {
    pub path: PathBuf,
    pub text: String,
}

/// What is known of the engine's units.
#[derive(Debug, PartialEq, Eq)]
pub enum Units {
    /// systemd does not start the engine.
    None,
    /// systemd makes the socket and hands it over.
    Socket(DropIn),
    /// The engine makes its socket itself.
    Service,
}

/// Looks at the units below `root`: whether they make the engine's socket at `public`.
pub fn look(root: &Path, public: &Path, private: &Path) -> Units {
    let find = |name: &str| {
        let folders = UNIT_FOLDERS.iter().map(|folder| root.join(folder.trim_start_matches('/')).join(name));
        folders.filter_map(|path| fs::read_to_string(path).ok()).next()
    };
    match (find("docker.service"), find("docker.socket")) {
        (None, _) => Units::None,
        // Another engine's, which systemd does not start.
        (Some(_), Some(socket)) if !listens(&socket, public) => Units::None,
        (Some(service), Some(_)) if service.lines().any(|l| l.starts_with("ExecStart=") && l.contains("fd://")) => {
            let path = root.join("etc/systemd/system/docker.socket.d/50-wharden.conf");
            let text = include_str!("docker.socket.conf").replace("{socket}", &private.display().to_string());
            Units::Socket(DropIn { path, text })
        }
        (Some(_), _) => Units::Service,
    }
}

/// Whether a socket unit makes this socket. `/var/run` is `/run` (file-hierarchy(7)).
fn listens(unit: &str, public: &Path) -> bool {
    let places = unit.lines().filter_map(|line| line.trim().strip_prefix("ListenStream="));
    places.map(|place| place.replacen("/var/run/", "/run/", 1)).any(|place| Path::new(&place) == public)
}

impl DropIn {
    /// Writes it, with its folder.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn write(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, &self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_unit_is_moved_only_where_the_engine_takes_it_from_systemd() {
        let dir = tempfile::tempdir().expect("dir");
        let units = dir.path().join("lib/systemd/system");
        fs::create_dir_all(&units).expect("mkdir");
        let (public, private) = (Path::new("/run/docker.sock"), Path::new("/run/wharden-engine/docker.sock"));
        assert_eq!(look(dir.path(), public, private), Units::None);
        fs::write(units.join("docker.service"), "[Service]\nExecStart=/usr/sbin/dockerd -H fd://\n").expect("write");
        assert_eq!(look(dir.path(), public, private), Units::Service);
        fs::write(units.join("docker.socket"), "[Socket]\nListenStream=/run/docker.sock\n").expect("write");
        let Units::Socket(drop_in) = look(dir.path(), public, private) else { panic!("a socket unit") };
        assert_eq!(look(dir.path(), Path::new("/srv/own/docker.sock"), private), Units::None, "not that engine's");
        drop_in.write().expect("written");
        let text = fs::read_to_string(dir.path().join("etc/systemd/system/docker.socket.d/50-wharden.conf"));
        let text = text.expect("read");
        assert!(
            text.contains("ListenStream=\nListenStream=/run/wharden-engine/docker.sock\nSocketMode=0600\n"),
            "{text}"
        );
        fs::write(units.join("docker.service"), "[Service]\nExecStart=/usr/sbin/dockerd\n").expect("write");
        assert_eq!(look(dir.path(), public, private), Units::Service);
    }
}
