//! The oracle: for random policies, entities and requests, the compiled bundle gives the decision, the determining
//! rules and the failed rules of Cedar's own authorizer over every policy, with every fact and every entity.
#![expect(clippy::disallowed_types, reason = "Cedar's constructors take HashMap and HashSet")]

use crate::{
    kit::HOST,
    random::{GROUPS, USERS, pick, principal, request, rule, users},
};
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

const OTHER_HOST: &str = "h-0000000000000002";

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::from_cedarschema_str(schema_text()).expect("valid").0);

/// The built-in rules, written down again on purpose.
pub const BUILT_IN: &str = r#"
@id("ping")
permit (principal, action in [Docker::Action::"system.ping", Docker::Action::"system.version"], resource);
@id("disabled-user")
forbid (principal, action, resource) when { principal is User && principal.disabled };
"#;

/// Cedar's own answer.
pub struct Oracle {
    pub effect: Effect,
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

pub fn oracle(documents: &[(&str, &str)], users: &[KnownUser], labels: &Labels, q: &Query<'_>) -> Oracle {
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
        (name.to_string(), value)
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
        let owner = HashSet::from([uid("User", &format!("service-account:{name}"))]);
        add(Entity::new(uid("ServiceAccount", name), attrs, owner).expect("account"));
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

pub fn bundle(documents: &[(&str, &str)], users: &[KnownUser], labels: &Labels) -> Bundle {
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
        ended_sessions: vec![],
        service_accounts: vec![],
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
                // What is refused before its facts are known is refused with them.
                let (none, names) = (Facts::zero(*action), facts::specs(*action).map(|spec| spec.name));
                if compiled.denies_whatever(&Query { facts: &none, ..q }, &names.collect::<Vec<_>>()) {
                    prop_assert_eq!(expected.effect, Effect::Deny, "{:?}\n{:#?}", q, documents);
                }
                // Who is refused outright is refused, and what is forbidden outright is among what forbids, or fails for the thing.
                if let Some(outright) = compiled.denies_outright(principal, *action, &host) {
                    prop_assert_eq!(expected.effect, Effect::Deny, "{:?}\n{:#?}", q, documents);
                    prop_assert!(outright.errors.is_empty() && outright.effect == Effect::Deny);
                    let decision = compiled.decide(&q);
                    let tells = |rule| decision.rules.contains(rule) || !decision.errors.is_empty();
                    prop_assert!(outright.rules.iter().all(tells), "{:?}", outright);
                }
                // Who may do something to everything is not refused for any thing.
                if compiled.allows_everything(principal, *action, &host) {
                    prop_assert_eq!(expected.effect, Effect::Allow, "{:?}\n{:#?}", q, documents);
                }
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
