//! What a container will see of the host: binds, mounts and volumes, read as the Engine reads them.

use crate::{
    doc::Doc,
    paths::clean,
    view::{ContainerView, VolumeView},
};
use std::collections::{BTreeMap, BTreeSet};

/// The option of a volume into which the Engine copies nothing of the image.
pub const NO_COPY: &str = "nocopy";

/// One thing to be mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, `image`, `npipe`, `cluster`, or whatever the request says.
    pub kind: String,
    /// Host path, volume name or image.
    pub source: String,
    pub target: String,
    pub read_only: bool,
    pub propagation: String,
    /// Other options, of a bind by its mode, of a mount by its fields.
    pub options: BTreeSet<String>,
    /// Volume driver; empty when none is asked for.
    pub driver: String,
    pub driver_options: BTreeMap<String, String>,
    pub subpath: String,
    pub tmpfs_options: BTreeSet<String>,
}

/// A path on the host that becomes visible.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPath {
    /// Cleaned.
    pub path: String,
    pub writable: bool,
}

impl Mount {
    /// Reads an entry of `Binds`: `target`, `source:target` or `source:target:modes`.
    pub fn of_bind(text: &str, volume_driver: &str) -> Self {
        let parts: Vec<&str> = text.splitn(3, ':').collect();
        let (source, target, modes) = match parts[..] {
            [target] => ("", target, ""),
            [source, target] => (source, target, ""),
            [source, target, modes] => (source, target, modes),
            _ => ("", "", ""),
        };
        let is_path = source.starts_with('/');
        let mut mount = Self {
            kind: if is_path { "bind" } else { "volume" }.to_owned(),
            source: if is_path { clean(source) } else { source.to_owned() },
            target: target.to_owned(),
            driver: if is_path { String::new() } else { volume_driver.to_owned() },
            ..Self::default()
        };
        for mode in modes.split(',').map(str::trim).filter(|m| !m.is_empty()) {
            match mode {
                "ro" => mount.read_only = true,
                "rw" => {}
                "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate" => {
                    mode.clone_into(&mut mount.propagation);
                }
                other => {
                    mount.options.insert(other.to_owned());
                }
            }
        }
        mount
    }

    /// Reads an element of `Mounts`.
    pub fn of_mount(doc: Doc<'_>) -> Self {
        let kind = doc.text("Type");
        let source = doc.text("Source");
        let mut options = BTreeSet::new();
        for (field, option) in [
            ("NonRecursive", "non_recursive"),
            ("ReadOnlyNonRecursive", "read_only_non_recursive"),
            ("ReadOnlyForceRecursive", "read_only_force_recursive"),
            ("CreateMountpoint", "create_mountpoint"),
        ] {
            if doc.at("BindOptions").truth(field) {
                options.insert(option.to_owned());
            }
        }
        if doc.at("VolumeOptions").truth("NoCopy") {
            options.insert(NO_COPY.to_owned());
        }
        let config = doc.at("VolumeOptions").at("DriverConfig");
        let tmpfs = doc.at("TmpfsOptions").items("Options").map(|option| option.own_texts().join("="));
        let subpaths = [doc.at("VolumeOptions").text("Subpath"), doc.at("ImageOptions").text("Subpath")];
        Self {
            // Cleaned also where the kind is none that is known: better one path too many than one too few.
            source: if source.starts_with('/') || kind == "bind" { clean(source) } else { source.to_owned() },
            kind: kind.to_owned(),
            target: doc.text("Target").to_owned(),
            read_only: doc.truth("ReadOnly"),
            propagation: doc.at("BindOptions").text("Propagation").to_owned(),
            options,
            driver: config.text("Name").to_owned(),
            driver_options: config.pairs("Options"),
            subpath: subpaths.into_iter().find(|s| !s.is_empty()).unwrap_or_default().to_owned(),
            tmpfs_options: tmpfs.collect(),
        }
    }

    /// The name of the volume, when it is a named one.
    pub fn volume(&self) -> Option<&str> {
        (matches!(self.kind.as_str(), "volume" | "cluster") && !self.source.is_empty()).then_some(self.source.as_str())
    }

    /// The image whose files are shown, when it is such a mount.
    pub fn image(&self) -> Option<&str> {
        (self.kind == IMAGE && !self.source.is_empty()).then_some(self.source.as_str())
    }

    /// The host paths that the request itself asks for.
    pub fn host_paths(&self) -> Vec<HostPath> {
        let writable = !self.read_only;
        let mut out = Vec::new();
        if self.kind == "bind" || self.kind == "npipe" || self.source.starts_with('/') {
            out.push(HostPath { path: self.source.clone(), writable });
        }
        if is_local(&self.driver) {
            out.extend(local_paths(&self.driver_options, writable));
        }
        out
    }
}

/// The kind of a mount that shows the files of an image, Engine API 1.48.
pub const IMAGE: &str = "image";

/// Whether a driver's name means the Engine's own.
pub fn is_local(driver: &str) -> bool {
    driver.is_empty() || driver == "local"
}

/// The host paths that options of the local driver mount. The driver hands `type`, `o` and `device` to mount(2).
pub fn local_paths(options: &BTreeMap<String, String>, writable: bool) -> Vec<HostPath> {
    let get = |name: &str| options.get(name).map(|v| v.trim()).unwrap_or_default();
    let (kind, device) = (get("type").to_ascii_lowercase(), get("device"));
    let flags: Vec<&str> = get("o").split(',').map(str::trim).collect();
    let writable = writable && !flags.contains(&"ro");
    let mut paths = BTreeSet::new();
    let binds = flags.iter().any(|f| matches!(*f, "bind" | "rbind" | "move" | "remount"));
    // Of these the device is a name, not a file.
    let nameless = matches!(kind.as_str(), "nfs" | "nfs4" | "cifs" | "smb3" | "tmpfs" | "ramfs" | "overlay");
    if !device.is_empty() && (binds || device.starts_with('/') || (!nameless && device.contains('/'))) {
        paths.insert(clean(device));
        // From the folder in which the Engine was started, which may be any.
        if !device.starts_with('/') {
            paths.insert("/".to_owned());
        }
    }
    // Overlay takes a backslash away before it looks for a path.
    if options.values().any(|value| value.contains('\\')) {
        paths.insert("/".to_owned());
    }
    for flag in &flags {
        let Some((key, value)) = flag.split_once('=') else { continue };
        let layers = matches!(key, "lowerdir" | "upperdir" | "workdir" | "lowerdir+" | "datadir+");
        if layers || value.starts_with('/') {
            let dirs = value.split(':').filter(|v| !v.is_empty());
            // As above: from any folder.
            paths.extend(
                dirs.flat_map(|dir| [Some(clean(dir)), (!dir.starts_with('/')).then(|| "/".to_owned())]).flatten(),
            );
        }
    }
    let pseudo = match kind.as_str() {
        "proc" => Some("/proc"),
        "sysfs" => Some("/sys"),
        "cgroup" | "cgroup2" => Some("/sys/fs/cgroup"),
        "debugfs" => Some("/sys/kernel/debug"),
        "tracefs" => Some("/sys/kernel/tracing"),
        "securityfs" => Some("/sys/kernel/security"),
        "bpf" => Some("/sys/fs/bpf"),
        "efivarfs" => Some("/sys/firmware/efi/efivars"),
        "devtmpfs" => Some("/dev"),
        "devpts" => Some("/dev/pts"),
        "mqueue" => Some("/dev/mqueue"),
        "binfmt_misc" => Some("/proc/sys/fs/binfmt_misc"),
        "configfs" => Some("/sys/kernel/config"),
        "pstore" => Some("/sys/fs/pstore"),
        "" | "none" | "bind" | "nfs" | "nfs4" | "cifs" | "smb3" | "tmpfs" | "ramfs" | "overlay" | "ext2" | "ext3"
        | "ext4" | "xfs" | "btrfs" | "vfat" | "exfat" | "ntfs" | "ntfs3" | "iso9660" | "squashfs" | "erofs"
        | "f2fs" | "zfs" | "fuse" | "fuseblk" | "ceph" | "glusterfs" | "9p" | "virtiofs" => None,
        // A file system of which nothing is known may show anything of the kernel.
        _ => Some("/sys"),
    };
    // A pool, a share of the machine's host, or a device in the folder that the Engine was started from.
    if pseudo.is_none() && !nameless && !device.is_empty() && !device.contains(['/', ':']) {
        paths.insert("/".to_owned());
    }
    paths.extend(pseudo.map(str::to_owned));
    paths.into_iter().map(|path| HostPath { path, writable }).collect()
}

/// The kind of file system that the kernel is to mount for such options, unless it is a folder of the host.
pub fn file_system(options: &BTreeMap<String, String>) -> Option<String> {
    let kind = options.get("type")?.trim().to_ascii_lowercase();
    Some(kind).filter(|kind| !matches!(kind.as_str(), "" | "none" | "bind"))
}

/// The host paths of an existing volume.
pub fn volume_paths(volume: &VolumeView, writable: bool) -> Vec<HostPath> {
    if is_local(&volume.driver) { local_paths(&volume.options, writable) } else { Vec::new() }
}

/// The host paths that are bound into an existing container.
pub fn container_paths(container: &ContainerView, writable: bool) -> Vec<HostPath> {
    let binds = container.mounts.iter().filter(|m| m.kind == "bind" || (m.kind.is_empty() && m.name.is_empty()));
    binds.map(|m| HostPath { path: clean(&m.source), writable: writable && m.writable }).collect()
}

/// Splits an entry of `VolumesFrom`: the container and its mode.
pub fn split_volumes_from(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(pairs: &[(&str, &str)]) -> Vec<String> {
        let options = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        local_paths(&options, true).into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn binds_are_read_as_the_engine_reads_them() {
        let bind = Mount::of_bind("//:/host:ro,rshared,z", "");
        assert_eq!((bind.kind.as_str(), bind.source.as_str(), bind.read_only), ("bind", "/", true));
        assert_eq!(bind.propagation, "rshared");
        assert!(bind.options.contains("z"));
        let volume = Mount::of_bind("data:/d", "nfs-driver");
        assert_eq!((volume.volume(), volume.driver.as_str()), (Some("data"), "nfs-driver"));
        assert_eq!(Mount::of_bind("/only-a-target", "").volume(), None);
    }

    #[test]
    fn options_of_the_local_driver_are_mounts_of_the_host() {
        assert_eq!(local(&[("type", "none"), ("o", "bind"), ("device", "/")]), ["/"]);
        assert_eq!(local(&[("type", "none"), ("o", "ro, rbind"), ("device", "etc")]), ["/", "/etc"]);
        assert!(
            local(&[("type", "overlay"), ("device", "overlay"), ("o", "lowerdir=/r\\oot")]).contains(&"/".to_owned())
        );
        assert_eq!(
            local(&[("type", "overlay"), ("device", "overlay"), ("o", "lowerdir=/etc:/root")]),
            ["/etc", "/root"]
        );
        let relative = [("type", "overlay"), ("device", "overlay"), ("o", "lowerdir=wharden/agent:/etc")];
        assert_eq!(local(&relative), ["/", "/etc", "/wharden/agent"], "from wherever the engine was started");
        assert_eq!(local(&[("type", "ext4"), ("device", "/dev/sda1")]), ["/dev/sda1"]);
        assert_eq!(local(&[("type", "proc"), ("device", "proc")]), ["/proc"]);
        assert!(local(&[("type", "nfs"), ("o", "addr=10.0.0.1,rw"), ("device", ":/export")]).is_empty());
        assert!(local(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=100m")]).is_empty());
        assert_eq!(local(&[("type", "ext4"), ("device", "../../dev/vda")]), ["/", "/dev/vda"]);
        assert_eq!(local(&[("type", "binfmt_misc"), ("device", "none")]), ["/proc/sys/fs/binfmt_misc"]);
        assert_eq!(local(&[("type", "nsfs"), ("device", "none")]), ["/sys"]);
        assert!(local(&[]).is_empty());
        for (kind, device) in [("zfs", "rpool"), ("virtiofs", "hostshare"), ("9p", "share"), ("ext4", "vda")] {
            assert_eq!(local(&[("type", kind), ("device", device)]), ["/"], "{kind}");
        }
    }
}
