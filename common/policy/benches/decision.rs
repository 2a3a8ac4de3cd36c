//! One decision, end to end: from the guard's `Query` with every fact of `container.create` to the `Decision`, over
//! 10 to 10,000 rules, beside Cedar's own authorizer on the same rules and questions.
//!
//! `cargo bench -p wharden-policy --bench decision` writes `target/bench/decision.json`.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityUid, PolicyId, PolicySet, Request, RestrictedExpression,
};
use std::{collections::BTreeMap, fmt::Write, hint::black_box, path::PathBuf, time::Instant};
use wharden_model::{
    Action, Bundle, BundlePolicy, FactValue, Facts, HostId, Mode, Posture, Principal, Resource, ResourceKind, Scope,
    bundle::BUNDLE_FORMAT, decision::KnownUser,
};
use wharden_policy::{Compiled, Query, limits::RULES_MAX, packs};

const HOST: &str = "h-0000000000000001";
const LABELS: &str = "env=prod,zone=a";
/// Timed decisions for each size, and questions of Cedar, which is up to a thousand times slower.
const ROUNDS: usize = 20_000;
const CEDAR_BUDGET_MS: u128 = 4_000;

fn main() {
    let mut lines = Vec::new();
    println!("{:>9} {:>9} {:>9} {:>13} {:>11}", "policies", "p50 us", "p99 us", "cedar p50 us", "compile ms");
    for size in [10, 100, 1_000, 10_000] {
        let fleet = Fleet::new(size);
        let start = Instant::now();
        let compiled = Compiled::new(&fleet.bundle, 1).expect("the bundle compiles");
        let compile_ms = start.elapsed().as_millis();
        let mut ours = fleet.time(|q| drop(black_box(compiled.decide(black_box(q)))), ROUNDS, u128::MAX);
        let cedar = fleet.cedar();
        let mut theirs = fleet.time(|q| drop(black_box(cedar.decide(black_box(q)))), ROUNDS, CEDAR_BUDGET_MS);
        fleet.check(&compiled, &cedar);
        let (p50, p99, cedar_p50) = (percentile(&mut ours, 50), percentile(&mut ours, 99), percentile(&mut theirs, 50));
        println!("{size:>9} {p50:>9.2} {p99:>9.2} {cedar_p50:>13.1} {compile_ms:>11}");
        lines.push(format!(
            "{{\"policies\": {size}, \"p50_us\": {p50:.3}, \"p99_us\": {p99:.3}, \"cedar_p50_us\": {cedar_p50:.3}}}"
        ));
    }
    let file = target().join("bench/decision.json");
    std::fs::create_dir_all(file.parent().expect("has a parent")).expect("the folder can be made");
    std::fs::write(&file, format!("[\n  {}\n]\n", lines.join(",\n  "))).expect("the file can be written");
    println!("{}", file.display());
}

/// Cargo's target folder: the bench's own executable lies in it.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}

fn percentile(nanos: &mut [u64], percent: usize) -> f64 {
    nanos.sort_unstable();
    nanos[(nanos.len() - 1) * percent / 100] as f64 / 1000.0
}

/// An organisation with `size` rules: the starter packs from 100 rules on, and rules of teams, users and services.
struct Fleet {
    bundle: Bundle,
    questions: Vec<(Principal, Action, Resource, Facts)>,
    host: HostId,
}

impl Fleet {
    fn new(size: usize) -> Self {
        let teams = (size / 20).max(2);
        let people = (size / 5).max(4);
        let mut documents: Vec<(String, String)> = Vec::new();
        let mut left = size;
        if size >= 100 {
            for pack in packs().iter().filter(|pack| pack.name != "admin-roles") {
                left -= wharden_policy::validate(pack.text).expect("valid").rules.len();
                documents.push((pack.name.to_owned(), pack.text.to_owned()));
            }
        }
        for (number, chunk) in rules(left, teams, people).chunks(RULES_MAX / 5).enumerate() {
            documents.push((format!("org-{number}"), chunk.join("\n")));
        }
        let policies = documents.into_iter().map(|(name, text)| BundlePolicy {
            name: name.parse().expect("valid"),
            mode: Mode::Enforce,
            text,
        });
        let users = (0..people).map(|n| KnownUser {
            name: format!("user-{n:05}").parse().expect("valid"),
            groups: groups(n, teams).iter().map(|group| group.parse().expect("valid")).collect(),
            disabled: n % 97 == 96,
        });
        Self {
            bundle: Bundle {
                format: BUNDLE_FORMAT,
                cluster_id: "c-0000000000000001".parse().expect("valid"),
                scope: Scope { labels: LABELS.parse().expect("valid"), posture: Posture::Enforce, host: None },
                policies: policies.collect(),
                users: users.collect(),
                ended_sessions: vec![],
                service_accounts: vec![],
            },
            questions: questions(people, teams),
            host: HOST.parse().expect("valid"),
        }
    }

    fn query<'a>(
        &'a self,
        (principal, action, resource, facts): &'a (Principal, Action, Resource, Facts),
    ) -> Query<'a> {
        Query { principal, action: *action, resource, host: &self.host, facts }
    }

    fn time(&self, mut decide: impl FnMut(&Query<'_>), rounds: usize, budget_ms: u128) -> Vec<u64> {
        // Once over all questions first: what is kept between decisions is kept in an agent too.
        let begin = Instant::now();
        for question in &self.questions {
            decide(&self.query(question));
            if begin.elapsed().as_millis() > budget_ms {
                break;
            }
        }
        let mut nanos = Vec::with_capacity(rounds);
        let begin = Instant::now();
        for question in self.questions.iter().cycle().take(rounds) {
            let q = self.query(question);
            let start = Instant::now();
            decide(&q);
            nanos.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
            if begin.elapsed().as_millis() > budget_ms {
                break;
            }
        }
        nanos
    }

    /// The two must agree, or the figures mean nothing.
    fn check(&self, compiled: &Compiled, cedar: &Cedar) {
        let (mut allowed, mut denied) = (0, 0);
        for question in self.questions.iter().step_by(7).take(100) {
            let q = self.query(question);
            let decision = compiled.decide(&q);
            let (allow, mut reasons) = cedar.decide(&q);
            let mut ours: Vec<_> = decision.rules.into_iter().map(|rule| rule.id).collect();
            ours.sort_unstable();
            reasons.sort_unstable();
            assert_eq!((decision.effect == wharden_model::Effect::Allow, ours), (allow, reasons), "{q:?}");
            allowed += usize::from(allow);
            denied += usize::from(!allow);
        }
        // The few rules of the smallest set do not refuse anything.
        let few = self.bundle.policies.len() < 3;
        assert!(few || (allowed > 10 && denied > 5), "the questions are one-sided: {allowed} allowed, {denied} denied");
    }
}

fn groups(person: usize, teams: usize) -> Vec<String> {
    let roles = ["viewers", "launchers", "launchers", "builders", "operators"];
    let mut groups = vec![roles[person % roles.len()].to_owned()];
    groups.extend((0..3).map(|n| format!("team-{}", (person * 7 + n * 13) % teams)));
    groups.dedup();
    groups
}

/// A mix as an organisation would write it: half of the rules about teams, a quarter about people, the rest about
/// everybody on some host group, on some owner, on some label, or on some image.
fn rules(count: usize, teams: usize, people: usize) -> Vec<String> {
    let actions = ["container.create", "container.start", "container.delete", "image.pull", "container.exec"];
    (0..count)
        .map(|n| {
            let (team, person) = (n / 2 % teams, n * 31 % people);
            let env = ["env=prod", "env=dev", "zone=a", "zone=b"][n % 4];
            let mut rule = format!("@id(\"r{n}\") @reason(\"rule {n} of the organisation\")\n");
            let _ = match n % 20 {
                0..=3 => write!(
                    rule,
                    "permit (principal in Group::\"team-{team}\", action in Docker::Action::\"run\", \
                     resource in HostGroup::\"{env}\") when {{ resource has owner && resource.owner == principal }};"
                ),
                4 | 5 => write!(
                    rule,
                    "permit (principal in Group::\"team-{team}\", action == Docker::Action::\"container.create\", \
                     resource) when {{ context.image_repository like \"team-{team}/*\" }};"
                ),
                6 => write!(
                    rule,
                    "forbid (principal in Group::\"team-{team}\", action == Docker::Action::\"container.create\", \
                     resource in HostGroup::\"{env}\") when {{ context.memory == 0 || context.memory > \
                     {limit} }};",
                    limit = (4 + n % 60) << 30
                ),
                // Two facts against each other: nothing that the index can answer.
                7 => write!(
                    rule,
                    "forbid (principal in Group::\"team-{team}\", action == Docker::Action::\"container.create\", \
                     resource) when {{ context.memory_reservation + {n} > context.memory }};"
                ),
                8 | 9 => write!(
                    rule,
                    "permit (principal in Group::\"team-{team}\", action in [Docker::Action::\"read\", \
                     Docker::Action::\"{}\"], resource);",
                    actions[n / 20 % actions.len()]
                ),
                10..=12 => write!(
                    rule,
                    "permit (principal == User::\"user-{person:05}\", action in [Docker::Action::\"run\", \
                     Docker::Action::\"{}\"], resource in HostGroup::\"{env}\");",
                    actions[n / 20 % actions.len()]
                ),
                13 | 14 => write!(
                    rule,
                    "forbid (principal == User::\"user-{person:05}\", action, resource) when {{ \
                     resource.hasTag(\"tier\") && resource.getTag(\"tier\") == \"tier-{}\" }};",
                    n % 50
                ),
                15 => write!(
                    rule,
                    "permit (principal == ServiceAccount::\"ci-{}\", action in Docker::Action::\"build\", resource);",
                    n / 20
                ),
                16 | 17 => write!(
                    rule,
                    "forbid (principal, action == Docker::Action::\"volume.delete\", resource == \
                     Docker::Volume::\"data-{n}\");"
                ),
                18 => write!(
                    rule,
                    "permit (principal == User::\"user-{person:05}\", action, resource in Host::\"h-{n:016x}\");"
                ),
                _ => write!(
                    rule,
                    "forbid (principal in Group::\"team-{team}\", action == Docker::Action::\"image.push\", resource) \
                     unless {{ context.image_registry == \"registry.example.org\" }};"
                ),
            };
            rule
        })
        .collect()
}

/// Containers to be made, with all their facts; most are ordinary, some are not.
fn questions(people: usize, teams: usize) -> Vec<(Principal, Action, Resource, Facts)> {
    let text_set = |items: &[String]| FactValue::Set(items.iter().cloned().collect());
    (0..500)
        .map(|n| {
            let person = n * 37 % people;
            let name = format!("user-{person:05}");
            let team = (person * 7) % teams;
            let mut facts = Facts::zero(Action::ContainerCreate);
            let image = format!("registry.example.org/team-{team}/service-{}:1.{}", n % 9, n % 30);
            let labels = BTreeMap::from([
                ("tier".to_owned(), format!("tier-{}", n % 50)),
                ("com.example.team".to_owned(), format!("team-{team}")),
            ]);
            for (fact, value) in [
                ("api_version", FactValue::Long(41)),
                ("method", "POST".into()),
                ("path", "/containers/create".into()),
                ("image", image.as_str().into()),
                ("image_registry", "registry.example.org".into()),
                ("image_repository", format!("team-{team}/service-{}", n % 9).into()),
                ("user", "1000".into()),
                ("memory", FactValue::Long(1 << 30)),
                ("network_mode", "default".into()),
                ("networks", text_set(&["bridge".into()])),
                ("seccomp", "default".into()),
                ("apparmor", "default".into()),
                ("cap_drop", text_set(&["ALL".into()])),
                ("restart_policy", "unless-stopped".into()),
                ("env_names", text_set(&["PATH".into(), "HOME".into(), "DATABASE_URL".into()])),
                ("host_ports", FactValue::LongSet([8080, 8443].into())),
                ("host_ips", text_set(&["0.0.0.0".into()])),
                ("volumes", text_set(&["data".into()])),
                ("mount_types", text_set(&["volume".into()])),
                ("mount_targets", text_set(&["/data".into()])),
                ("no_new_privileges", true.into()),
                ("labels", text_set(&labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>())),
                ("privileged", (n % 29 == 0).into()),
                ("root_user", (n % 11 == 0).into()),
            ] {
                facts.set(fact, value);
            }
            let resource = Resource {
                kind: ResourceKind::Container,
                id: format!("service-{n}"),
                name: format!("service-{n}"),
                image,
                owner: name.clone(),
                labels,
            };
            (Principal::User { name }, Action::ContainerCreate, resource, facts)
        })
        .collect()
}

/// Cedar as it comes: every rule in one set, the request and its entities made for each question, the directory and
/// the actions ready.
struct Cedar {
    set: PolicySet,
    users: BTreeMap<String, Entity>,
    standing: Vec<Entity>,
}

impl Fleet {
    fn cedar(&self) -> Cedar {
        let built_in = "@id(\"ping\") permit (principal, action in [Docker::Action::\"system.ping\", \
                        Docker::Action::\"system.version\"], resource); @id(\"disabled-user\") forbid (principal is \
                        User, action, resource) when { principal.disabled };";
        let mut set = PolicySet::new();
        let all = self.bundle.policies.iter().map(|policy| (policy.name.as_str(), policy.text.as_str()));
        for (name, text) in all.chain([("builtin", built_in)]) {
            let parsed: PolicySet = text.parse().expect("parses");
            for policy in parsed.policies() {
                let id = format!("{name}/{}", policy.annotation("id").expect("every rule has one"));
                set.add(policy.new_id(PolicyId::new(id))).expect("unique");
            }
        }
        let users = self.bundle.users.iter().map(|user| {
            let attrs = [
                ("name".to_owned(), text(user.name.as_str())),
                ("disabled".to_owned(), RestrictedExpression::new_bool(user.disabled)),
            ];
            let groups = user.groups.iter().map(|group| uid("Group", group.as_str()));
            let entity = Entity::new_with_tags(uid("User", user.name.as_str()), attrs, groups, []).expect("user");
            (user.name.as_str().to_owned(), entity)
        });
        let labels = &self.bundle.scope.labels;
        let host = Entity::new_with_tags(
            uid("Host", HOST),
            [],
            labels.groups().map(|group| uid("HostGroup", &group)),
            labels.iter().map(|(key, value)| (key.to_owned(), text(value))),
        );
        let group = uid("Docker::Action", Action::ContainerCreate.group().name().expect("in a group"));
        let action = uid("Docker::Action", Action::ContainerCreate.name());
        let action = Entity::new_with_tags(action, [], [group], []).expect("action");
        Cedar { set, users: users.collect(), standing: vec![host.expect("host"), action] }
    }
}

impl Cedar {
    fn decide(&self, q: &Query<'_>) -> (bool, Vec<String>) {
        let context = Context::from_pairs(q.facts.0.iter().map(|(name, value)| {
            let value = match value {
                FactValue::Bool(value) => RestrictedExpression::new_bool(*value),
                FactValue::Long(value) => RestrictedExpression::new_long(*value),
                FactValue::String(value) => text(value),
                FactValue::Set(set) => RestrictedExpression::new_set(set.iter().map(|value| text(value))),
                FactValue::LongSet(set) => {
                    RestrictedExpression::new_set(set.iter().map(|value| RestrictedExpression::new_long(*value)))
                }
            };
            (name.to_string(), value)
        }));
        let resource = uid("Docker::Container", &q.resource.id);
        let thing = Entity::new_with_tags(
            resource.clone(),
            [
                ("name".to_owned(), text(&q.resource.name)),
                ("image".to_owned(), text(&q.resource.image)),
                ("owner".to_owned(), RestrictedExpression::new_entity_uid(uid("User", &q.resource.owner))),
            ],
            [uid("Host", q.host.as_str())],
            q.resource.labels.iter().map(|(key, value)| (key.clone(), text(value))),
        );
        let principal = self.users.get(q.principal.id()).expect("known").clone();
        let all = self.standing.iter().cloned().chain([thing.expect("resource"), principal]);
        let entities = Entities::from_entities(all, None).expect("entities");
        let request = Request::new(
            uid("User", q.principal.id()),
            uid("Docker::Action", q.action.name()),
            resource,
            context.expect("context"),
            None,
        );
        let response = Authorizer::new().is_authorized(&request.expect("request"), &self.set, &entities);
        let reasons = response.diagnostics().reason().map(ToString::to_string).collect();
        (response.decision() == cedar_policy::Decision::Allow, reasons)
    }
}

fn uid(ty: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.parse().expect("type"), EntityId::new(id))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}
