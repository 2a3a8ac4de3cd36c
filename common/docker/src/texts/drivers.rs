//! Names of drivers. The Engine looks for a plugin that it does not know in a file of that name in its folder of plugins, and
//! follows dots out of it: to any socket that a user made.

use crate::refusal::{Refusal, shorten};

/// Checks the name in a field.
///
/// # Errors
/// 400 for one that could be a path.
pub fn check(field: &str, name: &str) -> Result<(), Refusal> {
    if is_name(name) {
        return Ok(());
    }
    let shown = shorten(name);
    Err(Refusal::bad(format!(
        "field {field}: {shown:?} is not the name of a driver: use the name that `docker plugin ls` or `docker info` shows"
    )))
}

/// Plugins are called like images, `vieux/sshfs:latest`: no part of a name is empty or begins with a dot.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-:@/".contains(c);
    name.is_empty()
        || (name.chars().all(plain) && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{doc::Doc, texts};
    use serde_json::json;
    use wharden_model::Action;

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
            let refusal = texts::check(action, Doc::new(Some(&body))).expect_err("a path");
            assert!(refusal.status == 400 && refusal.message.contains("is not the name of a driver"), "{body}");
        }
        let options = json!({"Name": "", "Options": {"syslog-address": "unix:///run/x"}});
        for (action, body) in [
            (Action::ServiceCreate, json!({"TaskTemplate": {"LogDriver": options}})),
            (Action::ServiceUpdate, json!({"TaskTemplate": {"LogDriver": {"Options": {"a": "b"}}}})),
            (Action::SwarmUpdate, json!({"TaskDefaults": {"LogDriver": options}})),
        ] {
            let refusal = texts::check(action, Doc::new(Some(&body))).expect_err("options of no driver");
            assert!(refusal.message.contains("LogDriver.Name"), "{refusal}");
        }
        let named = json!({"TaskTemplate": {"LogDriver": {"Name": "local", "Options": {"max-size": "1m"}}}});
        assert!(texts::check(Action::ServiceCreate, Doc::new(Some(&named))).is_ok());
    }
}
