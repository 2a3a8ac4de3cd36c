//! Devices whose use is limited. The Engine looks at them as root, and says what it found.

use crate::{
    doc::Doc,
    paths::clean,
    refusal::{Refusal, shorten},
};

/// What is in `/dev` and leads out of it.
const NO_DEVICES: &[&str] = &["", "core", "fd", "initctl", "log", "mqueue", "shm", "stderr", "stdin", "stdout"];

/// Checks that they are in `/dev`.
///
/// # Errors
/// 400 with the list's name.
pub fn check(host: Doc<'_>) -> Result<(), Refusal> {
    for list in [
        "BlkioWeightDevice",
        "BlkioDeviceReadBps",
        "BlkioDeviceWriteBps",
        "BlkioDeviceReadIOps",
        "BlkioDeviceWriteIOps",
    ] {
        for path in host.items(list).map(|device| device.text("Path")) {
            let first = path.strip_prefix("/dev/").and_then(|rest| rest.split('/').next());
            // A part that is none, and folders where others than root put links, would lead to anything.
            if clean(path) != path || first.is_none_or(|first| first.starts_with('.') || NO_DEVICES.contains(&first)) {
                let shown = shorten(path);
                return Err(Refusal::bad(format!(
                    "field {list}: {shown:?} is no device: name one in /dev, as /dev/sda"
                )));
            }
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
    fn limits_are_for_devices() {
        for (path, passes) in [
            ("/dev/sda", true),
            ("/dev/mapper/data", true),
            ("/root/x", false),
            ("/dev/../root/x", false),
            ("sda", false),
            ("/dev/fd/../root/etc/shadow", false),
            ("/dev/fd/7", false),
            ("/dev/shm/link", false),
            ("/dev/.lxc/proc/self/root/etc", false),
            ("/dev//sda", false),
            ("/dev/", false),
            ("/dev", false),
        ] {
            let list = json!([{"Path": path, "Rate": 1}]);
            let create = json!({"HostConfig": {"BlkioDeviceReadBps": list}});
            let update = json!({"BlkioDeviceWriteIOps": list});
            for (action, body) in [(Action::ContainerCreate, create), (Action::ContainerUpdate, update)] {
                assert_eq!(texts::check(action, Doc::new(Some(&body))).is_ok(), passes, "{body}");
            }
        }
    }
}
