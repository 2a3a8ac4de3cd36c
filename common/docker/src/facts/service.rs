//! Facts of services.

use super::{Sheet, Source, capabilities, create_mounts, engine::privileges, env_names, image, sysctls, ulimits};
use crate::{
    account::account,
    doc::Doc,
    mounts::{HostPath, Mount, is_local},
    paths::{among_devices, among_network_files},
};
use std::collections::BTreeSet;
use wharden_model::{Action, ResourceKind};

/// What a service is given as files: the facts, and where the specification has them.
pub const FILES: &[(&str, &str, ResourceKind, &str, [&str; 2])] = &[
    ("secrets", "foreign_secrets", ResourceKind::Secret, "Secrets", ["SecretName", "SecretID"]),
    ("configs", "foreign_configs", ResourceKind::Config, "Configs", ["ConfigName", "ConfigID"]),
];

/// How the tasks of a service are to be attached to networks.
pub fn attachments(body: Doc<'_>) -> impl Iterator<Item = Doc<'_>> {
    body.at("TaskTemplate").items("Networks").chain(body.items("Networks"))
}

/// The networks that a service is to join, as the request spells them.
pub fn networks(body: Doc<'_>) -> impl Iterator<Item = &str> {
    attachments(body).map(|network| network.text("Target"))
}

pub fn fill(source: &Source<'_>, out: &mut Sheet) {
    let body = source.body();
    let task = body.at("TaskTemplate");
    let container = task.at("ContainerSpec");
    out.put("name", body.text("Name"));
    let reference = crate::image_ref::ImageRef::parse(container.text("Image"));
    match reference {
        Some(reference) => image::put_reference(out, &reference),
        None => out.put("image", container.text("Image")),
    }
    mounts(source, container, out);
    security(source, container, out);
    runtime(source, body, task, out);
    networking(source, out);
    out.put("log_driver", task.at("LogDriver").text("Name"));
    let (mode, replicas) = mode(body.at("Mode"));
    out.put("mode", mode);
    out.put("replicas", replicas);
    out.put("entrypoint", container.words("Command"));
    out.put("command", container.words("Args"));
    out.put("env_names", env_names(container.texts("Env")));
    out.put("labels", body.pair_set("Labels"));
    out.put("container_labels", container.pair_set("Labels"));
    if source.canonical.action() == Action::ServiceUpdate {
        let query = source.query();
        out.put("rollback", !matches!(query.get("rollback"), "" | "none"));
        out.put("registry_auth_from", query.get("registryAuthFrom"));
    }
}

fn mounts(source: &Source<'_>, container: Doc<'_>, out: &mut Sheet) {
    let mounts: Vec<_> = container.items("Mounts").map(Mount::of_mount).collect();
    let mut paths: BTreeSet<HostPath> = mounts.iter().flat_map(Mount::host_paths).collect();
    paths.extend(create_mounts::of_volumes(source, &mounts));
    create_mounts::put_paths(source, &paths, out);
    create_mounts::put_mounts(source, &mounts, out);
    let drivers = mounts.iter().map(|m| m.driver.clone()).filter(|d| !is_local(d));
    out.put("volume_drivers", drivers.collect::<BTreeSet<_>>());
}

fn security(source: &Source<'_>, container: Doc<'_>, out: &mut Sheet) {
    out.put("cap_add", capabilities(container.texts("CapabilityAdd")));
    out.put("cap_drop", capabilities(container.texts("CapabilityDrop").filter(|_| source.since(41))));
    let privileges = container.at("Privileges");
    let or_default = |text: &str| if text.is_empty() { "default".to_owned() } else { text.to_owned() };
    out.put("seccomp", or_default(privileges.at("Seccomp").text("Mode")));
    out.put("apparmor", or_default(privileges.at("AppArmor").text("Mode")));
    let selinux = privileges.at("SELinuxContext");
    out.put("label_disabled", selinux.truth("Disable"));
    let label = ["User", "Role", "Type", "Level"].map(|part| selinux.text(part));
    if label.iter().any(|part| !part.is_empty()) {
        out.put("selinux_label", label.join(":"));
    }
    // With a set-uid program of its image it would be root.
    let stays = source.since(46) && privileges.truth("NoNewPrivileges");
    out.put("no_new_privileges", stays);
    let user = container.text("User");
    let who = account(user).with_groups(container.texts("Groups"));
    out.put("user", user);
    out.put("root_user", who.may_be_root);
    out.put("user_by_name", who.by_name);
    out.put("group_add", container.text_set("Groups"));
    out.put("runs_as_owner", stays && source.runs_as_owner(user, container.texts("Groups")));
    out.put("readonly_rootfs", container.truth("ReadOnly"));
    out.put("sysctls", container.pair_set("Sysctls"));
    out.put("routing_sysctls", sysctls::routing(container, attachments(source.body())));
    out.put("ulimits", ulimits(container.items("Ulimits").filter(|_| source.since(41))));
    out.put("oom_score_adj", container.number("OomScoreAdj"));
    let (mut targets, mut places) = (BTreeSet::new(), Vec::new());
    for (fact, foreign, kind, list, [name, id]) in FILES {
        // Where the engine puts what is named without a whole path.
        let folder = if *kind == ResourceKind::Secret { "/run/secrets" } else { "" };
        let (mut names, mut of_others) = (BTreeSet::new(), BTreeSet::new());
        for item in container.items(list) {
            names.extend([name, id].map(|f| item.text(f).to_owned()).into_iter().filter(|n| !n.is_empty()));
            let target = item.at("File").text("Name");
            places.push(if target.starts_with('/') { target.to_owned() } else { format!("{folder}/{target}") });
            targets.insert(target.to_owned());
            let id = item.text(id).to_owned();
            match source.view.objects.get(&(*kind, id.clone())) {
                Some(found) if source.is_own(&found.labels) => {}
                Some(found) => _ = of_others.insert(found.name.clone()),
                None => _ = of_others.insert(id),
            }
        }
        out.put(fact, names);
        out.put(foreign, of_others);
    }
    targets.remove("");
    let mounts = container.items("Mounts").map(|mount| mount.text("Target"));
    let image = source.view.images.get(container.text("Image"));
    let of_image = image.into_iter().flat_map(|image| image.volumes.iter().map(String::as_str));
    let covered: Vec<&str> = mounts.chain(of_image).chain(places.iter().map(String::as_str)).collect();
    out.put("network_file_targets", among_network_files(covered.iter().copied()));
    out.put("device_targets", among_devices(covered));
    out.put("file_targets", targets);
    out.put("extra_hosts", container.text_set("Hosts"));
}

fn runtime(source: &Source<'_>, body: Doc<'_>, task: Doc<'_>, out: &mut Sheet) {
    let runtime = task.text("Runtime");
    out.put("runtime", if runtime.is_empty() { "container" } else { runtime });
    let plugin = task.at("PluginSpec");
    out.put("plugin", plugin.text("Remote"));
    let granted = privileges(plugin.items("Privileges").chain(plugin.items("PluginPrivilege")));
    out.put("plugin_privileges", granted);
    out.put("attaches_container", task.at("NetworkAttachmentSpec").text("ContainerID"));
    let constraints = task.at("Placement").texts("Constraints");
    out.put("constraints", constraints.map(|c| c.split_whitespace().collect()).collect::<BTreeSet<String>>());
    let limits = task.at("Resources").at("Limits");
    out.put("memory", limits.number("MemoryBytes"));
    out.put("nano_cpus", limits.number("NanoCPUs"));
    out.put("pids_limit", if source.since(41) { limits.number("Pids").max(0) } else { 0 });
    let mut ports = BTreeSet::new();
    let mut modes = BTreeSet::new();
    for port in body.at("EndpointSpec").items("Ports") {
        ports.insert(port.number("PublishedPort"));
        let mode = port.text("PublishMode");
        modes.insert(if mode.is_empty() { "ingress" } else { mode }.to_owned());
    }
    out.put("privileged_ports", ports.iter().any(|p| (1..1024).contains(p)));
    out.put("host_ports", ports);
    out.put("publish_modes", modes);
}

fn networking(source: &Source<'_>, out: &mut Sheet) {
    let joined: BTreeSet<String> = networks(source.body()).map(|name| source.network(name)).collect();
    out.put("host_network", joined.contains("host"));
    out.put("networks", joined);
    out.put("foreign_networks", source.foreign_networks());
}

fn mode(mode: Doc<'_>) -> (&'static str, i64) {
    let count = |part: Doc<'_>, field: &str| if part.has(field) { part.number(field) } else { 1 };
    if mode.has("Global") {
        ("global", 0)
    } else if mode.has("GlobalJob") {
        ("global-job", 0)
    } else if mode.has("ReplicatedJob") {
        ("replicated-job", count(mode.at("ReplicatedJob"), "TotalCompletions"))
    } else {
        ("replicated", count(mode.at("Replicated"), "Replicas"))
    }
}
