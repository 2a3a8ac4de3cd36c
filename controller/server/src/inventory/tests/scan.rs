//! What is looked up is what a walk through everything would find, whatever was told before.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use wharden_model::inventory::{Image, Removed};

/// What a host is told to have, or to have no more.
#[derive(Clone, Debug)]
struct Told {
    host: u64,
    whole: bool,
    containers: Vec<(u32, u8)>,
    images: Vec<(u32, u8)>,
    gone: Vec<u32>,
}

const NAMES: [&str; 6] = ["shop-web-1", "shop-db-1", "web", "batch", "", "\0web"];
const TAGS: [&str; 6] =
    ["nginx:1", "docker.io/library/nginx", "shop/app:1", "shop/app:2", "shop/app@sha256:0f", "redis"];

fn named((n, version): (u32, u8)) -> Container {
    let name = NAMES[usize::from(version) % NAMES.len()].to_owned();
    Container { name, owner: format!("owner-{}", version % 2), ..container(n) }
}

/// Versions of an image have one id and other tags, as when a tag moves.
fn image((n, version): (u32, u8)) -> Image {
    let at = usize::from(version);
    Image {
        id: format!("sha256:{n}"),
        tags: [at, at + 1].map(|at| TAGS[at % TAGS.len()].to_owned()).into(),
        labels: [("version".to_owned(), version.to_string())].into(),
        ..Image::default()
    }
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let things = |most| prop::collection::vec((0..30_u32, 0..6_u8), 0..most);
    let gone = prop::collection::vec(0..30_u32, 0..8);
    let one = (0..40_u64, prop::bool::weighted(0.3), things(20), things(6), gone)
        .prop_map(|(host, whole, containers, images, gone)| Told { host, whole, containers, images, gone });
    prop::collection::vec(one, 1..120)
}

fn apply(view: &Inventory, told: Told) {
    let id = host(told.host);
    let base = if told.whole { 0 } else { view.sequence(&id).unwrap_or(0) };
    let removed = Removed {
        containers: told.gone.iter().map(|n| container(*n).id).collect(),
        images: told.gone.iter().map(|n| format!("sha256:{n}")).collect(),
        ..Removed::default()
    };
    let containers = told.containers.into_iter().map(named).collect();
    let images = told.images.into_iter().map(image).collect();
    let sequence = view.sequence(&id).unwrap_or(0) + 1;
    let delta = Delta { base, sequence, containers, images, removed, ..Delta::default() };
    assert_eq!(view.apply(&id, &boot(1), delta), Applied::To(sequence));
}

fn found(view: &Inventory, kind: Kind, filter: &Filter) -> Vec<(HostId, String)> {
    match view.search(kind, filter, |_| Sign::default()) {
        Answer::Containers(page) => page.items.into_iter().map(|found| (found.host, found.item.id)).collect(),
        Answer::Images(page) => page.items.into_iter().map(|found| (found.host, found.item.id)).collect(),
        other => panic!("{other:?}"),
    }
}

/// The same without any index.
fn walked(view: &Inventory, kind: Kind, filter: &Filter) -> Vec<(HostId, String)> {
    let asked = |id: &HostId| filter.hosts.as_ref().is_none_or(|hosts| hosts.contains(id));
    let things = view.hosts().into_iter().filter(asked).flat_map(|id| {
        let ids: BTreeSet<String> = match kind {
            Kind::Images => {
                let images = view.things(&id).expect("held").images;
                images.iter().filter(|image| filter.takes_image(image)).map(|image| image.id.clone()).collect()
            }
            _ => {
                let takes = |container: &Container| {
                    filter.name.as_ref().is_none_or(|part| container.name.contains(part.as_str()))
                        && filter.owner.as_ref().is_none_or(|owner| container.owner == *owner)
                };
                let containers = view.containers(&id).into_iter().map(|(container, _)| container);
                containers.filter(takes).map(|container| container.id).collect()
            }
        };
        ids.into_iter().map(move |thing| (id.clone(), thing))
    });
    let after =
        |(host, id): &(HostId, String)| filter.after.as_ref().is_none_or(|after| (host, id) > (&after.host, &after.id));
    things.filter(after).take(filter.limit).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_looked_up_is_what_a_walk_finds(all in told(), limit in 1..200_usize, after in 0..40_u64, some in 0..40_u64) {
        let view = Inventory::default();
        for told in all {
            apply(&view, told);
        }
        let some = |hosts: bool| hosts.then(|| BTreeSet::from([host(some), host((some + 1) % 40)]));
        let after = |later: bool| later.then(|| crate::inventory::Place { host: host(after), id: "sha256:2".to_owned() });
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (hosts, later) in [(false, false), (false, true), (true, false), (true, true)] {
            let filter = Filter { limit, hosts: some(hosts), after: after(later), ..Filter::default() };
            for asked in ["nginx", "nginx:1", "nginx:latest", "shop/app", "shop/app:2", "shop/app@sha256:0f", "sha256:3", "x", ""] {
                for name in ["", "app", "x"] {
                    let filter = Filter { image: text(asked), name: text(name), ..filter.clone() };
                    prop_assert_eq!(found(&view, Kind::Images, &filter), walked(&view, Kind::Images, &filter), "{:?}", filter);
                }
            }
            for name in ["web", "shop", "-1", "p-d", "none", "\0", "\0w", "1\0", "b"] {
                for owner in ["", "owner-1", "owner-9"] {
                    let filter = Filter { name: text(name), owner: text(owner), ..filter.clone() };
                    prop_assert_eq!(found(&view, Kind::Containers, &filter), walked(&view, Kind::Containers, &filter), "{:?}", filter);
                }
            }
        }
        view.hosts().iter().for_each(|id| view.forget(id));
        prop_assert!(view.is_empty());
    }
}
