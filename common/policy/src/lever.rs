//! What a client can change about a request, in terms of its facts, and what follows from each change.
//!
//! Many facts follow from others: whoever leaves out a mount has fewer host paths, and with that perhaps no sensitive
//! ones. Only what a person would change is a lever; the rest is settled by [`apply`], on the careful side: a fact that
//! would be refused stays unless what it came from is gone.

use crate::docker_words::how;
use std::collections::BTreeSet;
use wharden_model::{
    FactValue, Facts,
    api::{ChangeOp, RequestChange},
};

/// Facts that nobody can change by themselves: they follow from others, or from what exists.
const FOLLOW: &[&str] = &[
    "api_version",
    "method",
    "path",
    "sensitive_paths",
    "replaceable_paths",
    "unreachable_paths",
    "volume_paths",
    "engine_socket",
    "foreign_volumes",
    "foreign_subnets",
    "foreign_networks",
    "foreign_namespaces",
    "routing_sysctls",
    "root_user",
    "user_by_name",
    "mount_types",
    "mount_targets",
    "mount_options",
    "seccomp",
    "apparmor",
    "label_disabled",
    "selinux_label",
    "foreign_secrets",
    "foreign_configs",
    "privileged_ports",
    "host_ips",
    "device_permissions",
    "pid_mode",
    "ipc_mode",
    "uts_mode",
    "userns_mode",
    "cgroupns_mode",
    "image",
    "image_registry",
    "image_repository",
    "image_tag",
    "image_digest",
    "image_id",
    "image_names",
    "image_owner",
    "own_image",
    "container",
    "container_id",
    "container_image",
    "container_labels",
    "container_owner",
    "container_networks",
    "container_privileged",
    "container_root_user",
    "host_access",
    "content_unread",
    "names_unread",
    "fields",
    "target",
    "target_registry",
    "target_repository",
    "target_tag",
    "shared_network",
    "websocket",
    "registry_credentials",
    "name",
    "term",
    "container_path",
];

/// Yes-or-no facts that may be turned on to be allowed. Others only ever off: that gives nobody more.
const TURNED_ON: &[&str] = &["readonly_rootfs", "no_new_privileges", "init", "auto_remove", "runs_as_owner"];

/// Texts that may be given a value that a rule names.
const CHOSEN: &[&str] = &["user", "network_mode", "restart_policy", "log_driver", "runtime"];

/// Sets that a value which a rule names may be put into.
const FILLED: &[&str] = &["cap_drop"];

/// Values that stand for nothing having been asked for, where those are not false, 0 or empty.
const UNASKED: &[(&str, &str)] = &[("network_mode", "default"), ("driver", ""), ("restart_policy", "no")];

/// The user that is proposed in place of root.
pub(crate) const SOMEBODY: &str = "1000";

/// What rules compare a fact with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Literals {
    pub longs: BTreeSet<i64>,
    pub strings: BTreeSet<String>,
}

/// The changes of one fact, each by itself. `literals` are what rules compare it with; at most `most` of them count.
pub(crate) fn levers(name: &str, value: &FactValue, literals: &Literals, most: usize) -> Vec<RequestChange> {
    if FOLLOW.contains(&name) {
        return Vec::new();
    }
    let change = |op, value: FactValue| {
        let how = how(name, op, &value);
        RequestChange { fact: name.to_owned(), op, value, how }
    };
    match value {
        FactValue::Bool(true) => vec![change(ChangeOp::Set, false.into())],
        FactValue::Bool(false) if TURNED_ON.contains(&name) => vec![change(ChangeOp::Set, true.into())],
        FactValue::Bool(false) => Vec::new(),
        FactValue::Long(now) => {
            let mut values: Vec<i64> = Vec::new();
            // A bound itself first, the widest before the narrow ones, then what is just beside it.
            for beside in [0, -1, 1] {
                values.extend(literals.longs.iter().rev().map(|v| v.saturating_add(beside)));
            }
            values.push(0);
            let mut known = BTreeSet::from([*now]);
            values.retain(|v| *v >= 0 && known.insert(*v));
            values.into_iter().take(most).map(|v| change(ChangeOp::Set, v.into())).collect()
        }
        FactValue::String(now) => {
            let unasked = UNASKED.iter().find(|(fact, _)| *fact == name).map_or("", |(_, value)| value);
            let named = literals.strings.iter().filter(|_| CHOSEN.contains(&name)).cloned();
            let first = if name == "user" { SOMEBODY } else { unasked };
            let mut values = vec![first.to_owned()];
            values.extend(named);
            values.retain(|v| v != now);
            values.dedup();
            values.into_iter().take(most).map(|v| change(ChangeOp::Set, v.into())).collect()
        }
        FactValue::Set(set) => {
            let out = set.iter().map(|v| change(ChangeOp::Remove, v.clone().into()));
            let wanted = literals.strings.iter().filter(|v| FILLED.contains(&name) && !set.contains(*v));
            out.chain(wanted.take(most).map(|v| change(ChangeOp::Add, v.clone().into()))).collect()
        }
        FactValue::LongSet(set) => {
            let texts = literals.strings.iter().filter(|_| FILLED.contains(&name) && set.is_empty());
            let out = set.iter().map(|v| change(ChangeOp::Remove, (*v).into()));
            out.chain(texts.take(most).map(|v| change(ChangeOp::Add, v.clone().into()))).collect()
        }
    }
}

/// The facts of the request after these changes, with all that follows from them.
#[must_use]
pub fn apply<'a>(facts: &Facts, changes: impl IntoIterator<Item = &'a RequestChange>) -> Facts {
    let mut facts = facts.clone();
    for change in changes {
        let Some(held) = facts.0.get_mut(change.fact.as_str()) else { continue };
        match (change.op, held, &change.value) {
            (ChangeOp::Set, held, value) => *held = value.clone(),
            (ChangeOp::Remove, FactValue::Set(set), FactValue::String(value)) => drop(set.remove(value)),
            (ChangeOp::Remove, FactValue::LongSet(set), FactValue::Long(value)) => drop(set.remove(value)),
            (ChangeOp::Add, FactValue::Set(set), FactValue::String(value)) => drop(set.insert(value.clone())),
            (ChangeOp::Add, held @ FactValue::LongSet(_), FactValue::String(value)) => {
                *held = BTreeSet::from([value.clone()]).into();
            }
            _ => {}
        }
        settle(&mut facts, change);
    }
    facts
}

fn settle(facts: &mut Facts, change: &RequestChange) {
    let text = match &change.value {
        FactValue::String(text) => text.as_str(),
        _ => "",
    };
    match (change.fact.as_str(), change.op) {
        ("host_paths", ChangeOp::Remove) => mounts(facts, text),
        ("host_ports", ChangeOp::Remove) => ports(facts),
        ("devices", ChangeOp::Remove) if is_empty(facts, "devices") => put(facts, "device_permissions", nothing()),
        ("user", _) => {
            let numeric = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b':');
            let is_root = !numeric || text.split(':').next().is_none_or(|uid| uid.bytes().all(|b| b == b'0'));
            put(facts, "root_user", is_root);
            put(facts, "user_by_name", !numeric && !text.is_empty() && text.split(':').next() != Some("root"));
        }
        ("runs_as_owner", _) if change.value == true.into() => {
            put(facts, "root_user", false);
            put(facts, "user_by_name", false);
        }
        ("host_namespaces", ChangeOp::Remove) => namespace(facts, text),
        ("shared_namespaces", ChangeOp::Remove) => {
            without(facts, "foreign_namespaces", |v| v == text);
            namespace(facts, text.split(':').next().unwrap_or(""));
        }
        ("links", ChangeOp::Remove) if is_empty(facts, "links") => {
            without(facts, "shared_namespaces", |v| v.starts_with("link:"));
            without(facts, "foreign_namespaces", |v| v.starts_with("link:"));
        }
        ("volumes", ChangeOp::Remove) => without(facts, "foreign_volumes", |v| v == text),
        ("sysctls" | "endpoint_options" | "driver_options", ChangeOp::Remove) => {
            let left: Vec<String> =
                ["sysctls", "endpoint_options", "driver_options"].iter().flat_map(|fact| texts(facts, fact)).collect();
            let said = |name: &str| left.iter().any(|one| one.replace('/', ".").contains(name));
            without(facts, "routing_sysctls", |name| !said(name));
        }
        ("subnets" | "gateways", ChangeOp::Remove) => without(facts, "foreign_subnets", |v| v == text),
        ("network_mode", _) => {
            without(facts, "host_namespaces", |v| v == "network");
            without(facts, "shared_namespaces", |v| v.starts_with("network:"));
            without(facts, "foreign_namespaces", |v| v.starts_with("network:"));
            put(facts, "foreign_networks", nothing());
            put(facts, "host_network", text == "host");
            put(facts, "networks", BTreeSet::from([text.to_owned()]));
        }
        ("networks", ChangeOp::Remove) => {
            without(facts, "foreign_networks", |v| v == text);
            if facts.get("network_mode") == Some(&text.into()) {
                put(facts, "network_mode", "default");
            }
        }
        ("host_network", _) => put(facts, "network_mode", "default"),
        ("security_opt", ChangeOp::Remove) => security(facts, text),
        ("no_new_privileges", _) => {
            without(facts, "security_opt", |v| v.starts_with("no-new-privileges"));
            if change.value == true.into() {
                with(facts, "security_opt", "no-new-privileges=true");
            }
        }
        _ => {}
    }
}

/// After a host path has gone: what was only true because of it.
fn mounts(facts: &mut Facts, path: &str) {
    without(facts, "host_paths_writable", |v| v == path);
    without(facts, "replaceable_paths", |v| v == path);
    without(facts, "unreachable_paths", |v| v == path);
    without(facts, "volume_paths", |v| v == path);
    let left = texts(facts, "host_paths");
    without(facts, "sensitive_paths", |place| !left.iter().any(|path| related(path, place)));
    if !left.iter().any(|path| may_hold_a_socket(path)) {
        put(facts, "engine_socket", false);
    }
    if left.is_empty() {
        put(facts, "mount_propagation", nothing());
    }
}

/// One is the other, contains it or lies in it.
fn related(path: &str, place: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(path, place) || within(place, path)
}

/// The engine's sockets are files `….sock`, most of them below `/run`. A folder elsewhere may hold one too, which is not
/// known here; such a path keeps the fact only while it could be one of the usual places.
fn may_hold_a_socket(path: &str) -> bool {
    path.rsplit('.').next() == Some("sock") || ["/run", "/var/run"].iter().any(|place| related(path, place))
}

fn ports(facts: &mut Facts) {
    let (low, none) = match facts.get("host_ports") {
        Some(FactValue::LongSet(ports)) => (ports.iter().any(|port| (1..1024).contains(port)), ports.is_empty()),
        _ => (false, true),
    };
    put(facts, "privileged_ports", low);
    if none {
        put(facts, "host_ips", nothing());
    }
}

fn namespace(facts: &mut Facts, name: &str) {
    match name {
        "network" => {
            put(facts, "network_mode", "default");
            without(facts, "networks", |v| v == "host");
        }
        "pid" => put(facts, "pid_mode", ""),
        "ipc" => put(facts, "ipc_mode", ""),
        "uts" => put(facts, "uts_mode", ""),
        "user" => put(facts, "userns_mode", ""),
        "cgroup" => put(facts, "cgroupns_mode", ""),
        _ => {}
    }
}

fn security(facts: &mut Facts, option: &str) {
    match option.split(['=', ':']).next().unwrap_or("") {
        "seccomp" => put(facts, "seccomp", "default"),
        "apparmor" => put(facts, "apparmor", "default"),
        "label" if option.ends_with("disable") => put(facts, "label_disabled", false),
        "label" => put(facts, "selinux_label", ""),
        "no-new-privileges" => put(facts, "no_new_privileges", false),
        "systempaths" => {
            put(facts, "unmasked_paths", false);
            put(facts, "writable_proc_paths", false);
        }
        _ => {}
    }
}

/// Sets a fact that the action has.
fn put(facts: &mut Facts, name: &str, value: impl Into<FactValue>) {
    if let Some(held) = facts.0.get_mut(name) {
        *held = value.into();
    }
}

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

fn without(facts: &mut Facts, name: &str, gone: impl Fn(&str) -> bool) {
    if let Some(FactValue::Set(set)) = facts.0.get_mut(name) {
        set.retain(|value| !gone(value));
    }
}

fn with(facts: &mut Facts, name: &str, value: &str) {
    let mut set = texts(facts, name);
    set.insert(value.to_owned());
    put(facts, name, set);
}

fn texts(facts: &Facts, name: &str) -> BTreeSet<String> {
    match facts.get(name) {
        Some(FactValue::Set(set)) => set.clone(),
        _ => BTreeSet::new(),
    }
}

fn is_empty(facts: &Facts, name: &str) -> bool {
    texts(facts, name).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wharden_model::Action;

    fn set<const N: usize>(values: [&str; N]) -> FactValue {
        values.into_iter().map(str::to_owned).collect::<BTreeSet<_>>().into()
    }

    fn change(fact: &str, op: ChangeOp, value: impl Into<FactValue>) -> RequestChange {
        RequestChange { fact: fact.to_owned(), op, value: value.into(), how: String::new() }
    }

    #[test]
    fn what_follows_from_a_mount_goes_with_the_last_one_that_it_came_from() {
        let mut facts = Facts::zero(Action::ContainerCreate);
        facts.set("host_paths", set(["/etc", "/etc/ssl", "/run/docker.sock"]));
        facts.set("host_paths_writable", set(["/etc"]));
        facts.set("sensitive_paths", set(["/etc", "/run"]));
        facts.set("engine_socket", true);
        let one = apply(&facts, [&change("host_paths", ChangeOp::Remove, "/etc")]);
        assert_eq!(one.get("sensitive_paths"), Some(&set(["/etc", "/run"])), "/etc/ssl lies in it");
        assert_eq!(one.get("host_paths_writable"), Some(&set([])));
        assert_eq!(one.get("engine_socket"), Some(&true.into()));
        let two = apply(&one, [&change("host_paths", ChangeOp::Remove, "/run/docker.sock")]);
        assert_eq!(two.get("sensitive_paths"), Some(&set(["/etc"])));
        assert_eq!(two.get("engine_socket"), Some(&false.into()));
        let root = BTreeSet::from(["/".to_owned()]);
        facts.set("host_paths", root);
        assert_eq!(apply(&facts, []).get("engine_socket"), Some(&true.into()));
        assert!(related("/", "/etc") && related("/etc/ssl", "/etc") && !related("/etcetera", "/etc"));
    }

    #[test]
    fn users_are_root_unless_they_are_a_number_that_is_not() {
        let facts = Facts::zero(Action::ContainerCreate);
        for (user, is_root, by_name) in [
            ("1000", false, false),
            ("1000:0", false, false),
            ("0", true, false),
            ("00:5", true, false),
            ("", true, false),
            ("root", true, false),
            ("app", true, true),
        ] {
            let after = apply(&facts, [&change("user", ChangeOp::Set, user)]);
            assert_eq!(after.get("root_user"), Some(&is_root.into()), "{user}");
            assert_eq!(after.get("user_by_name"), Some(&by_name.into()), "{user}");
        }
    }

    #[test]
    fn namespaces_and_security_options_take_their_modes_with_them() {
        let mut facts = Facts::zero(Action::ContainerCreate);
        facts.set("host_namespaces", set(["network", "pid"]));
        facts.set("network_mode", "host");
        facts.set("networks", set(["host"]));
        facts.set("security_opt", set(["seccomp=unconfined"]));
        facts.set("seccomp", "unconfined");
        let after = apply(
            &facts,
            [
                &change("host_namespaces", ChangeOp::Remove, "network"),
                &change("security_opt", ChangeOp::Remove, "seccomp=unconfined"),
            ],
        );
        assert_eq!(after.get("network_mode"), Some(&"default".into()));
        assert_eq!(after.get("host_namespaces"), Some(&set(["pid"])));
        assert_eq!(after.get("seccomp"), Some(&"default".into()));
    }

    #[test]
    fn levers_speak_docker_and_never_turn_power_on() {
        let none = Literals::default();
        let said = |fact: &str, value: FactValue| -> Vec<String> {
            levers(fact, &value, &none, 8).into_iter().map(|lever| lever.how).collect()
        };
        assert_eq!(said("privileged", true.into()), ["leave out --privileged"]);
        assert!(said("privileged", false.into()).is_empty());
        assert_eq!(said("cap_add", set(["SYS_ADMIN"])), ["leave out --cap-add SYS_ADMIN"]);
        assert_eq!(said("host_paths", set(["/etc"])), ["leave out -v /etc:..."]);
        assert_eq!(said("readonly_rootfs", false.into()), ["add --read-only"]);
        assert!(said("sensitive_paths", set(["/etc"])).is_empty(), "it follows from the mounts");
        let known = Literals { longs: BTreeSet::from([1024]), strings: BTreeSet::new() };
        let memory = levers("memory", &0.into(), &known, 8);
        assert!(memory.iter().any(|lever| lever.how == "--memory 1024"), "{memory:?}");
    }
}
