//! Facts of `container.create`: privileges, confinement and devices.

use super::{Sheet, Source, capabilities, sysctls};
use std::collections::BTreeSet;

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let host = source.body().at("HostConfig");
    out.put("privileged", host.truth("Privileged"));
    out.put("cap_add", capabilities(host.texts("CapAdd")));
    out.put("cap_drop", capabilities(host.texts("CapDrop")));
    let confinement = Confinement::read(host.texts("SecurityOpt"));
    out.put("security_opt", confinement.options);
    out.put("seccomp", confinement.seccomp);
    out.put("apparmor", confinement.apparmor);
    out.put("label_disabled", confinement.label_disabled);
    out.put("selinux_label", confinement.label.join(","));
    out.put("no_new_privileges", confinement.no_new_privileges);
    // An empty list is a list: it masks nothing.
    out.put("unmasked_paths", host.has("MaskedPaths"));
    out.put("writable_proc_paths", host.has("ReadonlyPaths") || confinement.writable_cgroups);
    let mut devices = BTreeSet::new();
    let mut permissions = BTreeSet::new();
    for device in host.items("Devices") {
        devices.extend(source.host_path(device.text("PathOnHost")));
        permissions.extend(device.text("CgroupPermissions").chars().map(String::from));
    }
    out.put("devices", devices);
    out.put("device_permissions", permissions);
    out.put("device_cgroup_rules", host.text_set("DeviceCgroupRules"));
    let mut requests = BTreeSet::new();
    for request in host.items("DeviceRequests") {
        let driver = request.text("Driver");
        let ids: Vec<_> = request.texts("DeviceIDs").collect();
        match request.number("Count") {
            _ if !ids.is_empty() => requests.extend(ids.iter().map(|id| format!("{driver}:{id}"))),
            -1 => _ = requests.insert(format!("{driver}:all")),
            count => _ = requests.insert(format!("{driver}:{count}")),
        }
    }
    out.put("device_requests", requests);
    out.put("runtime", host.text("Runtime"));
    out.put("isolation", host.text("Isolation"));
    out.put("annotations", host.pair_set("Annotations"));
    out.put("sysctls", host.pair_set("Sysctls"));
    let endpoints = source.body().at("NetworkingConfig").members("EndpointsConfig");
    out.put("routing_sysctls", sysctls::routing(host, endpoints.map(|(_, endpoint)| endpoint)));
    out.put("group_add", host.text_set("GroupAdd"));
    out.put("readonly_rootfs", host.truth("ReadonlyRootfs"));
}

/// What `SecurityOpt` comes to. A later entry overrides an earlier one.
struct Confinement {
    options: BTreeSet<String>,
    seccomp: String,
    apparmor: String,
    label_disabled: bool,
    /// Parts of it that are asked for.
    label: Vec<String>,
    no_new_privileges: bool,
    /// Engine API 1.52.
    writable_cgroups: bool,
}

/// As Go's strconv.ParseBool; the engine refuses what is neither.
fn is_true(value: &str) -> bool {
    matches!(value, "1" | "t" | "T" | "TRUE" | "true" | "True")
}

impl Confinement {
    fn read<'a>(entries: impl Iterator<Item = &'a str>) -> Self {
        let mut out = Self {
            options: BTreeSet::new(),
            seccomp: "default".to_owned(),
            apparmor: "default".to_owned(),
            label_disabled: false,
            label: Vec::new(),
            no_new_privileges: false,
            writable_cgroups: false,
        };
        for entry in entries {
            let (key, value) = match entry {
                "no-new-privileges" => ("no-new-privileges", "true"),
                "disable" => ("label", "disable"),
                _ => entry.split_once('=').or_else(|| entry.split_once(':')).unwrap_or((entry, "")),
            };
            match key {
                "seccomp" => {
                    out.seccomp = match value {
                        "unconfined" => "unconfined",
                        // Not the host's own, perhaps, which may be a stricter one.
                        "builtin" => "builtin",
                        "" => "default",
                        _ => "custom",
                    }
                    .to_owned();
                }
                "apparmor" => out.apparmor = if value.is_empty() { "default" } else { value }.to_owned(),
                "label" if value.split(':').next() == Some("disable") => out.label_disabled = true,
                "label" => out.label.push(value.to_owned()),
                "no-new-privileges" => out.no_new_privileges = is_true(value),
                "writable-cgroups" => out.writable_cgroups = value.is_empty() || is_true(value),
                _ => {}
            }
            let shown = if key == "seccomp" && out.seccomp == "custom" { "custom" } else { value };
            out.options.insert(format!("{key}={shown}"));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_options_override_earlier_ones() {
        let read = |entries: &[&str]| Confinement::read(entries.iter().copied());
        let c = read(&["no-new-privileges", "no-new-privileges=0", "seccomp={}", "seccomp:unconfined", "disable"]);
        assert!(!c.no_new_privileges && c.label_disabled);
        assert_eq!(c.seccomp, "unconfined");
        assert_eq!(read(&["seccomp={\"defaultAction\":1}"]).options, BTreeSet::from(["seccomp=custom".to_owned()]));
        assert_eq!(read(&["apparmor=unconfined"]).apparmor, "unconfined");
        assert!(read(&["no-new-privileges:true"]).no_new_privileges);
        let cgroups = |option: &str| read(&[option]).writable_cgroups;
        assert!(cgroups("writable-cgroups") && cgroups("writable-cgroups=1") && !cgroups("writable-cgroups=false"));
        let labelled = read(&["label:type:spc_t", "label=level:s0:c1"]);
        assert_eq!((labelled.label.join(",").as_str(), labelled.label_disabled), ("type:spc_t,level:s0:c1", false));
    }
}
