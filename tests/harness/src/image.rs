//! Images made of one static busybox, since nothing is pulled.

use crate::{client::Docker, output::Output};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

/// An image whose config says `USER 65534`.
pub const APP: &str = "app:latest";
/// The same without a user: its containers run as root.
pub const ROOT_APP: &str = "rootapp:latest";

/// Imports [`APP`] and [`ROOT_APP`] over an unguarded client.
///
/// # Panics
/// When busybox is not there or the engine refuses.
pub fn import(docker: &Docker, scratch: &Path) {
    let archive = archive(scratch);
    for (name, user) in [(APP, "USER 65534"), (ROOT_APP, "")] {
        let mut args = vec!["import", "-c", "ENV PATH=/bin", "-c", "CMD [\"sh\"]"];
        if !user.is_empty() {
            args.extend(["-c", user]);
        }
        args.extend(["-", name]);
        docker.run_with(&args, &archive).ok();
    }
}

/// A tar archive of a file system that has busybox, all its applets, and a user nobody.
///
/// # Panics
/// When busybox is not there.
pub fn archive(scratch: &Path) -> Vec<u8> {
    let tree = scratch.join("image");
    for (dir, mode) in [("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("root", 0o700), ("srv", 0o777)] {
        let path = tree.join(dir);
        fs::create_dir_all(&path).expect("folder of the image");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode of a folder of the image");
    }
    let busybox = tree.join("bin/busybox");
    fs::copy("/bin/busybox", &busybox).expect("/bin/busybox, from the package busybox-static");
    for applet in Output::of(Command::new(&busybox).arg("--list"), b"").ok().lines() {
        let link = tree.join("bin").join(applet);
        if applet != "busybox" && fs::symlink_metadata(&link).is_err() {
            symlink("busybox", link).expect("link of an applet");
        }
    }
    fs::write(tree.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n")
        .expect("passwd of the image");
    fs::write(tree.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n").expect("group of the image");
    let tar = Output::of(Command::new("tar").arg("-C").arg(&tree).args(["--owner=0", "--group=0", "-c", "."]), b"");
    tar.ok();
    tar.stdout
}
