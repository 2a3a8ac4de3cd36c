//! Each filter finds what it says, alone and together with others, and pages have no gaps and no doubles.

use super::*;
use crate::inventory::{Place, merge};
use std::collections::BTreeSet;
use wharden_model::{
    Timestamp,
    api::{InventoryItem, InventoryPage},
};

fn names(view: &Inventory, filter: &Filter) -> Vec<String> {
    find(view, filter).0
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Three hosts with ten containers each, 1 to 30.
fn fleet() -> Inventory {
    let view = Inventory::default();
    for n in 0..3_u32 {
        told(&view, &host(n.into()), whole(1, (1..=10).map(|c| container(n * 10 + c)).collect()));
    }
    view
}

#[test]
fn every_filter_finds_what_it_says() {
    let view = fleet();
    let one = ["name-7".to_owned()];
    let filters = [
        Filter { image: some("image-7:1"), ..Filter::default() },
        Filter { image: some("docker.io/library/image-7"), ..Filter::default() },
        Filter { image: some(&container(7).image_id), ..Filter::default() },
        Filter { owner: some("owner-7"), ..Filter::default() },
        Filter { mount: some("/srv/7/below"), ..Filter::default() },
        Filter { network: some("net-7"), ..Filter::default() },
        Filter { label: Some(("app".into(), some("app-7"))), ..Filter::default() },
        Filter { label: Some(("tier".into(), None)), name: some("e-7"), port: Some(80), ..Filter::default() },
    ];
    for filter in filters {
        assert_eq!(names(&view, &filter), one, "{filter:?}");
        // Also where many others have what one asks for.
        let with_more = Filter { state: Some(ContainerState::Running), port: Some(80), ..filter.clone() };
        assert_eq!(names(&view, &with_more), one, "{filter:?}");
        let on_another = Filter { hosts: Some([host(2)].into()), ..filter.clone() };
        assert!(names(&view, &on_another).is_empty(), "{filter:?}");
        let in_another_state = Filter { state: Some(ContainerState::Exited), ..filter.clone() };
        assert!(names(&view, &in_another_state).is_empty(), "{filter:?}");
    }
    assert_eq!(names(&view, &Filter { mount: some("/srv"), ..Filter::default() }).len(), 30);
    assert!(names(&view, &Filter { image: some("image-7:2"), ..Filter::default() }).is_empty());
    assert!(names(&view, &Filter { owner: some("owner"), ..Filter::default() }).is_empty());
    assert_eq!(names(&view, &Filter { hosts: Some([host(1)].into()), ..Filter::default() }).len(), 10);
}

#[test]
fn pages_have_no_gaps_and_no_doubles() {
    let view = fleet();
    for filter in [
        Filter { limit: 4, ..Filter::default() },
        Filter { limit: 4, mount: some("/srv"), ..Filter::default() },
        Filter { limit: 7, owner: None, state: Some(ContainerState::Running), ..Filter::default() },
    ] {
        let (mut all, mut filter) = (Vec::new(), filter);
        loop {
            let (names, next) = find(&view, &filter);
            assert!(names.len() <= filter.limit);
            all.extend(names);
            let Some(next) = next else { break };
            filter.after = Place::read(&next);
        }
        assert_eq!(all, (1..=30).map(|n| format!("name-{n}")).collect::<Vec<_>>());
    }
}

#[test]
fn of_several_controllers_each_host_is_as_the_one_says_that_heard_it_last() {
    let item = |n: u64, c: u32, connected: bool, at: u64| InventoryItem {
        host: host(n),
        host_name: String::new(),
        connected,
        heard_at: Timestamp(at),
        item: container(c),
        usage: None,
    };
    let page = |items: Vec<InventoryItem<Container>>, more: bool| InventoryPage {
        next: items
            .last()
            .filter(|_| more)
            .map(|last| Place { host: last.host.clone(), id: last.item.id.clone() }.cursor()),
        items,
        unreachable: Vec::new(),
    };
    // Host 1 has gone from the first to the second, and has lost container 1 meanwhile.
    let first = page(vec![item(1, 1, false, 9), item(1, 2, false, 9), item(3, 5, true, 9)], true);
    let second = page(vec![item(1, 2, true, 3), item(2, 4, true, 3), item(4, 6, true, 3)], false);
    let merged = merge(vec![first, second], 10);
    let found: Vec<_> = merged.items.iter().map(|found| (found.host.clone(), found.item.name.clone())).collect();
    let wanted = [(1, "name-2"), (2, "name-4"), (3, "name-5")];
    assert_eq!(found, wanted.map(|(n, name)| (host(n), name.to_owned())));
    // Nobody knows yet what the first has between 3 and 4.
    assert_eq!(merged.next, Some(format!("{}/{}", host(3), container(5).id)));
    let hosts: BTreeSet<_> = merged.items.iter().map(|found| found.host.clone()).collect();
    assert!(!hosts.contains(&host(4)));
}
