//! File systems in memory, which must not be put over what is mounted by other means, nor change it.

use crate::{
    doc::Doc,
    mounts::Mount,
    paths::clean,
    refusal::{Refusal, shorten},
};

/// What a new file system in memory may be told. Others (`remount`, `bind`, `sync`, `shared`) are for mounts that are there already.
const OF_TMPFS: [&str; 19] = [
    "size",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "mpol",
    "rw",
    "ro",
    "exec",
    "noexec",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "atime",
    "noatime",
    "relatime",
    "norelatime",
];

/// Checks their options and places.
///
/// # Errors
/// 400 with the option or the place.
pub fn check(host: Doc<'_>) -> Result<(), Refusal> {
    let own = host.members("Tmpfs").flat_map(|(_, options)| options.own_text().split(','));
    let options: Vec<String> = own.map(|option| option.trim().to_owned()).collect();
    let more = host.items("Mounts").flat_map(|mount| Mount::of_mount(mount).tmpfs_options);
    for option in options.into_iter().chain(more).filter(|option| !option.is_empty()) {
        if !OF_TMPFS.contains(&option.split('=').next().unwrap_or_default()) {
            let shown = shorten(&option);
            return Err(Refusal::bad(format!(
                "field Tmpfs: {shown:?} is no option of a new tmpfs: size, mode, uid, gid, …"
            )));
        }
    }
    for (target, _) in host.members("Tmpfs") {
        // The Engine compares targets as they are written, and mounts them as they are meant.
        if clean(target) != target {
            let shown = shorten(target);
            return Err(Refusal::bad(format!("field Tmpfs: {shown:?} is not the shortest way to write this path")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{doc::Doc, texts};
    use serde_json::json;
    use wharden_model::Action;

    #[test]
    fn a_tmpfs_is_new() {
        for (target, options, passes) in [
            ("/t", "", true),
            ("/t", "size=1m,mode=1777,uid=1000,noexec,rw", true),
            ("/t", "remount,rw", false),
            ("/t", "bind", false),
            ("/t", "sync", false),
            ("/t", "rshared", false),
            ("/t/", "", false),
            ("//t", "", false),
            ("/x/../t", "", false),
            ("t", "", false),
        ] {
            let body = json!({"HostConfig": {"Tmpfs": {target: options}}});
            assert_eq!(texts::check(Action::ContainerCreate, Doc::new(Some(&body))).is_ok(), passes, "{body}");
        }
        let remount = json!({"TmpfsOptions": {"Options": [["remount"], ["sync"]]}, "Type": "tmpfs", "Target": "/t"});
        let body = json!({"TaskTemplate": {"ContainerSpec": {"Mounts": [remount]}}});
        assert!(texts::check(Action::ServiceCreate, Doc::new(Some(&body))).is_err());
    }
}
