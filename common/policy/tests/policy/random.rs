//! Random rules, users, principals and requests. They are written so that rules often meet requests: few names, few
//! values, and every form of expression that the index answers beside many that it leaves to Cedar.

use crate::kit::HOST;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wharden_model::{Action, FactValue, Facts, Principal, Resource, decision::KnownUser};

/// Users that rules name; the directory knows all but the last.
pub const USERS: [&str; 5] = ["ann", "ben", "cat", "dan", "ghost"];
/// Groups that they may be in.
pub const GROUPS: [&str; 3] = ["dev", "ops", "sec"];
const CAPS: [&str; 3] = ["NET_ADMIN", "SYS_ADMIN", "CHOWN"];

pub fn pick(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(of).prop_map(str::to_owned)
}

fn principal_head() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("principal".to_owned()),
        1 => pick(&["principal is User", "principal is ServiceAccount", "principal is Workload"]),
        2 => proptest::sample::select(&USERS[..]).prop_map(|u| format!("principal == User::\"{u}\"")),
        1 => pick(&[
            "principal in User::\"ann\"", "principal == ServiceAccount::\"ann\"", "principal == Workload::\"c1\"",
            "principal is User in User::\"ben\"", "principal is User in Group::\"dev\"",
            "principal in User::\"service-account:ann\"", "principal is ServiceAccount in User::\"service-account:ci\"",
        ]),
        3 => proptest::sample::select(&GROUPS[..]).prop_map(|g| format!("principal in Group::\"{g}\"")),
    ]
}

fn action_head() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("action".to_owned()),
        6 => Just("action == Docker::Action::\"container.create\"".to_owned()),
        3 => pick(&[
            "action in Docker::Action::\"run\"", "action in [Docker::Action::\"read\", Docker::Action::\"build\"]",
            "action in [Docker::Action::\"run\", Docker::Action::\"container.create\"]",
            "action == Docker::Action::\"container.delete\"", "action in [Docker::Action::\"unknown\"]",
            "action in [Wharden::Action::\"read\", Docker::Action::\"image.pull\"]",
            "action == Wharden::Action::\"policy.read\"",
        ]),
    ]
}

fn resource_head() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("resource".to_owned()),
        3 => pick(&[
            "resource in HostGroup::\"env=prod\"", "resource in HostGroup::\"env=dev\"",
            "resource in HostGroup::\"zone=a\"", "resource in Host::\"h-0000000000000001\"",
            "resource in Host::\"h-0000000000000002\"", "resource is Docker::Container",
            "resource is Docker::Container in HostGroup::\"env=prod\"", "resource is Docker::Engine",
            "resource == Docker::Container::\"c1\"", "resource in Docker::Container::\"c1\"",
            "resource is Docker::Image in Host::\"h-0000000000000001\"",
            "resource == Docker::Engine::\"h-0000000000000001\"",
        ]),
    ]
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => pick(&[
            "context.api_version + 9223372036854775807 > 5",
            "context.api_version * 9223372036854775807 > 5",
            "Workload::\"c1\".name == \"web\"",
            "Docker::Container::\"c1\".name == \"web\"",
        ]),
        4 => pick(&[
            "context.privileged", "context.privileged == false", "false == context.privileged",
            "context.privileged != true", "context.memory > 10", "10 >= context.memory", "context.memory <= 0",
            "context.memory == 5", "-1 < context.memory", "context.memory + 9223372036854775807 > 5",
            "context.memory * context.memory > 4", "context.memory == context.pids_limit",
            "context.cap_add.contains(\"SYS_ADMIN\")", "context.cap_add.containsAny([\"SYS_ADMIN\", \"CHOWN\"])",
            "context.cap_add.containsAll([\"SYS_ADMIN\", \"CHOWN\"])", "[\"CHOWN\"].containsAll(context.cap_add)",
            "[\"CHOWN\", \"X\"].containsAny(context.cap_add)", "context.cap_add.isEmpty()",
            "context.cap_add == [\"CHOWN\"]", "context.cap_add.containsAll(context.cap_drop)",
            "context.user == \"root\"", "[\"root\", \"0\"].contains(context.user)", "context.user != \"\"",
            "context.user like \"ro*\"", "context.user like \"*\"", "context.user like \"*o*t\"",
            "context.host_ports.contains(80)", "[80, 443].containsAll(context.host_ports)",
            "context.host_ports.containsAny([80, 8080])", "context.host_ports.isEmpty()",
            "if context.privileged then context.memory > 10 else context.user == \"root\"",
        ]),
        2 => pick(&[
            "context.api_version > 40", "context.api_version + 9223372036854775807 > 5", "context.method == \"POST\"", "context.path like \"/containers/*\"",
            "context has privileged", "context has privileged && context.privileged",
            "!(context has memory) || context.memory < 100", "context has user && context.user == \"root\"",
            "action in Docker::Action::\"read\"", "action == Docker::Action::\"container.create\"",
            "action in [Docker::Action::\"run\", Docker::Action::\"remove\"]",
        ]),
        3 => pick(&[
            "principal in Group::\"dev\"", "principal in [Group::\"dev\", Group::\"ops\", User::\"cat\"]",
            "principal == User::\"ann\"", "User::\"ann\" == principal", "principal != User::\"ben\"",
            "principal is User", "principal is Workload", "principal is User in Group::\"sec\"",
            "principal is User && principal.disabled", "principal.name == \"ann\"", "principal.name like \"*a*\"",
            "principal is Workload && principal.hasTag(\"tier\") && principal.getTag(\"tier\") == \"web\"",
            "principal is Workload && principal.image == \"nginx\"",
            "User::\"ann\" in Group::\"dev\"", "User::\"cat\".disabled", "User::\"ghost\".name == \"ghost\"",
            "ServiceAccount::\"ci\".name == \"ci\"",
        ]),
        3 => pick(&[
            "resource in HostGroup::\"env=prod\"", "resource in HostGroup::\"env=dev\"",
            "resource in [HostGroup::\"zone=a\", HostGroup::\"env=dev\"]", "resource in Host::\"h-0000000000000001\"",
            "resource.name == \"web\"", "resource.image like \"ng*\"", "resource has owner",
            "resource has owner && resource.owner == principal", "resource has owner && resource.owner != principal",
            "resource has owner && principal in resource.owner", "principal in resource.owner",
            "principal in User::\"service-account:ci\"", "principal == User::\"service-account:ci\"",
            "principal is ServiceAccount in User::\"service-account:ann\"", "resource has owner && resource.owner in User::\"service-account:ci\"",
            "resource has owner && resource.owner in Group::\"ops\"", "resource has owner && resource.owner.disabled",
            "resource.hasTag(\"tier\")", "resource.hasTag(\"tier\") && resource.getTag(\"tier\") == \"frontend\"",
            "resource is Docker::Container", "resource == Docker::Container::\"c1\"", "principal == resource",
            "Host::\"h-0000000000000001\".hasTag(\"env\") && Host::\"h-0000000000000001\".getTag(\"env\") == \"prod\"",
            "Host::\"h-0000000000000001\" in HostGroup::\"env=prod\"", "true", "false", "1 == 2",
        ]),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            2 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("if {a} then {b} else {c}")),
        ]
    })
}

pub fn rule() -> impl Strategy<Value = String> {
    let clause = (pick(&["when", "when", "unless"]), expression());
    (
        pick(&["permit", "permit", "forbid"]),
        principal_head(),
        action_head(),
        resource_head(),
        proptest::collection::vec(clause, 0..3),
    )
        .prop_map(|(effect, principal, action, resource, clauses)| {
            let clauses: String = clauses.iter().map(|(kind, body)| format!("\n{kind} {{ {body} }}")).collect();
            format!("{effect} ({principal}, {action}, {resource}){clauses};")
        })
}

pub fn users() -> impl Strategy<Value = Vec<KnownUser>> {
    let user = (proptest::collection::btree_set(0..GROUPS.len(), 0..3), prop::bool::weighted(0.15));
    proptest::collection::vec(user, 4).prop_map(|users| {
        users
            .into_iter()
            .zip(USERS)
            .map(|((groups, disabled), name)| KnownUser {
                name: name.parse().expect("valid"),
                groups: groups.into_iter().map(|g| GROUPS[g].parse().expect("valid")).collect(),
                disabled,
            })
            .collect()
    })
}

fn labels_of_thing() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop_oneof![
        Just(BTreeMap::new()),
        pick(&["frontend", "backend", "web"]).prop_map(|tier| BTreeMap::from([("tier".to_owned(), tier)])),
    ]
}

pub fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        5 => proptest::sample::select(&USERS[..]).prop_map(|u| Principal::User { name: u.to_owned() }),
        1 => pick(&["ci", "ann"]).prop_map(|name| Principal::ServiceAccount { name }),
        1 => (pick(&["c1", "c9"]), pick(&["web", "ann"]), pick(&["nginx", "x"]), labels_of_thing())
            .prop_map(|(container_id, name, image, labels)| Principal::Workload { container_id, name, image, labels }),
    ]
}

pub fn request() -> impl Strategy<Value = (Action, Resource, Facts)> {
    let action = prop_oneof![
        6 => Just(Action::ContainerCreate),
        3 => proptest::sample::select(vec![
            Action::ContainerStart, Action::ContainerDelete, Action::ImagePull, Action::SystemPing,
            Action::SystemInfo, Action::ContainerLogs, Action::Unknown,
        ]),
    ];
    let thing = (
        pick(&["c1", "c2", HOST]),
        pick(&["web", "db"]),
        pick(&["nginx", "redis"]),
        pick(&["", "ann", "ben", "ghost", "service-account:ci", "service-account:ann"]),
        labels_of_thing(),
    );
    let values = (
        any::<bool>(),
        proptest::sample::select(vec![0_i64, 5, 11, 4_000_000_000]),
        proptest::collection::btree_set(proptest::sample::select(&CAPS[..]).prop_map(str::to_owned), 0..3),
        pick(&["", "root", "0", "app"]),
        proptest::collection::btree_set(proptest::sample::select(vec![80_i64, 443, 8080]), 0..3),
    );
    (action, thing, values).prop_map(|(action, (id, name, image, owner, labels), values)| {
        let resource = Resource { kind: action.resource(), id, name, image, owner, labels };
        let mut facts = Facts::zero(action);
        let (privileged, memory, caps, user, ports) = values;
        for (name, value) in [
            ("api_version", FactValue::Long(41)),
            ("method", "POST".into()),
            ("path", "/containers/create".into()),
            ("privileged", privileged.into()),
            ("memory", memory.into()),
            ("cap_add", caps.into()),
            ("user", user.into()),
            ("host_ports", ports.into()),
        ] {
            if facts.get(name).is_some() {
                facts.set(name, value);
            }
        }
        (action, resource, facts)
    })
}
