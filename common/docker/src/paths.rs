//! Paths on the host: cleaned, and compared with the places that must not be handed to a container.

use std::collections::BTreeSet;

/// Places from which the host can be read or taken over.
const SENSITIVE: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/var/run",
    "/var/spool",
];

/// Sockets with which containers can be made without the guard.
const SOCKETS: &[&str] = &[
    "/run/buildkit/buildkitd.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/docker/containerd/containerd.sock",
    "/run/docker/plugins",
    "/run/podman/podman.sock",
];

/// Lexical cleaning as Go's `path.Clean` does it, of a path that is taken to begin at the root.
pub fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// True when `path` is `place` or lies in it. Both clean.
pub fn is_within(path: &str, place: &str) -> bool {
    place == "/" || path == place || path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'))
}

/// `/var/run` is a link to `/run` nearly everywhere; both spellings of a path.
fn spellings(path: &str) -> impl Iterator<Item = String> {
    let other = match (path.strip_prefix("/var/run"), path.strip_prefix("/run")) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with('/') => Some(format!("/run{rest}")),
        (_, Some(rest)) if rest.is_empty() || rest.starts_with('/') => Some(format!("/var/run{rest}")),
        _ => None,
    };
    std::iter::once(path.to_owned()).chain(other)
}

/// The sensitive places that any of the paths is, contains or lies in. `/` counts only when it is itself a path.
pub fn sensitive<'a>(paths: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for path in paths {
        for path in spellings(path) {
            if path == "/" {
                out.insert("/".to_owned());
            }
            let hit = SENSITIVE.iter().filter(|place| is_within(&path, place) || is_within(place, &path));
            out.extend(hit.map(|place| (*place).to_owned()));
        }
    }
    out
}

/// Where in a container runtimes keep what they trust, and where a mount does not touch that.
const DEVICES: &str = "/dev";
const NO_DEVICES: &[&str] = &["/dev/shm", "/dev/mqueue", "/dev/hugepages"];

/// The places among these, in a container, at which a mount covers what its runtime has made there: `/dev` and what lies in it.
pub fn among_devices<'a>(targets: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let covers = |path: &String| is_within(path, DEVICES) && !NO_DEVICES.iter().any(|place| is_within(path, place));
    targets.into_iter().map(clean).filter(covers).collect()
}

/// What the engine writes for each container about its network. What is mounted at one of these, it gives to every container that takes the
/// network too, for writing.
const OF_NETWORK: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// The places among these, in a container, at which a mount takes the place of a file of [`OF_NETWORK`].
pub fn among_network_files<'a>(targets: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    targets.into_iter().map(clean).filter(|path| OF_NETWORK.contains(&path.as_str())).collect()
}

/// Whether any of the paths is, contains or lies in one of the private places, or is or contains one of the sockets that
/// are usual for engines.
pub fn reaches_private<'a>(paths: impl IntoIterator<Item = &'a String>, places: &[String]) -> bool {
    let mut known: BTreeSet<String> = places.iter().flat_map(|s| spellings(&clean(s)).collect::<Vec<_>>()).collect();
    known.extend(SOCKETS.iter().flat_map(|s| spellings(s).collect::<Vec<_>>()));
    paths.into_iter().any(|path| known.iter().any(|place| is_within(place, path) || is_within(path, place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &str) -> BTreeSet<String> {
        sensitive([&clean(path)])
    }

    #[test]
    fn paths_are_cleaned_lexically() {
        for (given, cleaned) in [("//", "/"), ("/a/./b//c/..", "/a/b"), ("/../..", "/"), ("etc", "/etc"), ("", "/")] {
            assert_eq!(clean(given), cleaned);
        }
    }

    #[test]
    fn mounts_over_what_a_runtime_trusts_are_found_however_they_are_spelt() {
        let targets = [
            "/dev",
            "/dev/",
            "//dev/null",
            "/a/../dev/pts/0",
            "dev",
            "/dev/shm",
            "/dev/shm/x",
            "/dev/shm/../x",
            "/devices",
            "/data/dev",
        ];
        let found: Vec<_> = among_devices(targets).into_iter().collect();
        assert_eq!(found, ["/dev", "/dev/null", "/dev/pts/0", "/dev/x"]);
    }

    #[test]
    fn files_about_the_network_are_found() {
        let found = among_network_files([
            "//etc/./hosts",
            "/etc/resolv.conf/",
            "/etc",
            "/etc/hosts/x",
            "/etc/hostsx",
            "/x/etc/hosts",
        ]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["/etc/hosts", "/etc/resolv.conf"]);
    }

    #[test]
    fn what_is_contains_or_lies_in_a_sensitive_place_is_found() {
        assert!(set("//").contains("/") && set("/").contains("/etc"));
        assert_eq!(set("/etc/shadow"), BTreeSet::from(["/etc".to_owned()]));
        assert!(set("/var").contains("/var/lib"));
        assert!(set("/var/run/x").contains("/run"));
        assert!(set("/etcetera").is_empty() && set("/srv/data").is_empty());
    }

    #[test]
    fn sockets_are_reached_by_themselves_and_by_what_holds_them() {
        let own = ["/srv/w/guard.sock".to_owned(), "/srv/keys".to_owned()];
        for path in ["/", "/run", "/var/run", "/var/run/docker.sock", "/run/docker.sock", "/srv", "/srv/w/guard.sock"] {
            assert!(reaches_private([&path.to_owned()], &own), "{path}");
        }
        assert!(reaches_private([&"/srv/keys/host.key".to_owned()], &own));
        assert!(!reaches_private([&"/srv/w2".to_owned()], &own));
        assert!(!reaches_private([&"/run/docker.sock.d".to_owned()], &own));
    }
}
