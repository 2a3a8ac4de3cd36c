//! What the starter packs allow and refuse. Each refusal is checked down to the rule.

use crate::kit::{HOST, World, facts, parts};
use std::collections::BTreeSet;
use wharden_model::{
    Action, ActionGroup, AdminAction, Effect, FactValue, Facts, Principal, ResourceKind, action::AdminKind,
};
use wharden_policy::{AdminCompiled, AdminQuery, AdminResource, packs, validate};

const USERS: &[(&str, &[&str])] = &[
    ("vera", &["viewers"]),
    ("alice", &["launchers"]),
    ("dave", &["developers"]),
    ("bert", &["builders"]),
    ("olga", &["operators"]),
    ("adam", &["admins"]),
    ("eve", &["launchers", "privileged-launchers"]),
    ("sam", &["security"]),
    ("aud", &["auditors"]),
];

fn pack(name: &str) -> &'static str {
    packs().iter().find(|pack| pack.name == name).expect("a pack").text
}

fn world(names: &[&str], labels: &str) -> World {
    World::new(&names.iter().map(|name| (*name, pack(name))).collect::<Vec<_>>(), USERS, labels)
}

fn set(items: &[&str]) -> FactValue {
    FactValue::Set(items.iter().map(|s| (*s).to_owned()).collect())
}

/// A plain container as the guard sees it.
fn ordinary() -> Facts {
    ordinary_for(Action::ContainerCreate)
}

/// The same, when it is started.
fn ordinary_for(action: Action) -> Facts {
    facts(
        action,
        &[
            ("user", "1000".into()),
            ("network_mode", "default".into()),
            ("networks", set(&["bridge"])),
            ("seccomp", "default".into()),
            ("apparmor", "default".into()),
            ("no_new_privileges", true.into()),
            ("image", "docker.io/library/nginx:1.27".into()),
        ],
    )
}

#[test]
fn packs_are_valid_and_every_rule_explains_itself() {
    let known: BTreeSet<&str> =
        ["2.13", "2.18", "5.26", "5.2", "5.3", "5.4", "5.5", "5.6", "5.8", "5.10", "5.11", "5.16", "5.17", "5.18"]
            .into_iter()
            .chain(["4.1", "5.20", "5.21", "5.22", "5.23", "5.24", "5.25", "5.30", "5.31", "5.32"])
            .collect();
    for pack in packs() {
        let rules = validate(pack.text).unwrap_or_else(|issues| panic!("{}: {issues:#?}", pack.name)).rules;
        assert!(!rules.is_empty() && !pack.summary.is_empty() && pack.text.starts_with("//"), "{}", pack.name);
        for rule in rules {
            assert!(rule.named && !rule.reason.is_empty(), "{}/{}", pack.name, rule.id);
            assert!(rule.effect == Effect::Allow || !rule.severity.is_empty(), "{}/{}", pack.name, rule.id);
            assert!(rule.cis.is_empty() || known.contains(rule.cis.as_str()), "{}: {}", rule.id, rule.cis);
        }
    }
}

#[test]
fn roles_are_a_table_of_actions() {
    let world = world(&["roles"], "");
    let looks = |action: Action| {
        action.group() == ActionGroup::Read
            && !matches!(
                action,
                Action::ContainerExport
                    | Action::ContainerArchiveRead
                    | Action::ImageExport
                    | Action::ImageSearch
                    | Action::DistributionInspect
                    | Action::PluginPrivileges
                    | Action::SystemAuth
            )
    };
    let launches = |action: Action| {
        use Action as A;
        let own = [
            A::ContainerCreate,
            A::ContainerStart,
            A::ContainerStop,
            A::ContainerRestart,
            A::ContainerKill,
            A::ContainerPause,
            A::ContainerUnpause,
            A::ContainerAttach,
            A::ContainerResize,
            A::ContainerExec,
            A::ContainerArchiveRead,
            A::ContainerArchiveWrite,
            A::ExecStart,
            A::ExecResize,
        ];
        own.contains(&action)
    };
    // Of networks, volumes and connections only what is plain, see the next test.
    let keeps_house = |action: Action| {
        use Action as A;
        matches!(
            action,
            A::ContainerDelete | A::ContainerRename | A::ContainerUpdate | A::NetworkDelete | A::VolumeDelete
        )
    };
    let builds = |action: Action| {
        use Action as A;
        let all = [
            A::ImageBuild,
            A::ImageSearch,
            A::ImagePull,
            A::DistributionInspect,
            A::SystemAuth,
            A::ImageLoad,
            A::ImageTag,
            A::BuildSession,
            A::BuildGrpc,
            A::BuildCancel,
        ];
        all.contains(&action)
    };
    let operates = |action: Action| !matches!(action.group(), ActionGroup::Host | ActionGroup::None);
    let greets = |action: Action| matches!(action, Action::SystemPing | Action::SystemVersion);
    for action in Action::ALL.iter().copied() {
        for (user, own, expected) in [
            ("vera", true, looks(action)),
            ("alice", true, looks(action) || launches(action)),
            ("alice", false, looks(action)),
            ("dave", true, looks(action) || launches(action) || keeps_house(action)),
            ("dave", false, looks(action)),
            ("bert", true, looks(action) || builds(action)),
            ("olga", false, looks(action) || operates(action)),
            ("adam", false, action != Action::Unknown),
            ("nobody", true, greets(action)),
            ("sam", true, greets(action)),
        ] {
            let resource = world.resource(action, if own { user } else { "someone" });
            let decision = world.decide(user, action, &resource, &Facts::zero(action));
            assert_eq!(decision.effect == Effect::Allow, expected, "{user} {action} own={own}: {decision:?}");
            assert!(decision.errors.is_empty(), "{decision:?}");
        }
    }
}

#[test]
fn developers_make_plain_networks_and_volumes_of_their_own() {
    let world = world(&["roles", "baseline"], "");
    let tries = |action: Action, owner: &str, plain: &[(&str, FactValue)], more: &[(&str, FactValue)]| {
        let facts = facts(action, &[plain, more].concat());
        world.decide("dave", action, &world.resource(action, owner), &facts).effect == Effect::Allow
    };
    let network = [("driver", "bridge".into()), ("ipam_driver", "default".into())];
    let connection = [("container_owner", "dave".into())];
    let volume = [("driver", "local".into())];
    use Action::{NetworkConnect, NetworkCreate, NetworkDisconnect, VolumeCreate};
    for (action, plain, others) in [
        (
            NetworkCreate,
            network.as_slice(),
            vec![
                ("driver", "macvlan".into()),
                ("ipam_driver", "theirs".into()),
                ("scope", "swarm".into()),
                ("name", "docker_gwbridge".into()),
                ("name", "ingress".into()),
                ("options", set(&["com.docker.network.bridge.name=docker0"])),
                ("subnets", set(&["10.0.0.0/24"])),
                ("gateways", set(&["10.0.0.1"])),
                ("ingress", true.into()),
                ("config_only", true.into()),
                ("config_from", "x".into()),
            ],
        ),
        (NetworkConnect, &connection, vec![("container_owner", "alice".into()), ("container_owner", "".into())]),
        (NetworkDisconnect, &connection, vec![("container_owner", "alice".into()), ("container_owner", "".into())]),
        (
            VolumeCreate,
            &volume,
            vec![("driver", "rexray".into()), ("driver_options", set(&["type=tmpfs"])), ("cluster", true.into())],
        ),
    ] {
        assert!(tries(action, "dave", plain, &[]), "{action}");
        assert!(!tries(action, "alice", plain, &[]) && !tries(action, "", plain, &[]), "{action} of somebody else");
        for other in others {
            assert!(!tries(action, "dave", plain, std::slice::from_ref(&other)), "{action} {other:?}");
        }
    }
}

#[test]
fn launchers_and_builders_do_what_the_docker_client_needs_and_no_more() {
    let world = world(&["roles", "baseline", "segmentation"], "env=prod");
    for action in [
        Action::SystemPing,
        Action::SystemVersion,
        Action::SystemInfo,
        Action::ImageInspect,
        Action::ContainerWait,
        Action::ContainerAttach,
        Action::ContainerResize,
        Action::ContainerLogs,
        Action::ContainerInspect,
        Action::ContainerList,
        Action::SystemEvents,
        Action::ContainerStop,
        Action::ExecStart,
        Action::ExecResize,
        Action::ExecInspect,
        Action::NetworkList,
    ] {
        world.allows("alice", action, &world.resource(action, "alice"), &Facts::zero(action));
    }
    world.allows("alice", Action::ContainerCreate, &world.resource(Action::ContainerCreate, "alice"), &ordinary());
    for action in [Action::ContainerStart, Action::ContainerRestart] {
        world.allows("alice", action, &world.resource(action, "alice"), &ordinary_for(action));
    }
    let exec = facts(Action::ContainerExec, &[("user", "1000".into())]);
    world.allows("alice", Action::ContainerExec, &world.resource(Action::ContainerExec, "alice"), &exec);
    for action in [Action::ContainerDelete, Action::ImagePush, Action::ImageBuild, Action::ImagePull] {
        world.refuses("alice", action, &world.resource(action, "alice"), &Facts::zero(action), None);
    }
    world.allows("bert", Action::SystemAuth, &world.resource(Action::SystemAuth, ""), &Facts::zero(Action::SystemAuth));
    world.refuses("bert", Action::ContainerCreate, &world.resource(Action::ContainerCreate, "bert"), &ordinary(), None);
    for action in [Action::ImagePush, Action::ImageDelete, Action::ContainerDelete] {
        world.refuses("bert", action, &world.resource(action, "bert"), &Facts::zero(action), None);
    }
}

/// Each line is one thing that the baseline refuses, and the rule that does.
#[test]
fn the_baseline_refuses_what_reaches_into_the_host() {
    let strict = world(&["roles", "baseline"], "env=prod");
    let exempt = world(&["roles", "baseline"], "env=prod,privileged-launchers=allowed");
    let cases: &[(&str, &[(&str, FactValue)])] = &[
        ("no-privileged", &[("privileged", true.into())]),
        ("no-added-capabilities", &[("cap_add", set(&["SYS_ADMIN"]))]),
        ("no-added-capabilities", &[("cap_add", set(&["ALL"]))]),
        ("no-added-capabilities", &[("cap_add", set(&["CHOWN", "NET_ADMIN"]))]),
        ("no-root", &[("root_user", true.into()), ("user", "".into())]),
        ("no-root", &[("root_user", true.into()), ("user_by_name", true.into()), ("user", "toor".into())]),
        ("no-host-paths-as-others", &[("host_paths", set(&["/srv/data"]))]),
        ("no-host-path-volumes", &[("volume_paths", set(&["/srv/data"]))]),
        ("no-mounted-file-systems", &[("file_systems", set(&["nfs", "tmpfs"]))]),
        ("no-mounts-over-network-files", &[("network_file_targets", set(&["/etc/hosts"]))]),
        ("no-unconfined-seccomp", &[("seccomp", "builtin".into())]),
        ("no-mounts-over-devices", &[("device_targets", set(&["/dev"]))]),
        ("no-replaceable-host-paths", &[("replaceable_paths", set(&["/tmp/x"]))]),
        ("no-unreachable-host-paths", &[("unreachable_paths", set(&["/srv/closed/x"]))]),
        ("no-volumes-of-others", &[("foreign_volumes", set(&["bobs"]))]),
        ("no-remote-log-drivers", &[("log_driver", "syslog".into())]),
        ("no-foreign-namespaces", &[("foreign_namespaces", set(&["pid:abc"]))]),
        ("no-engine-socket", &[("engine_socket", true.into())]),
        ("no-new-privileges", &[("no_new_privileges", false.into())]),
        ("no-sensitive-host-paths", &[("sensitive_paths", set(&["/etc"]))]),
        ("no-borrowed-mounts", &[("volumes_from", set(&["abc"]))]),
        ("no-shared-propagation", &[("mount_propagation", set(&["rshared"]))]),
        ("no-annotations", &[("annotations", set(&["org.systemd.property.Conflicts=['x.service']"]))]),
        ("no-routing-sysctls", &[("routing_sysctls", set(&["net.ipv4.conf.all.proxy_arp"]))]),
        ("no-shared-mac-addresses", &[("shared_mac_addresses", set(&["02:42:ac:11:00:03"]))]),
        ("no-other-runtimes", &[("runtime", "runc".into())]),
        ("no-image-mounts", &[("mount_types", set(&["image", "volume"]))]),
        ("no-devices", &[("devices", set(&["/dev/null"]))]),
        ("no-devices", &[("device_cgroup_rules", set(&["c 1:3 mr"]))]),
        ("no-devices", &[("device_requests", set(&["nvidia:all"]))]),
        ("no-host-network", &[("host_namespaces", set(&["network"]))]),
        ("no-host-pid", &[("host_namespaces", set(&["pid"]))]),
        ("no-host-ipc", &[("host_namespaces", set(&["ipc"]))]),
        ("no-host-uts", &[("host_namespaces", set(&["uts"]))]),
        ("no-host-user", &[("host_namespaces", set(&["user"]))]),
        ("no-host-cgroup", &[("host_namespaces", set(&["cgroup"]))]),
        ("no-unconfined-seccomp", &[("seccomp", "unconfined".into())]),
        ("no-unconfined-seccomp", &[("seccomp", "custom".into())]),
        ("no-unconfined-apparmor", &[("apparmor", "unconfined".into())]),
        ("no-disabled-labels", &[("label_disabled", true.into())]),
        ("no-unmasked-paths", &[("unmasked_paths", true.into())]),
        ("no-unmasked-paths", &[("writable_proc_paths", true.into())]),
        ("no-foreign-cgroup", &[("cgroup_parent", "/system.slice".into())]),
        ("no-oom-protection", &[("oom_kill_disable", true.into())]),
        ("no-oom-protection", &[("oom_score_adj", (-500).into())]),
    ];
    let create = Action::ContainerCreate;
    let all = [create, Action::ContainerStart, Action::ContainerRestart];
    for ((rule, changes), create) in cases.iter().flat_map(|case| all.map(|action| (case, action))) {
        let made_once = [
            "no-new-privileges",
            "no-host-path-volumes",
            "no-mounted-file-systems",
            "no-other-runtimes",
            "no-shared-mac-addresses",
        ];
        if made_once.contains(rule) && create != Action::ContainerCreate {
            continue;
        }
        // The engine says that by itself where the host has cgroup v1.
        if *rule == "no-host-cgroup" && create != Action::ContainerCreate {
            continue;
        }
        let mut facts = ordinary_for(create);
        for (name, value) in *changes {
            facts.set(name, value.clone());
        }
        for user in ["alice", "olga", "adam", "eve"] {
            // Whoever operates may make things anew as an inspection says.
            if *rule == "no-shared-mac-addresses" && ["olga", "adam"].contains(&user) {
                strict.allows(user, create, &strict.resource(create, user), &facts);
                continue;
            }
            let rule = format!("baseline/{rule}");
            strict.refuses(user, create, &strict.resource(create, user), &facts, Some(&rule));
        }
        // The exemption needs the user's group and the host's label.
        exempt.refuses("alice", create, &exempt.resource(create, "alice"), &facts, Some(&format!("baseline/{rule}")));
        exempt.allows("eve", create, &exempt.resource(create, "eve"), &facts);
    }
    for (name, value) in [
        ("cap_add", set(&["NET_BIND_SERVICE"])),
        ("file_systems", set(&["tmpfs"])),
        ("volumes", set(&["data"])),
        ("restart_policy", "always".into()),
        ("mount_propagation", set(&["rprivate"])),
        ("host_ports", FactValue::LongSet(BTreeSet::from([8080]))),
        ("apparmor", "docker-default".into()),
        ("log_driver", "local".into()),
    ] {
        let mut facts = ordinary();
        facts.set(name, value);
        strict.allows("alice", create, &strict.resource(create, "alice"), &facts);
    }
    // Files of the host are for the account that they are of, unless the host is said to have no such accounts.
    let mut facts = ordinary();
    facts.set("host_paths", set(&["/srv/data"]));
    let shared = world(&["roles", "baseline"], "host-paths=shared");
    shared.allows("alice", create, &shared.resource(create, "alice"), &facts);
    facts.set("runs_as_owner", true);
    strict.allows("alice", create, &strict.resource(create, "alice"), &facts);
}

#[test]
fn the_baseline_covers_the_other_ways_in() {
    let world = world(&["roles", "baseline"], "env=prod");
    for (action, rule, fact, value) in [
        (Action::ContainerExec, "no-privileged-exec", "privileged", FactValue::Bool(true)),
        (Action::ExecStart, "no-privileged-exec", "privileged", true.into()),
        (Action::ContainerExec, "no-exec-in-privileged", "host_access", set(&["pid"])),
        (Action::ContainerExec, "no-root-exec", "root_user", true.into()),
        (Action::ContainerArchiveWrite, "no-copies-beside-mounts", "host_paths", set(&["/srv"])),
        (Action::ContainerArchiveRead, "no-copies-beside-mounts", "host_paths", set(&["/srv"])),
        (Action::ContainerArchiveStat, "no-copies-beside-mounts", "mounted", set(&["/data"])),
        (Action::ContainerExec, "no-host-paths-as-others", "host_paths", set(&["/srv"])),
        (Action::ServiceUpdate, "no-host-paths-as-others", "host_paths", set(&["/srv"])),
        (Action::ServiceCreate, "no-unreachable-host-paths", "unreachable_paths", set(&["/srv/closed/x"])),
        (Action::ServiceCreate, "no-host-path-volumes", "volume_paths", set(&["/srv"])),
        (Action::VolumeCreate, "no-host-path-volumes", "volume_paths", set(&["/srv"])),
        (Action::VolumeCreate, "no-cluster-volumes", "cluster", true.into()),
        (Action::ServiceCreate, "no-image-mounts", "mount_types", set(&["image"])),
        (Action::VolumeCreate, "no-mounted-file-systems", "file_systems", set(&["cifs"])),
        (Action::ImageBuild, "no-foreign-namespaces", "foreign_namespaces", set(&["network:x"])),
        (Action::VolumeCreate, "no-replaceable-host-paths", "replaceable_paths", set(&["/tmp/x"])),
        (Action::ContainerStart, "no-foreign-checkpoints", "checkpoint_dir", "/tmp/x".into()),
        (Action::ContainerCheckpointCreate, "no-foreign-checkpoints", "checkpoint_dir", "/tmp/x".into()),
        (Action::ContainerCheckpointList, "no-foreign-checkpoints", "checkpoint_dir", "/tmp/x".into()),
        (Action::ContainerCheckpointDelete, "no-foreign-checkpoints", "checkpoint_dir", "/tmp/x".into()),
        (Action::VolumeCreate, "no-sensitive-host-paths", "sensitive_paths", set(&["/"])),
        (Action::VolumeCreate, "no-engine-socket", "engine_socket", true.into()),
        (Action::ImageBuild, "no-host-network-elsewhere", "host_network", true.into()),
        (Action::ImageBuild, "no-foreign-cgroup", "cgroup_parent", "/".into()),
        (Action::ServiceCreate, "no-service-plugins", "runtime", "plugin".into()),
        (Action::ServiceUpdate, "no-added-capabilities", "cap_add", set(&["SYS_ADMIN"])),
        (Action::ServiceCreate, "no-host-network-elsewhere", "host_network", true.into()),
        (Action::ServiceUpdate, "no-mounts-over-devices", "device_targets", set(&["/dev/null"])),
    ] {
        let mut facts = Facts::zero(action);
        if facts.get("seccomp").is_some() {
            facts.set("seccomp", "default");
            facts.set("apparmor", "default");
        }
        world.allows("adam", action, &world.resource(action, "adam"), &facts);
        facts.set(fact, value);
        world.refuses("adam", action, &world.resource(action, "adam"), &facts, Some(&format!("baseline/{rule}")));
    }
}

#[test]
fn tiers_do_not_share_networks() {
    let world = world(&["roles", "segmentation"], "");
    let create = |user: &str, labels: &[&str], networks: &[&str], rule: Option<&str>| {
        let mut facts = ordinary();
        facts.set("labels", BTreeSet::from_iter(labels.iter().map(|l| (*l).to_owned())));
        facts.set("networks", BTreeSet::from_iter(networks.iter().map(|n| (*n).to_owned())));
        let resource = world.resource(Action::ContainerCreate, user);
        match rule {
            None => world.allows(user, Action::ContainerCreate, &resource, &facts),
            Some(rule) => {
                let rule = format!("segmentation/{rule}");
                world.refuses(user, Action::ContainerCreate, &resource, &facts, Some(&rule));
            }
        }
    };
    create("alice", &["tier=frontend"], &["frontend"], None);
    create("alice", &["tier=backend"], &["backend"], None);
    create("alice", &["tier=gateway"], &["frontend", "backend"], None);
    create("alice", &[], &["bridge"], None);
    create("alice", &["tier=frontend"], &["backend"], Some("frontend-stays-on-frontend"));
    create("alice", &["tier=frontend"], &["frontend", "backend"], Some("frontend-stays-on-frontend"));
    create("alice", &["tier=backend"], &["bridge"], Some("backend-stays-on-backend"));
    create("alice", &[], &["backend"], Some("backend-is-for-backend"));

    let connect = |network: &str, tier: Option<&str>, labels: &[&str], rule: Option<&str>| {
        let action = Action::NetworkConnect;
        let mut resource = world.resource(action, "olga");
        resource.name = network.to_owned();
        resource.labels.extend(tier.map(|tier| ("tier".to_owned(), tier.to_owned())));
        let facts = facts(action, &[("container_labels", set(labels))]);
        match rule {
            None => world.allows("olga", action, &resource, &facts),
            Some(rule) => world.refuses("olga", action, &resource, &facts, Some(&format!("segmentation/{rule}"))),
        }
    };
    connect("frontend", None, &["tier=frontend"], None);
    connect("shop_frontend", Some("frontend"), &["tier=frontend"], None);
    connect("other", None, &[], None);
    connect("backend", None, &["tier=frontend"], Some("frontend-is-connected-to-frontend"));
    connect("shared", None, &["tier=backend"], Some("backend-is-connected-to-backend"));
    connect("shop_backend", Some("backend"), &[], Some("backend-takes-only-backend"));
}

#[test]
fn workloads_and_service_accounts_have_no_role() {
    let world = world(&["roles", "baseline", "segmentation"], "");
    let workload = Principal::Workload {
        container_id: "alice".into(),
        name: "alice".into(),
        image: "x".into(),
        labels: [("group".to_owned(), "admins".to_owned())].into(),
    };
    for principal in [workload, Principal::ServiceAccount { name: "alice".into() }] {
        for action in [Action::ContainerList, Action::ContainerCreate] {
            let decision = world.decide_as(&principal, action, &world.resource(action, "alice"), &Facts::zero(action));
            assert_eq!(decision.effect, Effect::Deny, "{decision:?}");
        }
        let ping = Action::SystemPing;
        let decision = world.decide_as(&principal, ping, &world.resource(ping, ""), &Facts::zero(ping));
        assert_eq!(decision.effect, Effect::Allow);
    }
}

#[test]
fn a_service_account_has_what_it_made_and_nothing_of_a_team() {
    let ci = Principal::ServiceAccount { name: "ci".into() };
    let permit = ("ci", "permit (principal == ServiceAccount::\"ci\", action, resource);");
    let world = World::new(&[("teams", pack("teams")), ("roles", pack("roles")), permit], USERS, "");
    for action in [Action::ContainerCreate, Action::ContainerInspect, Action::VolumeInspect, Action::NetworkInspect] {
        for (owner, effect) in [
            ("service-account:ci", Effect::Allow),
            ("service-account:cd", Effect::Deny),
            ("ci", Effect::Deny),
            ("alice", Effect::Deny),
        ] {
            let decision = world.decide_as(&ci, action, &world.resource(action, owner), &Facts::zero(action));
            assert_eq!(decision.effect, effect, "{action} {owner} {decision:?}");
        }
        let theirs = world.resource(action, "service-account:ci");
        assert_eq!(world.decide("alice", action, &theirs, &Facts::zero(action)).effect, Effect::Deny);
        // A container is not known again.
        let workload = Principal::Workload {
            container_id: "c1".into(),
            name: "web".into(),
            image: String::new(),
            labels: Default::default(),
        };
        let its = world.resource(action, "workload:web");
        assert_eq!(world.decide_as(&workload, action, &its, &Facts::zero(action)).effect, Effect::Deny);
    }
}

#[test]
fn whoever_has_no_role_is_refused_outright_and_nobody_else_is() {
    let world = world(&["roles", "baseline", "teams"], "");
    let host = HOST.parse().expect("valid");
    let outright = |user: &str, action| {
        let denied = world.compiled.denies_outright(&Principal::User { name: user.into() }, action, &host);
        denied.map(|decision| decision.rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>())
    };
    for action in [Action::ImageInspect, Action::ContainerStart, Action::NodeInspect, Action::VolumeDelete] {
        assert_eq!(outright("nobody", action), Some(vec![]), "{action}");
    }
    assert_eq!(outright("nobody", Action::SystemPing), None);
    assert_eq!(outright("vera", Action::ImageInspect), None);
    assert_eq!(outright("vera", Action::ContainerStart), Some(vec![]), "viewers start nothing");
    // Its own ones, which is for the thing to say.
    assert_eq!(outright("alice", Action::ContainerStart), None);
}

#[test]
fn whoever_sees_everything_is_told_from_those_from_whom_something_may_be_hidden() {
    let host = HOST.parse().expect("valid");
    let own = "@id(\"own\") forbid (principal, action == Docker::Action::\"image.inspect\", resource)\n\
               when { resource.name like \"secret/*\" } unless { principal in Group::\"admins\" };";
    let labelled = "@id(\"labelled\") permit (principal == User::\"nobody\", action, resource) when { resource.hasTag(\"team\") };";
    let overflow = "@id(\"cpus\") forbid (principal, action == Docker::Action::\"container.create\", resource)\n\
                    when { context.memory + 1 > 9 && principal in Group::\"nobodies\" };";
    let packed = |names: &[&'static str]| names.iter().map(|name| (*name, pack(name))).collect::<Vec<_>>();
    let (roles, teams) = (packed(&["roles", "baseline"]), packed(&["roles", "baseline", "teams"]));
    let with = |text: &'static str| [&roles[..], &[("more", text)]].concat();
    let (own, labelled, bare) = (with(own), with(labelled), packed(&["roles"]));
    let overflow = [&bare[..], &[("more", overflow)]].concat();
    for (documents, user, action, all) in [
        (&roles, "vera", Action::ContainerInspect, true),
        (&roles, "vera", Action::BuildPrune, false),
        (&roles, "olga", Action::BuildPrune, true),
        (&roles, "nobody", Action::ContainerInspect, false),
        (&teams, "vera", Action::ContainerInspect, false),
        (&teams, "alice", Action::VolumeInspect, false),
        (&teams, "alice", Action::ImageInspect, true),
        (&teams, "olga", Action::ContainerInspect, true),
        (&teams, "adam", Action::VolumeInspect, true),
        (&own, "olga", Action::ImageInspect, false),
        (&own, "adam", Action::ImageInspect, true),
        // Only what has the label.
        (&labelled, "nobody", Action::ContainerInspect, false),
        // It may fail before it comes to whom it is about.
        (&bare, "olga", Action::ContainerCreate, true),
        (&overflow, "olga", Action::ContainerCreate, false),
    ] {
        let compiled = World::new(documents, USERS, "").compiled;
        let told = compiled.allows_everything(&Principal::User { name: user.into() }, action, &host);
        assert_eq!(told, all, "{user} {action}");
    }
}

#[test]
fn admin_roles_are_a_table_of_actions() {
    let (policies, users) = parts(&[("admin-roles", pack("admin-roles")), ("roles", pack("roles"))], USERS);
    let compiled = AdminCompiled::new(&policies, &users).expect("compiles");
    let resource = |kind: AdminKind| match kind {
        AdminKind::User => AdminResource::User("other".parse().expect("valid")),
        AdminKind::Group => AdminResource::Group("some".parse().expect("valid")),
        AdminKind::Host => {
            AdminResource::Host { id: HOST.parse().expect("valid"), labels: "env=prod".parse().expect("valid") }
        }
        AdminKind::Policy => AdminResource::Policy("baseline".parse().expect("valid")),
        AdminKind::Cluster => AdminResource::Cluster("c-0000000000000001".parse().expect("valid")),
    };
    let allowed = |user: &str, action: AdminAction, age: i64| {
        let user = user.parse().expect("valid");
        let resource = resource(action.resource());
        let decision = compiled.decide(&AdminQuery { user: &user, action, resource: &resource, mfa_age_seconds: age });
        assert!(decision.errors.is_empty(), "{decision:?}");
        decision.effect == Effect::Allow
    };
    for action in AdminAction::ALL.iter().copied() {
        use AdminAction as A;
        let read = action.group() == wharden_model::action::AdminGroup::Read;
        assert!(allowed("adam", action, 60), "{action}");
        let writes = matches!(action, A::PolicyCreate | A::PolicyUpdate | A::PackApply);
        assert_eq!(allowed("sam", action, 60), read || writes, "{action}");
        assert_eq!(allowed("aud", action, 60), read, "{action}");
        let seen = matches!(
            action,
            A::HostRead
                | A::InventoryRead
                | A::PolicyRead
                | A::PackRead
                | A::EventRead
                | A::StatusRead
                | A::CapacityRead
                | A::AlertRead
                | A::ClusterRead
        );
        assert_eq!(allowed("vera", action, 60), seen, "{action}");
        let runs = matches!(
            action,
            A::HostLabel
                | A::HostPosture
                | A::TokenRead
                | A::TokenCreate
                | A::TokenDelete
                | A::CapacityUpdate
                | A::AlertUpdate
        );
        assert_eq!(allowed("olga", action, 60), seen || runs, "{action}");
        assert!(!allowed("alice", action, 60) && !allowed("nobody", action, 60), "{action}");
    }
    assert!(!allowed("sam", AdminAction::PolicyDelete, 0), "may update a policy, may not delete it");
    assert!(!allowed("adam", AdminAction::PolicyDelete, 100_000), "the second factor is too old");
    assert!(allowed("adam", AdminAction::PolicyUpdate, 100_000));
    let alice = "alice".parse().expect("valid");
    let own = AdminResource::User("alice".parse().expect("valid"));
    let q = AdminQuery { user: &alice, action: AdminAction::UserRead, resource: &own, mfa_age_seconds: 0 };
    assert_eq!(compiled.decide(&q).effect, Effect::Allow);
    let misfit = AdminQuery { action: AdminAction::HostRevoke, ..q };
    assert!(!compiled.decide(&misfit).errors.is_empty());
}

#[test]
fn every_kind_of_resource_appears_in_the_tables() {
    let kinds: BTreeSet<ResourceKind> = Action::ALL.iter().map(|action| action.resource()).collect();
    assert_eq!(kinds.len(), ResourceKind::ALL.len());
}
