//! From what agents tell to advice, on two or three hosts that one can work out by hand.

mod commands;
mod guests;

use super::{
    contents::{APART, PINNED, REQUIRES, container},
    *,
};
use crate::alerts::Alerts;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};
use wharden_capacity::{Address, Feature, HostPort, Pin, Protocol, Requirement};
use wharden_model::{
    ClusterId, HostId, Mode, PolicyName, Posture, Timestamp, TokenId, UserName,
    api::{CapacityAdvice, CapacityHappening, CapacityHistory, CapacityStatus},
    capacity::{AdviceId, AlertState, Amount, Mark, ObstacleKind, Signal, ThresholdRule, Transition},
};
use wharden_runtime::{
    clock::{Clock, ManualClock},
    metrics::Metrics,
};
use wharden_state::{Policy, PolicyOrigin, PolicyVersion, State, ThresholdsHeld};

const MIB: u64 = 1 << 20;

#[derive(Default)]
struct Fake(Mutex<BTreeMap<HostId, (SeenHost, Contents)>>);

impl FleetView for Fake {
    fn hosts(&self) -> Vec<(HostId, SeenHost)> {
        self.0.lock().expect("whole").iter().map(|(id, (host, _))| (id.clone(), host.clone())).collect()
    }

    fn contents(&self, host: &HostId) -> Option<Contents> {
        self.0.lock().expect("whole").get(host).map(|(_, contents)| contents.clone())
    }
}

/// Hosts of 10 CPUs and 10,000 MiB; alerts on memory rise at once.
struct Bench {
    watch: Watch,
    view: Arc<Fake>,
    clock: Arc<ManualClock>,
    state: Arc<Mutex<State>>,
}

fn id(n: u64) -> HostId {
    HostId::new(format!("h-{n:016x}")).expect("an id")
}

fn seen(name: &str, memory_mib: u64) -> SeenContainer {
    SeenContainer {
        id: format!("{name:0>64}"),
        name: name.to_owned(),
        owner: "bob".to_owned(),
        image: "app:1".to_owned(),
        image_id: "sha256:app".to_owned(),
        up: true,
        used: Some(Amount { cpu_millis: 100, memory_bytes: memory_mib * MIB, pids: 3, ..Amount::default() }),
        ..SeenContainer::default()
    }
}

impl Bench {
    fn new() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (view, clock) = (Arc::new(Fake::default()), Arc::new(ManualClock::at(1_000_000_000)));
        let held = Arc::clone(&state);
        let watch = Watch::new(
            move || Arc::new(held.lock().expect("whole").clone()),
            ClusterId::new("c-0123456789abcdef").expect("an id"),
            Arc::clone(&view) as Arc<dyn FleetView>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Alerts::new(&Metrics::new("test")),
        );
        let bench = Self { watch, view, clock, state };
        bench.mark_memory(850, 750);
        bench
    }

    fn mark_memory(&self, high_permille: u16, low_permille: u16) {
        let marks = BTreeMap::from([(Signal::Memory, Mark { high_permille, low_permille, hold_s: 0 })]);
        let rule = ThresholdRule { selector: Default::default(), marks };
        let held = ThresholdsHeld { rule, updated_by: "system".to_owned(), updated_at: Timestamp(0) };
        self.state.lock().expect("whole").thresholds.insert("all".parse().expect("a name"), held.into());
    }

    fn host(&self, n: u64, labels: &str, containers: Vec<SeenContainer>) {
        let host = wharden_state::Host {
            name: format!("host{n}"),
            labels: labels.parse().expect("labels"),
            posture: Posture::Enforce,
            token: TokenId::new("jt-0123456789ab").expect("an id"),
            enrolled_at: Timestamp(0),
            serial: String::new(),
            certificate_expires_at: Timestamp(0),
            revoked_at: None,
        };
        self.state.lock().expect("whole").hosts.insert(id(n), host.into());
        self.runs(n, containers);
    }

    /// The host runs these from now on.
    fn runs(&self, n: u64, containers: Vec<SeenContainer>) {
        let used = containers.iter().filter_map(|c| c.used).fold(Amount::default(), Amount::plus);
        let used = Amount { containers: containers.len() as u64, ..used };
        let host = SeenHost {
            connected: true,
            sampled_at: Some(Timestamp(self.clock.now())),
            architecture: "x86_64".to_owned(),
            capacity: Amount { cpu_millis: 10_000, memory_bytes: 10_000 * MIB, ..Amount::default() },
            used,
            ..SeenHost::default()
        };
        let images = BTreeMap::from([("sha256:app".to_owned(), 100 * MIB)]);
        let tags = BTreeMap::from([("app:1".to_owned(), "sha256:app".to_owned())]);
        let contents = Contents { containers, images, tags, ..Contents::default() };
        self.view.0.lock().expect("whole").insert(id(n), (host, contents));
    }

    /// Time goes by, every host is sampled, and one looks.
    fn look_after(&self, seconds: u64) {
        self.clock.advance(seconds * 1000);
        let now = self.clock.now();
        for (host, _) in self.view.0.lock().expect("whole").values_mut() {
            host.sampled_at = Some(Timestamp(now));
        }
        self.watch.look();
    }

    fn forbid(&self, text: &str) {
        let current = PolicyVersion {
            version: 1,
            mode: Mode::Enforce,
            text: text.to_owned(),
            rules: 1,
            updated_by: "system".to_owned(),
            updated_at: Timestamp(0),
            origin: PolicyOrigin::Put,
        };
        let name = PolicyName::new("p").expect("a name");
        let policy = Policy { revision: 1, current, older: Default::default() };
        self.state.lock().expect("whole").policies.insert(name, policy.into());
    }

    fn status(&self) -> CapacityStatus {
        let Told::Status(status) = self.watch.answer_now(Ask::Status) else { panic!("no status") };
        status
    }

    fn plan(&self) -> CapacityAdvice {
        let Told::Plan(plan) = self.watch.answer_now(Ask::Plan) else { panic!("no plan") };
        plan
    }

    fn moves(&self) -> Vec<(String, String)> {
        let advice = self.plan().plan.advice;
        advice.into_iter().map(|a| (a.container.name, a.target.host.name)).collect()
    }

    fn history(&self) -> Vec<CapacityHappening> {
        let Told::History(CapacityHistory { records, .. }) = self.watch.answer_now(Ask::History) else {
            panic!("no history")
        };
        records.into_iter().map(|record| record.what).collect()
    }
}

/// What makes a container another one.
type Change<'a> = &'a dyn Fn(&mut SeenContainer);

fn alice() -> UserName {
    UserName::new("alice").expect("a name")
}

fn full() -> Vec<SeenContainer> {
    vec![seen("db", 5000), seen("web", 2500), seen("job", 1600)]
}

#[test]
fn a_full_host_is_relieved_by_what_a_person_does_and_nothing_comes_back() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![]);
    bench.look_after(30);
    let status = bench.status();
    assert_eq!((status.watched, status.alerts.len(), status.advice), (2, 1, 1));
    assert_eq!(status.alerts[0].state, AlertState::Raised);
    assert_eq!(bench.moves(), [("job".to_owned(), "host2".to_owned())]);
    let advice = bench.plan().plan.advice[0].id.clone();

    let Told::Accepted(accepted) = bench.watch.answer_now(Ask::Accept { advice, by: alice() }) else {
        panic!("it was not accepted")
    };
    assert_eq!(accepted.by, alice());
    assert!(matches!(bench.status().alerts[0].state, AlertState::Acknowledged { .. }));
    assert_eq!(bench.moves(), [], "it is not open any more");
    bench.look_after(30);
    assert_eq!((bench.moves(), bench.plan().plan.stuck.len()), (vec![], 0), "what is accepted is enough");
    assert_eq!(bench.plan().accepted.len(), 1);

    // A person moves it; it is a new container there.
    bench.runs(1, full().into_iter().filter(|c| c.name != "job").collect());
    bench.runs(2, vec![SeenContainer { id: format!("{:0>64}", "new"), ..seen("job", 1600) }]);
    for _ in 0..60 {
        bench.look_after(60);
    }
    assert!(bench.plan().accepted.is_empty());
    assert_eq!(bench.status().alerts, []);
    let history = bench.history();
    assert!(
        matches!(
            &history[..],
            [CapacityHappening::Alert { transition: Transition::Resolved, .. }, CapacityHappening::Moved { .. }, ..]
                | [
                    CapacityHappening::Moved { .. },
                    CapacityHappening::Alert { transition: Transition::Resolved, .. },
                    ..
                ]
        ),
        "{history:?}"
    );

    // Now the other one is full of it: it may not go back.
    bench.runs(2, vec![SeenContainer { id: format!("{:0>64}", "new"), ..seen("job", 9000) }]);
    for _ in 0..60 {
        bench.look_after(60);
    }
    assert_eq!(bench.moves(), []);
    let stuck = bench.plan().plan.stuck;
    assert_eq!(stuck[0].blocked[0].obstacles[0].kind, ObstacleKind::Settling, "{stuck:?}");
}

#[test]
fn a_policy_that_refuses_it_there_sends_it_elsewhere() {
    let bench = Bench::new();
    bench.host(1, "env=prod", full());
    bench.host(2, "env=test", vec![]);
    bench.host(3, "env=prod", vec![seen("other", 3000)]);
    bench.forbid(
        "@id(\"not-here\") @reason(\"no containers on test hosts\")\nforbid (principal, action == Docker::Action::\"container.create\", resource in HostGroup::\"env=test\");",
    );
    bench.look_after(30);
    assert_eq!(bench.moves(), [("job".to_owned(), "host3".to_owned())]);
    let ask = Ask::Explain { host: id(1), container: "job".to_owned() };
    let Told::Explained(explanation) = bench.watch.answer_now(ask) else { panic!("it is not explained") };
    assert_eq!(explanation.targets_in_all, 1);
    let policy = explanation.obstacles.iter().find(|o| o.kind == ObstacleKind::Policy).expect("a policy is in the way");
    assert!(policy.detail.contains("no containers on test hosts"), "{policy:?}");
}

#[test]
fn a_policy_is_asked_about_the_image_that_it_is_made_from_there_and_named_when_it_refuses_only_there() {
    let bench = Bench::new();
    let mut containers = full();
    containers.iter_mut().for_each(|container| container.layer_bytes = Some(5));
    bench.host(1, "", containers);
    bench.host(2, "", vec![]);
    // What is refused here too says nothing, whichever rule comes first.
    bench.forbid(
        "@id(\"a-no-bob\") forbid (principal, action == Docker::Action::\"container.create\", resource) when { context.name == \"job\" };
         @id(\"only-app\") forbid (principal, action == Docker::Action::\"container.create\", resource) unless { context.image_repository == \"library/app\" };",
    );
    bench.look_after(30);
    assert_eq!(bench.moves(), []);
    let ask = Ask::Explain { host: id(1), container: "job".to_owned() };
    let Told::Explained(explanation) = bench.watch.answer_now(ask) else { panic!("it is not explained") };
    let detail = &explanation.obstacles[0].detail;
    assert!(detail.contains("only-app") && detail.contains("wharden-move/job:mv-"), "{detail}");
}

#[test]
fn a_fixed_address_is_looked_for_in_the_ranges_of_the_target() {
    let front = |range: &str| SeenNetwork {
        name: "front".to_owned(),
        subnets: vec![range.parse().expect("a range")],
        ..SeenNetwork::default()
    };
    let moves = |range: &str| {
        let bench = Bench::new();
        let mut containers = full();
        for container in &mut containers {
            container.networks = vec!["front".to_owned()];
            container.labels.insert(PINNED.to_owned(), (container.name != "job").to_string());
        }
        containers[0].networks.clear();
        containers[1].networks.clear();
        let ip = [10, 0, 0, 9].into();
        containers[2].addresses.insert(Address { network: "front".to_owned(), ip });
        bench.host(1, "", containers);
        bench.host(2, "", vec![]);
        for (n, range) in [(1, "10.0.0.0/24"), (2, range)] {
            bench.view.0.lock().expect("whole").get_mut(&id(n)).expect("it is there").1.networks = vec![front(range)];
        }
        bench.look_after(30);
        bench.moves().len()
    };
    assert_eq!(["10.0.0.0/8", "10.1.0.0/16"].map(moves), [1, 0]);
}

#[test]
fn new_thresholds_make_a_new_plan_at_the_next_look() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![]);
    bench.look_after(30);
    assert_eq!(bench.moves(), [("job".to_owned(), "host2".to_owned())]);
    bench.mark_memory(850, 600);
    bench.look_after(30);
    assert_eq!(bench.moves(), [("db".to_owned(), "host2".to_owned())]);
}

#[test]
fn the_commands_are_to_be_had_while_the_container_is_stopped_and_nobody_said_that_they_do_it() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![]);
    bench.look_after(30);
    let advice = bench.plan().plan.advice[0].id.clone();
    let commands = || matches!(bench.watch.answer_now(Ask::Commands { advice: advice.clone() }), Told::Commands(_));
    let mut containers = full();
    containers[2] = SeenContainer { up: false, used: None, ..containers[2].clone() };
    bench.runs(1, containers);
    for _ in 0..40 {
        bench.look_after(30);
        assert!(commands());
    }
    assert_eq!(bench.moves(), []);
    let accept = Ask::Accept { advice: advice.clone(), by: alice() };
    assert!(matches!(bench.watch.answer_now(accept), Told::Accepted(_)));
    bench.watch.held().accepted.clear();
    bench.runs(1, full()[..2].into());
    bench.watch.held().stale = true;
    bench.look_after(30);
    assert!(!commands(), "it is gone");
}

#[test]
fn a_name_that_is_taken_is_in_the_way() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![seen("job", 1), seen("web", 1), seen("db", 1)]);
    bench.look_after(30);
    assert_eq!(bench.moves(), []);
    let stuck = &bench.plan().plan.stuck[0];
    assert_eq!(stuck.blocked[0].obstacles[0].kind, ObstacleKind::Name);
    assert!(!stuck.would_help.is_empty());
}

#[test]
fn what_is_snoozed_is_not_advised_until_it_wakes() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![]);
    bench.look_after(30);
    let until = Timestamp(bench.clock.now()).plus_secs(600);
    let snooze = |signal| Ask::Snooze { host: id(1), signal, until, by: alice() };
    assert!(matches!(bench.watch.answer_now(snooze(Some(Signal::Disk))), Told::Unknown));
    assert!(matches!(bench.watch.answer_now(snooze(None)), Told::Snoozed(1)));
    bench.look_after(30);
    assert_eq!(bench.moves(), []);
    assert_eq!(bench.status().alerts.len(), 1);
    bench.look_after(600);
    assert_eq!(bench.moves().len(), 1);
}

#[test]
fn what_cannot_be_seen_is_no_target_and_ends_no_alert() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.host(2, "", vec![]);
    bench.view.0.lock().expect("whole").get_mut(&id(2)).expect("it is there").0.connected = false;
    bench.look_after(30);
    assert_eq!((bench.moves(), bench.plan().plan.stuck.len()), (vec![], 1));
    bench.runs(1, vec![]);
    bench.view.0.lock().expect("whole").get_mut(&id(1)).expect("it is there").0.connected = false;
    for _ in 0..10 {
        bench.look_after(600);
    }
    assert_eq!(bench.status().alerts.len(), 1);
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    let bench = Bench::new();
    bench.host(1, "", vec![seen("web", 100)]);
    bench.look_after(30);
    let advice = AdviceId::of("c", &id(1), &id(2));
    assert!(matches!(bench.watch.answer_now(Ask::Accept { advice: advice.clone(), by: alice() }), Told::Unknown));
    assert!(matches!(bench.watch.answer_now(Ask::Commands { advice }), Told::Unknown));
    for (host, container) in [(1, "other"), (1, "0"), (9, "web")] {
        let ask = Ask::Explain { host: id(host), container: container.to_owned() };
        assert!(matches!(bench.watch.answer_now(ask), Told::Unknown), "{host} {container}");
    }
}

#[test]
fn short_lived_containers_end_no_alert_of_a_host_that_is_as_full_as_ever() {
    let bench = Bench::new();
    bench.host(1, "", full());
    bench.look_after(30);
    for n in 0..40 {
        bench.runs(1, vec![seen("db", 5000), seen("web", 2400), seen(&format!("job{n}"), 1600)]);
        bench.look_after(30);
        let alerts = bench.status().alerts;
        assert_eq!(
            alerts.iter().map(|alert| alert.value_permille >= 900).collect::<Vec<_>>(),
            [true],
            "{n}: {alerts:?}"
        );
    }
}

#[test]
fn what_holds_a_container_is_read_off_what_the_agent_tells() {
    let other = SeenContainer { networks: vec!["shop".to_owned()], ..seen("other", 1) };
    let sidecar = SeenContainer { networks: vec![format!("container:{}", seen("c", 1).id)], ..seen("sidecar", 1) };
    let contents = |leans: bool| Contents {
        containers: if leans { vec![other.clone(), sidecar.clone()] } else { vec![other.clone()] },
        networks: [("shop", "bridge", "local"), ("mesh", "overlay", "swarm")]
            .map(|(n, d, s)| SeenNetwork { name: n.into(), driver: d.into(), scope: s.into(), subnets: Vec::new() })
            .into(),
        volumes: BTreeMap::from([("data".into(), "local".into()), ("share".into(), "nfs".into())]),
        images: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    let of = |change: &dyn Fn(&mut SeenContainer), leans| {
        let mut c = seen("c", 1);
        change(&mut c);
        let c = container(&c, &contents(leans), (Amount::default(), Amount::default()));
        (c.pins, c.requires, c.apart)
    };
    let label = |key: &'static str, value: &'static str| {
        move |c: &mut SeenContainer| {
            c.labels.insert(key.to_owned(), value.to_owned());
        }
    };
    let pins: [(Change<'_>, Pin); 11] = [
        (&|c| c.mounts = vec![SeenMount::Bind("/srv".into())], Pin::BindMount("/srv".into())),
        (&|c| c.mounts = vec![SeenMount::Volume("data".into())], Pin::LocalVolume("data".into())),
        (&|c| c.mounts = vec![SeenMount::Volume("lost".into())], Pin::LocalVolume("lost".into())),
        (&|c| c.devices = vec!["/dev/kvm".into()], Pin::Device("/dev/kvm".into())),
        (&|c| c.networks = vec!["shop".into()], Pin::SharedNetwork("shop".into())),
        (&|c| c.networks = vec!["host".into()], Pin::HostNetwork),
        (&|c| c.networks = vec!["container:abc".into()], Pin::OtherContainer("abc".into())),
        (&label("com.docker.swarm.service.id", "x"), Pin::Swarm),
        (&|c| c.auto_remove = true, Pin::AutoRemove),
        (&label(PINNED, "true"), Pin::Label),
        (&label(REQUIRES, "no equals sign"), Pin::Label),
    ];
    for (change, pin) in pins {
        assert_eq!(of(change, false).0, [pin]);
    }
    assert_eq!(of(&|_| {}, true).0, [Pin::OtherContainer("sidecar".into())]);
    assert_eq!(of(&|c| c.privileged = true, false).0.len(), 1);
    let free: [(Change<'_>, Requirement); 3] = [
        (
            &|c| c.mounts = vec![SeenMount::Volume("share".into())],
            Requirement::Feature(Feature::VolumeDriver("nfs".into())),
        ),
        (&|c| c.networks = vec!["mesh".into()], Requirement::Feature(Feature::Network("mesh".into()))),
        (&label(REQUIRES, "zone=a"), Requirement::Label("zone".into(), "a".into())),
    ];
    for (change, requirement) in free {
        assert_eq!(of(change, false), (vec![], BTreeSet::from([requirement]), BTreeSet::new()));
    }
    let plain = |c: &mut SeenContainer| {
        c.mounts = vec![SeenMount::Memory];
        c.networks = vec!["bridge".into()];
        c.ports = BTreeSet::from([HostPort { port: 80, protocol: Protocol::Tcp }]);
        c.labels = BTreeMap::from([(APART.into(), "db, queue".into()), (PINNED.into(), "false".into())]);
    };
    assert_eq!(of(&plain, false), (vec![], BTreeSet::new(), BTreeSet::from(["db".into(), "queue".into()])));
}
