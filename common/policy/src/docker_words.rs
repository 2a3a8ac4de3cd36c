//! Changes of a request in words of the docker command, where it has some.

use crate::lever::SOMEBODY;
use wharden_model::{FactValue, api::ChangeOp};

/// How docker writes what a fact came from.
const FLAGS: &[(&str, &str)] = &[
    ("privileged", "--privileged"),
    ("cap_add", "--cap-add"),
    ("cap_drop", "--cap-drop"),
    ("volumes_from", "--volumes-from"),
    ("network_mode", "--network"),
    ("networks", "--network"),
    ("publish_all_ports", "--publish-all"),
    ("host_ports", "--publish"),
    ("exposed_ports", "--expose"),
    ("security_opt", "--security-opt"),
    ("devices", "--device"),
    ("device_cgroup_rules", "--device-cgroup-rule"),
    ("device_requests", "--gpus"),
    ("runtime", "--runtime"),
    ("sysctls", "--sysctl"),
    ("shared_mac_addresses", "--mac-address"),
    ("user", "--user"),
    ("group_add", "--group-add"),
    ("readonly_rootfs", "--read-only"),
    ("no_new_privileges", "--security-opt no-new-privileges"),
    ("memory", "--memory"),
    ("memory_swap", "--memory-swap"),
    ("memory_reservation", "--memory-reservation"),
    ("cpu_shares", "--cpu-shares"),
    ("cpu_quota", "--cpu-quota"),
    ("pids_limit", "--pids-limit"),
    ("oom_kill_disable", "--oom-kill-disable"),
    ("oom_score_adj", "--oom-score-adj"),
    ("shm_size", "--shm-size"),
    ("restart_policy", "--restart"),
    ("auto_remove", "--rm"),
    ("log_driver", "--log-driver"),
    ("init", "--init"),
    ("cgroup_parent", "--cgroup-parent"),
    ("env_names", "--env"),
    ("labels", "--label"),
    ("hostname", "--hostname"),
    ("links", "--link"),
    ("extra_hosts", "--add-host"),
    ("dns", "--dns"),
    ("ulimits", "--ulimit"),
    ("entrypoint", "--entrypoint"),
    ("force", "--force"),
    ("all_tags", "--all-tags"),
    ("tty", "--tty"),
    ("platform", "--platform"),
    ("checkpoint", "--checkpoint"),
    ("checkpoint_dir", "--checkpoint-dir"),
];

/// What a person would do to make the change.
pub(crate) fn how(fact: &str, op: ChangeOp, value: &FactValue) -> String {
    let shown = match value {
        FactValue::Bool(value) => value.to_string(),
        FactValue::Long(value) => value.to_string(),
        FactValue::String(value) => value.clone(),
        FactValue::Set(_) | FactValue::LongSet(_) => String::new(),
    };
    match (fact, op) {
        ("host_paths", ChangeOp::Remove) => return format!("leave out -v {shown}:..."),
        ("host_paths_writable", ChangeOp::Remove) => return format!("mount {shown} read-only: -v {shown}:...:ro"),
        ("runs_as_owner", ChangeOp::Set) => return "--user UID:GID of the account of your name on the host".to_owned(),
        ("file_systems", ChangeOp::Remove) => return format!("leave out the volume with type={shown}"),
        ("volumes", ChangeOp::Remove) => return format!("leave out the volume {shown}: -v {shown}:..."),
        ("volumes", ChangeOp::Set) => return "leave out --volumes".to_owned(),
        ("mount_propagation", ChangeOp::Remove) => return format!("mount without :{shown}"),
        ("host_namespaces", ChangeOp::Remove) => return format!("leave out {}", namespace_flag(&shown)),
        ("host_network", _) => return "leave out --network host".to_owned(),
        ("shared_namespaces", ChangeOp::Remove) => return format!("do not share {shown}"),
        ("host_ports", ChangeOp::Remove) => return format!("leave out --publish {shown}:..."),
        ("user", ChangeOp::Set) if shown == SOMEBODY => {
            return format!("--user {shown} (any number other than 0), or an image with such a USER");
        }
        ("tags", ChangeOp::Remove) => return format!("leave out the name {shown}"),
        ("command", ChangeOp::Set) => return "leave out the command".to_owned(),
        _ => {}
    }
    let flag = FLAGS.iter().find(|(name, _)| *name == fact).map(|(_, flag)| *flag);
    match (flag, op, value) {
        (Some(flag), ChangeOp::Set, FactValue::Bool(false)) => format!("leave out {flag}"),
        (Some(flag), ChangeOp::Set, FactValue::Bool(true)) => format!("add {flag}"),
        (Some(flag), ChangeOp::Set, FactValue::Long(1)) => format!("{flag} with a number above 0"),
        (Some(flag), ChangeOp::Set, FactValue::Long(0)) => format!("leave out {flag}"),
        (Some(flag), ChangeOp::Set, _) if shown.is_empty() => format!("leave out {flag}"),
        (Some(flag), ChangeOp::Set, _) => format!("{flag} {shown}"),
        (Some(flag), ChangeOp::Remove, _) => format!("leave out {flag} {shown}"),
        (Some(flag), ChangeOp::Add, _) => format!("add {flag} {shown}"),
        (None, ChangeOp::Remove, _) => format!("{fact} without {shown}"),
        (None, ChangeOp::Add, _) => format!("{fact} with {shown}"),
        (None, ChangeOp::Set, _) if shown.is_empty() => format!("without {fact}"),
        (None, ChangeOp::Set, _) => format!("{fact} {shown}"),
    }
}

fn namespace_flag(name: &str) -> String {
    match name {
        "user" => "--userns host".to_owned(),
        "cgroup" => "--cgroupns host".to_owned(),
        other => format!("--{other} host"),
    }
}
