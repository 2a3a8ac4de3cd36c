mod scan;
mod searches;
mod upkeep;

use super::{Answer, Applied, Filter, Inventory, Kind, Sign};
use wharden_model::{
    BootId, HostId,
    inventory::{Container, ContainerState, Delta, Mount, MountKind, Port, Protocol},
};

fn host(n: u64) -> HostId {
    HostId::new(format!("h-{n:016x}")).expect("id")
}

fn boot(n: u64) -> BootId {
    BootId::new(format!("{n:016x}")).expect("id")
}

/// Container `n`; every text of it differs from that of others.
fn container(n: u32) -> Container {
    Container {
        id: format!("{n:064x}"),
        name: format!("name-{n}"),
        owner: format!("owner-{n}"),
        image: format!("image-{n}:1"),
        image_id: format!("sha256:{n:064x}"),
        state: ContainerState::Running,
        ports: vec![Port { host_port: 80, container_port: 8080, protocol: Protocol::Tcp, host_ip: "10.0.0.1".into() }],
        mounts: vec![Mount {
            kind: MountKind::Bind,
            source: format!("/srv/{n}"),
            target: "/x".into(),
            read_only: true,
        }],
        networks: vec![format!("net-{n}")],
        labels: [("app".to_owned(), format!("app-{n}")), ("tier".to_owned(), "web".to_owned())].into(),
        devices: vec!["/dev/null".to_owned()],
        ..Container::default()
    }
}

fn whole(sequence: u64, containers: Vec<Container>) -> Delta {
    Delta { sequence, containers, ..Delta::default() }
}

fn told(view: &Inventory, id: &HostId, delta: Delta) {
    let sequence = delta.sequence;
    assert_eq!(view.apply(id, &boot(1), delta), Applied::To(sequence));
}

/// Names of the containers found, and where to go on.
fn find(view: &Inventory, filter: &Filter) -> (Vec<String>, Option<String>) {
    let filter = Filter { limit: if filter.limit == 0 { 100 } else { filter.limit }, ..filter.clone() };
    match view.search(Kind::Containers, &filter, |_| Sign::default()) {
        Answer::Containers(page) => (page.items.into_iter().map(|found| found.item.name).collect(), page.next),
        other => panic!("{other:?}"),
    }
}
