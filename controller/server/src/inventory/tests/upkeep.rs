//! What is told is held, exactly, and nothing is left of what went.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use wharden_model::inventory::{ContainerUsage, Image, Network, Removed, UsageSample, Volume};

#[test]
fn a_container_comes_out_as_it_went_in() {
    let view = Inventory::default();
    let mut odd = container(2);
    odd.id = "not-hex".to_owned();
    told(&view, &host(1), whole(1, vec![container(1), odd.clone()]));
    let held: Vec<Container> = view.containers(&host(1)).into_iter().map(|(container, _)| container).collect();
    assert_eq!(held, [container(1), odd]);
}

#[test]
fn a_delta_from_elsewhere_is_not_taken() {
    let view = Inventory::default();
    let delta = |base, sequence| Delta { base, ..whole(sequence, vec![container(1)]) };
    assert_eq!(view.apply(&host(1), &boot(1), delta(3, 4)), Applied::Elsewhere);
    assert!(view.is_empty());
    assert_eq!(view.apply(&host(1), &boot(1), delta(0, 4)), Applied::To(4));
    assert_eq!(view.apply(&host(1), &boot(1), delta(5, 6)), Applied::Elsewhere, "one is missing");
    assert_eq!(view.apply(&host(1), &boot(2), delta(4, 5)), Applied::Elsewhere, "another run");
    assert_eq!(view.apply(&host(1), &boot(1), delta(4, 5)), Applied::To(5));
    assert_eq!(view.apply(&host(1), &boot(2), delta(0, 1)), Applied::To(1), "another run, from nothing");
}

#[test]
fn usage_stays_with_its_container_when_that_changes() {
    let view = Inventory::default();
    told(&view, &host(1), whole(1, vec![container(1)]));
    let usage = ContainerUsage { cpu_millicores: 5, ..ContainerUsage::default() };
    let containers = BTreeMap::from([(container(1).id, usage), (container(9).id, usage)]);
    view.sample(&host(1), UsageSample { containers, ..UsageSample::default() });
    let stopped = Container { state: ContainerState::Exited, ..container(1) };
    told(&view, &host(1), Delta { base: 1, ..whole(2, vec![stopped.clone()]) });
    assert_eq!(view.containers(&host(1)), [(stopped, Some(usage))]);
    told(&view, &host(1), whole(3, vec![container(1)]));
    assert_eq!(view.containers(&host(1)), [(container(1), Some(usage))]);
}

#[test]
fn images_volumes_and_networks_are_kept_too() {
    let view = Inventory::default();
    let image = |n: u32| Image { id: format!("sha256:{n}"), tags: vec![format!("image:{n}")], ..Image::default() };
    let volume = |n: u32| Volume { name: format!("v{n}"), ..Volume::default() };
    let network = |n: u32| Network { id: format!("n{n}"), name: "net".to_owned(), ..Network::default() };
    let mut delta = whole(1, Vec::new());
    (delta.images, delta.volumes) = (vec![image(2), image(1)], vec![volume(2), volume(1)]);
    delta.networks = vec![network(2), network(1)];
    told(&view, &host(1), delta.clone());
    told(&view, &host(2), delta);
    let removed = Removed {
        images: vec![image(1).id],
        volumes: vec![volume(1).name],
        networks: vec![network(1).id],
        ..Removed::default()
    };
    told(&view, &host(1), Delta { base: 1, removed, ..whole(2, Vec::new()) });
    let filter = Filter { limit: 10, ..Filter::default() };
    let ids = |kind| match view.search(kind, &filter, |_| Sign::default()) {
        Answer::Images(page) => page.items.into_iter().map(|i| (i.host, i.item.id)).collect::<Vec<_>>(),
        Answer::Volumes(page) => page.items.into_iter().map(|i| (i.host, i.item.name)).collect(),
        Answer::Networks(page) => page.items.into_iter().map(|i| (i.host, i.item.id)).collect(),
        other => panic!("{other:?}"),
    };
    for (kind, one, two) in [
        (Kind::Images, image(1).id, image(2).id),
        (Kind::Volumes, volume(1).name, volume(2).name),
        (Kind::Networks, network(1).id, network(2).id),
    ] {
        assert_eq!(ids(kind), [(host(1), two.clone()), (host(2), one), (host(2), two)]);
    }
    view.forget(&host(1));
    view.forget(&host(2));
    assert!(view.is_empty());
}

/// What is told in one step.
#[derive(Clone, Debug)]
enum Step {
    Put(u64, Vec<(u32, u8)>),
    Remove(u64, Vec<u32>),
    Whole(u64, Vec<(u32, u8)>),
    Forget(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let things = || prop::collection::vec((0..6_u32, 0..3_u8), 0..5);
    let step = prop_oneof![
        (0..3_u64, things()).prop_map(|(host, things)| Step::Put(host, things)),
        (0..3_u64, prop::collection::vec(0..6_u32, 0..4)).prop_map(|(host, gone)| Step::Remove(host, gone)),
        (0..3_u64, things()).prop_map(|(host, things)| Step::Whole(host, things)),
        (0..3_u64).prop_map(Step::Forget),
    ];
    prop::collection::vec(step, 1..30)
}

/// One of a few versions of a container, which share some texts with each other and with other containers.
fn version((n, version): (u32, u8)) -> Container {
    let mut container = container(n);
    container.labels.insert("version".to_owned(), version.to_string());
    container.networks = vec![format!("net-{version}")];
    container.mounts.truncate(usize::from(version));
    container
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_view_is_what_a_plain_map_would_be_and_ends_empty(steps in steps()) {
        let view = Inventory::default();
        let mut plain: BTreeMap<u64, BTreeMap<String, Container>> = BTreeMap::new();
        let mut sequence = 0;
        for step in steps {
            sequence += 1;
            let by_id = |things: &[(u32, u8)]| things.iter().map(|t| version(*t)).collect::<Vec<_>>();
            match step {
                Step::Put(n, things) if plain.contains_key(&n) => {
                    let base = told_to(&view, n);
                    prop_assert_eq!(view.apply(&host(n), &boot(1), Delta { base, ..whole(base + 1, by_id(&things)) }), Applied::To(base + 1));
                    plain.entry(n).or_default().extend(by_id(&things).into_iter().map(|c| (c.id.clone(), c)));
                }
                Step::Remove(n, gone) if plain.contains_key(&n) => {
                    let ids: Vec<String> = gone.iter().map(|n| container(*n).id).collect();
                    let base = told_to(&view, n);
                    let removed = Removed { containers: ids.clone(), ..Removed::default() };
                    view.apply(&host(n), &boot(1), Delta { base, removed, ..whole(base + 1, Vec::new()) });
                    plain.entry(n).or_default().retain(|id, _| !ids.contains(id));
                }
                Step::Whole(n, things) => {
                    view.apply(&host(n), &boot(1), whole(sequence, by_id(&things)));
                    plain.insert(n, by_id(&things).into_iter().map(|c| (c.id.clone(), c)).collect());
                }
                Step::Forget(n) => {
                    view.forget(&host(n));
                    plain.remove(&n);
                }
                Step::Put(..) | Step::Remove(..) => {}
            }
            for (n, things) in &plain {
                let held: Vec<Container> = view.containers(&host(*n)).into_iter().map(|(c, _)| c).collect();
                prop_assert_eq!(&held, &things.values().cloned().collect::<Vec<_>>());
            }
            let label = Some(("version".to_owned(), Some("1".to_owned())));
            let found = find(&view, &Filter { label, ..Filter::default() }).0;
            let wanted: Vec<String> = plain.values().flat_map(BTreeMap::values)
                .filter(|c| c.labels.get("version").is_some_and(|v| v == "1")).map(|c| c.name.clone()).collect();
            prop_assert_eq!(found, wanted);
        }
        (0..3).for_each(|n| view.forget(&host(n)));
        prop_assert!(view.is_empty());
    }
}

/// The sequence that a host has been told to.
fn told_to(view: &Inventory, n: u64) -> u64 {
    view.sequence(&host(n)).expect("it is held")
}
