//! The smallest change of a request: what is told is allowed by Cedar itself, and no part of it would do.

use crate::{
    kit::{HOST, World, facts},
    oracle::{BUILT_IN, bundle, oracle},
    random::{pick, principal, request, rule, users},
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use wharden_model::{
    Action, Effect, FactValue, Facts, HostId, Labels, Principal,
    api::{Remedy, RequestChange},
};
use wharden_policy::{Compiled, Query, apply, validate};

fn texts<const N: usize>(values: [&str; N]) -> FactValue {
    values.into_iter().map(str::to_owned).collect::<BTreeSet<_>>().into()
}

fn remedy(world: &World, user: &str, facts: &Facts) -> Remedy {
    let principal = Principal::User { name: user.into() };
    let resource = world.resource(Action::ContainerCreate, user);
    let host: HostId = HOST.parse().expect("valid");
    world.compiled.remedy(&Query {
        principal: &principal,
        action: Action::ContainerCreate,
        resource: &resource,
        host: &host,
        facts,
    })
}

fn how(remedy: &Remedy) -> Vec<&str> {
    match remedy {
        Remedy::Change { changes, smallest: true } => changes.iter().map(|change| change.how.as_str()).collect(),
        other => panic!("{other:?}"),
    }
}

/// The starter packs, and a rule that wants a limit.
fn baseline() -> World {
    let pack = |name: &str| wharden_policy::packs().iter().find(|pack| pack.name == name).expect("a pack").text;
    let limits = "@id(\"memory\") forbid(principal, action == Docker::Action::\"container.create\", resource)
                  when { context.memory == 0 || context.memory > 4096 };";
    World::new(
        &[("roles", pack("roles")), ("baseline", pack("baseline")), ("limits", limits)],
        &[("ann", &["launchers"]), ("ben", &["viewers"])],
        "",
    )
}

#[test]
fn each_offence_is_told_in_words_of_docker_and_nothing_else_is() {
    let world = baseline();
    let mut asked = facts(
        Action::ContainerCreate,
        &[
            ("privileged", true.into()),
            ("cap_add", texts(["SYS_ADMIN", "CHOWN"])),
            ("host_paths", texts(["/data", "/etc"])),
            ("sensitive_paths", texts(["/etc"])),
            ("user", "".into()),
            ("root_user", true.into()),
            ("seccomp", "default".into()),
            ("apparmor", "default".into()),
            ("no_new_privileges", true.into()),
            ("hostname", "x".into()),
        ],
    );
    let told = remedy(&world, "ann", &asked);
    assert_eq!(
        how(&told),
        [
            "leave out --cap-add SYS_ADMIN",
            "leave out -v /etc:...",
            "--memory 4096",
            "leave out --privileged",
            "--user UID:GID of the account of your name on the host",
        ],
    );
    let Remedy::Change { changes, .. } = &told else { panic!() };
    assert_eq!(remedy(&world, "ann", &apply(&asked, changes)), Remedy::NotNeeded);
    // Nothing that a viewer could leave out makes it a launcher.
    asked = facts(Action::ContainerCreate, &[("privileged", true.into()), ("seccomp", "default".into())]);
    assert_eq!(remedy(&world, "ben", &asked), Remedy::None { exhaustive: true });
}

#[test]
fn more_changes_than_can_be_tried_are_told_as_not_surely_the_smallest() {
    let caps: Vec<String> = (0..40).map(|n| format!("CAP_{n:02}")).collect();
    let world = World::new(
        &[("one", "permit(principal, action, resource); forbid(principal, action == Docker::Action::\"container.create\", resource)
                   when { !([\"CAP_07\"].containsAll(context.cap_add)) };")],
        &[],
        "",
    );
    let set: BTreeSet<String> = caps.iter().cloned().collect();
    let asked = facts(Action::ContainerCreate, &[("cap_add", set.into())]);
    let Remedy::Change { changes, smallest } = remedy(&world, "ann", &asked) else { panic!() };
    assert_eq!((changes.len(), smallest), (39, false));
}

fn subsets(changes: &[RequestChange]) -> impl Iterator<Item = Vec<&RequestChange>> {
    (0..(1_usize << changes.len()) - 1)
        .map(|mask| changes.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, c)| c).collect())
}

/// What a request may not be, in every form that a change can mend, and some that none can.
fn offence() -> impl Strategy<Value = String> {
    let one = || {
        pick(&[
            "context.privileged",
            "context.cap_add.contains(\"SYS_ADMIN\")",
            "!context.cap_add.isEmpty()",
            "!([\"CHOWN\"].containsAll(context.cap_add))",
            "context.host_ports.containsAny([80, 443])",
            "context.user == \"root\"",
            "[\"\", \"0\"].contains(context.user)",
            "context.memory == 0",
            "context.memory > 10",
            "!context.readonly_rootfs",
            "!context.cap_drop.contains(\"ALL\")",
            "context.privileged != context.readonly_rootfs",
            "context.root_user",
            "resource.image == \"redis\"",
        ])
    };
    let join = pick(&["&&", "||"]);
    (one(), proptest::option::of((join, one())))
        .prop_map(|(first, more)| more.map_or(first.clone(), |(join, second)| format!("{first} {join} {second}")))
}

/// Valid rules: random ones, or everything permitted but for some offences.
fn text() -> impl Strategy<Value = String> {
    let offences = proptest::collection::vec(offence(), 1..5).prop_map(|offences| {
        let forbid =
            |o| format!("forbid(principal, action == Docker::Action::\"container.create\", resource) when {{ {o} }};");
        let forbids = offences.into_iter().map(forbid).collect::<Vec<_>>().join("\n");
        format!("permit(principal, action, resource);\n{forbids}")
    });
    let random = proptest::collection::vec(rule(), 1..8)
        .prop_map(|rules| rules.into_iter().filter(|rule| validate(rule).is_ok()).collect::<Vec<_>>().join("\n"));
    prop_oneof![3 => offences, 1 => random]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn a_change_that_is_told_is_allowed_and_no_part_of_it_is(
        text in text(),
        users in users(),
        labels in pick(&["", "env=prod", "env=dev,zone=a"]),
        principal in principal(),
        requests in proptest::collection::vec(request(), 1..5),
    ) {
        let labels: Labels = labels.parse().expect("valid");
        let compiled = Compiled::new(&bundle(&[("one", &text)], &users, &labels), 7).expect("compiles");
        let with_built_in = [("builtin", BUILT_IN), ("one", text.as_str())];
        let host: HostId = HOST.parse().expect("valid");
        for (action, resource, facts) in &requests {
            let q = Query { principal: &principal, action: *action, resource, host: &host, facts };
            let effect = |facts: &Facts| oracle(&with_built_in, &users, &labels, &Query { facts, ..q }).effect;
            match compiled.remedy(&q) {
                Remedy::NotNeeded => prop_assert_eq!(effect(facts), Effect::Allow),
                Remedy::Change { changes, smallest } => {
                    prop_assert!(smallest && !changes.is_empty());
                    prop_assert_eq!(effect(&apply(facts, &changes)), Effect::Allow, "{:?}\n{}", changes, text);
                    for part in subsets(&changes) {
                        let after = apply(facts, part.iter().copied());
                        prop_assert_eq!(effect(&after), Effect::Deny, "{:?} of {:?}\n{}", part, changes, text);
                    }
                }
                Remedy::None { exhaustive } => {
                    prop_assert!(exhaustive);
                    prop_assert_eq!(effect(facts), Effect::Deny);
                }
                Remedy::Unknown => prop_assert!(false, "the facts are there"),
            }
        }
    }
}

/// A property over requests that no change helps would say nothing.
#[test]
fn the_generators_make_requests_that_a_change_helps() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let host: HostId = HOST.parse().expect("valid");
    let (mut helped, mut several) = (0, 0);
    for _ in 0..60 {
        let text = text().new_tree(&mut runner).expect("rules").current();
        let (action, resource, facts) = request().new_tree(&mut runner).expect("a request").current();
        let principal = principal().new_tree(&mut runner).expect("a principal").current();
        let compiled = Compiled::new(&bundle(&[("one", &text)], &[], &Labels::none()), 1).expect("compiles");
        let q = Query { principal: &principal, action, resource: &resource, host: &host, facts: &facts };
        if let Remedy::Change { changes, .. } = compiled.remedy(&q) {
            helped += 1;
            several += usize::from(changes.len() > 1);
        }
    }
    assert!(helped >= 10 && several >= 1, "{helped} {several}");
}
