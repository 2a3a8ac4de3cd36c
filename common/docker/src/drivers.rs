//! Names of drivers and of volumes. The Engine looks for a plugin that it does not know in a file of that name in its folder of
//! plugins, and follows dots out of it: to any socket that a user made.

use crate::{doc::Doc, facts::wanted_mounts, mounts::Mount, refusal::Refusal};
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
        Action::ContainerCreate => {
            let host = body.at("HostConfig");
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

/// Plugins are called like images, `vieux/sshfs:latest`: no part of a name is empty or begins with a dot.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-:@/".contains(c);
    name.is_empty()
        || (name.chars().all(plain) && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')))
}

/// The name of a volume that looks like a path: below the place where the Engine was started, perhaps.
fn no_volume(name: &str) -> Refusal {
    let shown = crate::refusal::shorten(name);
    Refusal::bad(format!(
        "field HostConfig.Binds or Mounts: {shown:?} is not the name of a volume; for a folder of the host write its \
         absolute path"
    ))
}

fn refused(field: &str, name: &str) -> Refusal {
    let shown = crate::refusal::shorten(name);
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
    }
}
