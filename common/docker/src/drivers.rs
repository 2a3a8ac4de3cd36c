//! Names of drivers and of volumes, and other texts that the Engine makes paths of. It looks for a plugin that it does not know in
//! a file of that name in its folder of plugins, and follows dots out of it: to any socket that a user made. It finds checkpoints
//! in the same way, and fills in templates in the mounts of services when their containers are made.

use crate::{
    doc::Doc,
    facts::wanted_mounts,
    mounts::Mount,
    names,
    paths::clean,
    refusal::{Refusal, shorten},
};
use wharden_model::Action;

/// Checks every name of a driver in a body, and those of volumes to be mounted.
///
/// # Errors
/// 400 with the field's name for one that could be a path.
pub fn check(action: Action, body: Doc<'_>) -> Result<(), Refusal> {
    let one = |field: &str, name: &str| if is_name(name) { Ok(()) } else { Err(refused(field, name)) };
    let mounts = |at: Doc<'_>, prefix: &str| {
        at.items("Mounts").try_for_each(|mount| {
            let name = mount.at("VolumeOptions").at("DriverConfig").text("Name");
            one(&format!("{prefix}.Mounts[].VolumeOptions.DriverConfig.Name"), name)
        })
    };
    match action {
        Action::ContainerUpdate => devices(body),
        Action::ContainerCheckpointCreate => names::checkpoint("field CheckpointID", body.text("CheckpointID")),
        Action::ContainerCreate => {
            let host = body.at("HostConfig");
            devices(host)?;
            tmpfs(host)?;
            one("HostConfig.VolumeDriver", host.text("VolumeDriver"))?;
            one("HostConfig.LogConfig.Type", host.at("LogConfig").text("Type"))?;
            one("HostConfig.Runtime", host.text("Runtime"))?;
            mounts(host, "HostConfig")?;
            wanted_mounts(host)
                .iter()
                .filter_map(Mount::volume)
                .try_for_each(|name| if name.contains('/') { Err(no_volume(name)) } else { Ok(()) })
        }
        Action::VolumeCreate => one("Driver", body.text("Driver")),
        Action::NetworkCreate => {
            one("Driver", body.text("Driver"))?;
            one("IPAM.Driver", body.at("IPAM").text("Driver"))
        }
        Action::ServiceCreate | Action::ServiceUpdate => {
            let task = body.at("TaskTemplate");
            one("TaskTemplate.LogDriver.Name", task.at("LogDriver").text("Name"))?;
            templates(task.at("ContainerSpec"))?;
            tmpfs(task.at("ContainerSpec"))?;
            mounts(task.at("ContainerSpec"), "TaskTemplate.ContainerSpec")
        }
        Action::SecretCreate | Action::SecretUpdate | Action::ConfigCreate | Action::ConfigUpdate => {
            one("Driver.Name", body.at("Driver").text("Name"))?;
            one("Templating.Name", body.at("Templating").text("Name"))
        }
        Action::SwarmUpdate => one("TaskDefaults.LogDriver.Name", body.at("TaskDefaults").at("LogDriver").text("Name")),
        Action::SwarmInit => {
            let defaults = body.at("Spec").at("TaskDefaults");
            one("Spec.TaskDefaults.LogDriver.Name", defaults.at("LogDriver").text("Name"))
        }
        _ => Ok(()),
    }
}

/// Devices whose use is limited. The Engine looks at them as root, and says what it found.
fn devices(host: Doc<'_>) -> Result<(), Refusal> {
    for list in [
        "BlkioWeightDevice",
        "BlkioDeviceReadBps",
        "BlkioDeviceWriteBps",
        "BlkioDeviceReadIOps",
        "BlkioDeviceWriteIOps",
    ] {
        for path in host.items(list).map(|device| device.text("Path")) {
            if !clean(path).starts_with("/dev/") {
                let shown = shorten(path);
                return Err(Refusal::bad(format!("field {list}: {shown:?} is no device: name one in /dev")));
            }
        }
    }
    Ok(())
}

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

/// File systems in memory, which must not be put over what is mounted by other means, nor change it.
fn tmpfs(host: Doc<'_>) -> Result<(), Refusal> {
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

/// What a template in a mount comes to is known to the node alone, when a container is made.
fn templates(container: Doc<'_>) -> Result<(), Refusal> {
    let options = |mount: Doc<'_>| {
        let volume = mount.at("VolumeOptions");
        volume.pairs("Labels").into_iter().chain(volume.at("DriverConfig").pairs("Options")).collect::<Vec<_>>()
    };
    for mount in container.items("Mounts") {
        let own = ["Source", "Target"].map(|field| mount.text(field).to_owned());
        let more = options(mount).into_iter().flat_map(|(name, value)| [name, value]);
        if let Some(text) = own.into_iter().chain(more).find(|text| text.contains("{{")) {
            let shown = shorten(&text);
            return Err(Refusal::bad(format!(
                "field TaskTemplate.ContainerSpec.Mounts: {shown:?} is a template, so that nobody can tell what will be \
                 mounted: write out what it stands for"
            )));
        }
    }
    Ok(())
}

/// Plugins are called like images, `vieux/sshfs:latest`: no part of a name is empty or begins with a dot.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-:@/".contains(c);
    name.is_empty()
        || (name.chars().all(plain) && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')))
}

/// The name of a volume that looks like a path: below the place where the Engine was started, perhaps.
fn no_volume(name: &str) -> Refusal {
    let shown = shorten(name);
    Refusal::bad(format!(
        "field HostConfig.Binds or Mounts: {shown:?} is not the name of a volume; for a folder of the host write its \
         absolute path"
    ))
}

fn refused(field: &str, name: &str) -> Refusal {
    let shown = shorten(name);
    Refusal::bad(format!(
        "field {field}: {shown:?} is not the name of a driver: use the name that `docker plugin ls` or `docker info` shows"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_plugins_pass_and_paths_do_not() {
        for name in
            ["", "local", "json-file", "vieux/sshfs:latest", "reg.example:5000/a/b@sha256:00", "io.containerd.runc.v2"]
        {
            assert!(is_name(name), "{name}");
        }
        for path in ["../x", "a/../../x", "/tmp/x", "./x", "a//b", "a/.b", "..", "a\\b", "a b", "ä"] {
            assert!(!is_name(path), "{path}");
        }
        let evil = "../../../tmp/evil";
        let relative = json!({"HostConfig": {"Binds": ["./etc:/m"]}});
        let refusal = check(Action::ContainerCreate, Doc::new(Some(&relative))).expect_err("a path");
        assert!(refusal.message.contains("./etc") && refusal.message.contains("absolute path"), "{refusal}");
        for (action, body) in [
            (Action::ContainerCreate, json!({"HostConfig": {"VolumeDriver": evil}})),
            (Action::ContainerCreate, json!({"HostConfig": {"LogConfig": {"Type": evil}}})),
            (Action::ContainerCreate, json!({"HostConfig": {"Runtime": evil}})),
            (
                Action::ContainerCreate,
                json!({"HostConfig": {"Mounts": [{}, {"VolumeOptions": {"DriverConfig": {"Name": evil}}}]}}),
            ),
            (Action::VolumeCreate, json!({"Driver": evil})),
            (Action::NetworkCreate, json!({"Driver": evil})),
            (Action::NetworkCreate, json!({"IPAM": {"Driver": evil}})),
            (Action::ServiceUpdate, json!({"TaskTemplate": {"LogDriver": {"Name": evil}}})),
            (
                Action::ServiceCreate,
                json!({"TaskTemplate": {"ContainerSpec": {"Mounts": [{"VolumeOptions": {"DriverConfig": {"Name": evil}}}]}}}),
            ),
            (Action::SecretCreate, json!({"Driver": {"Name": evil}})),
            (Action::SwarmUpdate, json!({"TaskDefaults": {"LogDriver": {"Name": evil}}})),
            (Action::SwarmInit, json!({"Spec": {"TaskDefaults": {"LogDriver": {"Name": evil}}}})),
        ] {
            let refusal = check(action, Doc::new(Some(&body))).expect_err("a path");
            assert!(refusal.status == 400 && refusal.message.contains("is not the name of a driver"), "{body}");
        }
        let template = "/srv/{{index .Service.Labels \"p\"}}";
        let volume = |options: serde_json::Value| json!({"Type": "volume", "Target": "/x", "VolumeOptions": options});
        for mount in [
            json!({"Type": "bind", "Source": template, "Target": "/x"}),
            json!({"Type": "volume", "Source": "v", "Target": "/{{.Task.Name}}"}),
            volume(json!({"Labels": {"a": "{{.Node.ID}}"}})),
            volume(json!({"DriverConfig": {"Options": {"type": "none", "o": "bind", "device": template}}})),
        ] {
            let body = json!({"TaskTemplate": {"ContainerSpec": {"Mounts": [mount]}}});
            let refusal = check(Action::ServiceCreate, Doc::new(Some(&body))).expect_err("a template");
            assert!(refusal.message.contains("is a template"), "{refusal}");
        }
        let hostname =
            json!({"TaskTemplate": {"ContainerSpec": {"Hostname": "{{.Node.Hostname}}", "Env": ["A={{.Task.Slot}}"]}}});
        check(Action::ServiceCreate, Doc::new(Some(&hostname))).expect("no mount");
        for (path, passes) in [("/dev/sda", true), ("/root/x", false), ("/dev/../root/x", false), ("sda", false)] {
            let list = json!([{"Path": path, "Rate": 1}]);
            let create = json!({"HostConfig": {"BlkioDeviceReadBps": list}});
            let update = json!({"BlkioDeviceWriteIOps": list});
            for (action, body) in [(Action::ContainerCreate, create), (Action::ContainerUpdate, update)] {
                assert_eq!(check(action, Doc::new(Some(&body))).is_ok(), passes, "{body}");
            }
        }
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
            assert_eq!(check(Action::ContainerCreate, Doc::new(Some(&body))).is_ok(), passes, "{body}");
        }
        let remount = json!({"TmpfsOptions": {"Options": [["remount"], ["sync"]]}, "Type": "tmpfs", "Target": "/t"});
        let body = json!({"TaskTemplate": {"ContainerSpec": {"Mounts": [remount]}}});
        assert!(check(Action::ServiceCreate, Doc::new(Some(&body))).is_err());
        let outside = json!({"CheckpointID": "../../srv/x"});
        let refusal = check(Action::ContainerCheckpointCreate, Doc::new(Some(&outside))).expect_err("a path");
        assert!(refusal.message.contains("CheckpointID"), "{refusal}");
    }
}
