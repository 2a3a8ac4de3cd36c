//! The oracle: for random policies, entities and requests, the compiled bundle gives the decision, the determining
//! rules and the failed rules of Cedar's own authorizer over every policy, with every fact and every entity.
#![expect(clippy::disallowed_types, reason = "Cedar's constructors take HashMap and HashSet")]

use cedar_policy::{
    Authorizer, Context, Decision as Answer, Effect as CedarEffect, Entities, Entity, EntityUid, PolicyId, PolicySet,
    Request, RestrictedExpression, Schema,
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};
use wharden_model::{
    Action, Bundle, BundlePolicy, Effect, FactType, FactValue, Facts, HostId, Labels, Mode, Posture, Principal,
    Resource, Scope, bundle::BUNDLE_FORMAT, decision::KnownUser, facts,
};
use wharden_policy::{Compiled, Query, schema_text, validate};

const HOST: &str = "h-0000000000000001";
const OTHER_HOST: &str = "h-0000000000000002";
const USERS: [&str; 5] = ["ann", "ben", "cat", "dan", "ghost"];
const GROUPS: [&str; 3] = ["dev", "ops", "sec"];
const CAPS: [&str; 3] = ["NET_ADMIN", "SYS_ADMIN", "CHOWN"];

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from_cedarschema_str(schema_text()).expect("valid").0);

/// The built-in rules, written down again on purpose.
const BUILT_IN: &str = r#"
@id("ping")
permit (principal, action in [Docker::Action::"system.ping", Docker::Action::"system.version"], resource);
@id("disabled-user")
forbid (principal, action, resource) when { principal is User && principal.disabled };
"#;

fn pick(of: &'static [&'static str]) -> impl Strategy<Value = String> {
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

fn rule() -> impl Strategy<Value = String> {
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

fn users() -> impl Strategy<Value = Vec<KnownUser>> {
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

fn principal() -> impl Strategy<Value = Principal> {
    prop_oneof![
        5 => proptest::sample::select(&USERS[..]).prop_map(|u| Principal::User { name: u.to_owned() }),
        1 => pick(&["ci", "ann"]).prop_map(|name| Principal::ServiceAccount { name }),
        1 => (pick(&["c1", "c9"]), pick(&["web", "ann"]), pick(&["nginx", "x"]), labels_of_thing())
            .prop_map(|(container_id, name, image, labels)| Principal::Workload { container_id, name, image, labels }),
    ]
}

fn request() -> impl Strategy<Value = (Action, Resource, Facts)> {
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
        pick(&["", "ann", "ben", "ghost"]),
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

/// Cedar's own answer.
struct Oracle {
    effect: Effect,
    rules: BTreeSet<String>,
    failed: BTreeSet<String>,
}

fn uid(text: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(text.parse().expect("type"), cedar_policy::EntityId::new(id))
}

fn string(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn tags(labels: &BTreeMap<String, String>) -> Vec<(String, RestrictedExpression)> {
    labels.iter().map(|(key, value)| (key.clone(), string(value))).collect()
}

fn oracle(documents: &[(&str, &str)], users: &[KnownUser], labels: &Labels, q: &Query<'_>) -> Oracle {
    let mut set = PolicySet::new();
    for (name, text) in documents {
        let parsed: PolicySet = text.parse().expect("parses");
        for policy in parsed.policies() {
            let number: usize = policy.id().to_string().trim_start_matches("policy").parse().expect("numbered");
            let id = policy.annotation("id").map_or_else(|| (number + 1).to_string(), str::to_owned);
            set.add(policy.new_id(PolicyId::new(format!("{name}/{id}")))).expect("unique");
        }
    }
    let response = Authorizer::new().is_authorized(&cedar_request(q), &set, &entities(users, labels, q));
    let diagnostics = response.diagnostics();
    let failed: BTreeSet<_> = diagnostics
        .errors()
        .map(|cedar_policy::AuthorizationError::PolicyEvaluationError(e)| e.policy_id().to_string())
        .collect();
    let allow = response.decision() == Answer::Allow && failed.is_empty();
    let wanted = if allow { CedarEffect::Permit } else { CedarEffect::Forbid };
    let rules = diagnostics.reason().filter(|id| set.policy(id).map(cedar_policy::Policy::effect) == Some(wanted));
    Oracle {
        effect: if allow { Effect::Allow } else { Effect::Deny },
        rules: rules.map(ToString::to_string).collect(),
        failed,
    }
}

fn cedar_request(q: &Query<'_>) -> Request {
    let context = Context::from_pairs(q.facts.0.iter().map(|(name, value)| {
        let value = match value {
            FactValue::Bool(value) => RestrictedExpression::new_bool(*value),
            FactValue::Long(value) => RestrictedExpression::new_long(*value),
            FactValue::String(value) => string(value),
            FactValue::Set(set) => RestrictedExpression::new_set(set.iter().map(|v| string(v))),
            FactValue::LongSet(set) => {
                RestrictedExpression::new_set(set.iter().map(|v| RestrictedExpression::new_long(*v)))
            }
        };
        (name.clone(), value)
    }));
    let kind = format!("Docker::{}", q.resource.kind.name());
    Request::new(
        uid(q.principal.entity_type(), q.principal.id()),
        uid("Docker::Action", q.action.name()),
        uid(&kind, &q.resource.id),
        context.expect("context"),
        Some(&SCHEMA),
    )
    .expect("the request conforms to the schema")
}

fn entities(users: &[KnownUser], labels: &Labels, q: &Query<'_>) -> Entities {
    let mut all: HashMap<EntityUid, Entity> = HashMap::new();
    let mut add = |entity: Entity| {
        all.entry(entity.uid()).or_insert(entity);
    };
    let user = |name: &str, groups: Vec<EntityUid>, disabled: bool| {
        let attrs = HashMap::from([
            ("name".to_owned(), string(name)),
            ("disabled".to_owned(), RestrictedExpression::new_bool(disabled)),
        ]);
        Entity::new(uid("User", name), attrs, groups.into_iter().collect()).expect("user")
    };
    for known in users {
        let groups = known.groups.iter().map(|g| uid("Group", g.as_str())).collect();
        add(user(known.name.as_str(), groups, known.disabled));
    }
    for name in USERS.into_iter().chain([q.resource.owner.as_str()]).filter(|name| !name.is_empty()) {
        add(user(name, vec![], false));
    }
    for name in ["ci", "ann"] {
        let attrs = HashMap::from([("name".to_owned(), string(name))]);
        add(Entity::new(uid("ServiceAccount", name), attrs, HashSet::new()).expect("account"));
    }
    if let Principal::Workload { container_id, name, image, labels } = q.principal {
        let attrs = [("name".to_owned(), string(name)), ("image".to_owned(), string(image))];
        add(Entity::new_with_tags(uid("Workload", container_id), attrs, [], tags(labels)).expect("workload"));
    }
    for group in GROUPS {
        add(Entity::with_uid(uid("Group", group)));
    }
    let host_labels = labels.iter().map(|(key, value)| (key.to_owned(), string(value)));
    let groups = labels.groups().map(|group| uid("HostGroup", &group));
    add(Entity::new_with_tags(uid("Host", q.host.as_str()), [], groups, host_labels).expect("host"));
    let mut attrs =
        vec![("name".to_owned(), string(&q.resource.name)), ("image".to_owned(), string(&q.resource.image))];
    if !q.resource.owner.is_empty() {
        attrs.push(("owner".to_owned(), RestrictedExpression::new_entity_uid(uid("User", &q.resource.owner))));
    }
    let kind = format!("Docker::{}", q.resource.kind.name());
    let parents = [uid("Host", q.host.as_str())];
    let resource = uid(&kind, &q.resource.id);
    add(Entity::new_with_tags(resource, attrs, parents, tags(&q.resource.labels)).expect("resource"));
    Entities::from_entities(all.into_values(), Some(&SCHEMA)).expect("the entities conform to the schema")
}

fn bundle(documents: &[(&str, &str)], users: &[KnownUser], labels: &Labels) -> Bundle {
    let policies = documents.iter().map(|(name, text)| BundlePolicy {
        name: name.parse().expect("valid"),
        mode: Mode::Enforce,
        text: (*text).to_owned(),
    });
    Bundle {
        format: BUNDLE_FORMAT,
        cluster_id: "c-0000000000000001".parse().expect("valid"),
        scope: Scope { labels: labels.clone(), posture: Posture::Enforce, host: None },
        policies: policies.collect(),
        users: users.to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn decisions_are_those_of_the_unindexed_authorizer(
        rules in proptest::collection::vec(rule(), 1..14),
        users in users(),
        labels in pick(&["", "env=prod", "env=dev,zone=a", "env=prod,zone=a"]),
        principals in proptest::collection::vec(principal(), 1..4),
        requests in proptest::collection::vec(request(), 1..5),
        on_other_host in prop::bool::weighted(0.2),
    ) {
        let rules: Vec<_> = rules.into_iter().filter(|rule| validate(rule).is_ok()).collect();
        let (first, second) = rules.split_at(rules.len() / 2);
        let (first, second) = (first.join("\n"), second.join("\n"));
        let labels: Labels = labels.parse().expect("valid");
        let documents = [("one", first.as_str()), ("two", second.as_str())];
        let compiled = Compiled::new(&bundle(&documents, &users, &labels), 7).expect("compiles");
        let with_built_in = [("builtin", BUILT_IN), documents[0], documents[1]];
        let host: HostId = if on_other_host { OTHER_HOST } else { HOST }.parse().expect("valid");
        for principal in &principals {
            for (action, resource, facts) in &requests {
                let q = Query { principal, action: *action, resource, host: &host, facts };
                let expected = oracle(&with_built_in, &users, &labels, &q);
                // Twice: the second time from what is kept.
                for _ in 0..2 {
                    let decision = compiled.decide(&q);
                    let told = format!("{q:?}\n{documents:#?}\n{decision:#?}");
                    prop_assert_eq!(decision.effect, expected.effect, "{}", told);
                    let rules: BTreeSet<_> = decision.rules.iter().map(|rule| rule.id.clone()).collect();
                    prop_assert_eq!(&rules, &expected.rules, "{}", told);
                    let failed = decision.errors.iter().filter_map(|e| Some(e.split_once(": ")?.0.to_owned()));
                    prop_assert_eq!(failed.collect::<BTreeSet<_>>(), expected.failed.clone(), "{}", told);
                    prop_assert_eq!(decision.revision, 7);
                }
            }
        }
    }
}

/// The generators must reach what they are for; a comparison of empty sets proves nothing.
#[test]
fn the_generators_make_rules_that_decide() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut valid, mut failing, mut allowed, mut denied) = (0, 0, 0, 0);
    for _ in 0..60 {
        let mut sample = || rule().new_tree(&mut runner).expect("a rule").current();
        let rules: Vec<_> = (0..6).map(|_| sample()).filter(|rule| validate(rule).is_ok()).collect();
        valid += rules.len();
        let text = rules.join("\n");
        let users = users().new_tree(&mut runner).expect("users").current();
        let principal = principal().new_tree(&mut runner).expect("a principal").current();
        let (action, resource, facts) = request().new_tree(&mut runner).expect("a request").current();
        let host = HOST.parse().expect("valid");
        let q = Query { principal: &principal, action, resource: &resource, host: &host, facts: &facts };
        let labels: Labels = "env=prod".parse().expect("valid");
        let decision = Compiled::new(&bundle(&[("one", &text)], &users, &labels), 1).expect("compiles").decide(&q);
        failing += usize::from(!decision.errors.is_empty());
        allowed += usize::from(decision.effect == Effect::Allow);
        denied += usize::from(decision.effect == Effect::Deny && !decision.rules.is_empty());
    }
    assert!(valid > 150 && failing > 0 && allowed > 5 && denied > 5, "{valid} {failing} {allowed} {denied}");
}

/// Facts are what their table says, so that no policy fails on a missing attribute.
#[test]
fn zero_facts_of_every_action_conform_to_the_schema() {
    let host = HOST.parse().expect("valid");
    let principal = Principal::User { name: "ann".into() };
    for action in Action::ALL {
        let facts = Facts::zero(*action);
        assert_eq!(facts.0.len(), facts::specs(*action).count());
        let resource = Resource {
            kind: action.resource(),
            id: "x".into(),
            name: String::new(),
            image: String::new(),
            owner: String::new(),
            labels: BTreeMap::new(),
        };
        cedar_request(&Query {
            principal: &principal,
            action: *action,
            resource: &resource,
            host: &host,
            facts: &facts,
        });
        assert!(facts::specs(*action).all(|spec| spec.ty != FactType::Long || facts.get(spec.name).is_some()));
    }
}
