//! The hosts of this controller as the inventory has them.

use super::view::{Contents, FleetView, SeenContainer, SeenHost, SeenMount, SeenNetwork};
use crate::{
    fleet::Fleet,
    inventory::{Things, reference::normal},
};
use wharden_capacity::{Address, HostPort, Protocol};
use wharden_model::{
    HostId, Timestamp,
    api::InventoryHost,
    capacity::Amount,
    inventory::{self, Container, ContainerUsage, MountKind, Network, Stall},
};

/// See the module.
pub struct Inventoried(pub Fleet);

impl FleetView for Inventoried {
    fn hosts(&self) -> Vec<(HostId, SeenHost)> {
        let inventory = self.0.inventory();
        let seen = |id: HostId| {
            let host = inventory.host(&id, self.0.sign(&id))?;
            Some((id, host_of(&host)))
        };
        inventory.hosts().into_iter().filter_map(seen).collect()
    }

    fn contents(&self, host: &HostId) -> Option<Contents> {
        let Things { images, volumes, networks } = self.0.inventory().things(host)?;
        let containers = self.0.inventory().containers(host);
        Some(Contents {
            containers: containers.into_iter().map(|(container, usage)| container_of(container, usage)).collect(),
            networks: networks.into_iter().map(network_of).collect(),
            volumes: volumes.into_iter().map(|v| (v.name, v.driver)).collect(),
            tags: images
                .iter()
                .flat_map(|image| image.tags.iter().map(|tag| (normal(tag).0, image.id.clone())))
                .collect(),
            images: images.iter().map(|image| (image.id.clone(), image.size_bytes)).collect(),
        })
    }
}

fn host_of(host: &InventoryHost) -> SeenHost {
    let (facts, usage) = (&host.facts, &host.usage);
    // What the engine keeps grows on its own file system.
    let disk = facts.disks.iter().find(|disk| disk.engine);
    let disk_used = disk.and_then(|disk| usage.disks.iter().find(|used| used.path == disk.path));
    let psi = |stall: Option<Stall>| stall.map_or(0, |stall| stall.avg60 / 10);
    SeenHost {
        connected: host.connected,
        sampled_at: Some(host.sampled_at).filter(|at| *at > Timestamp(0)),
        architecture: facts.arch.clone(),
        capacity: Amount {
            cpu_millis: facts.cpu_millicores,
            memory_bytes: facts.memory_bytes,
            disk_bytes: disk.map_or(0, |disk| disk.size_bytes),
            ..Amount::default()
        },
        used: Amount {
            cpu_millis: usage.cpu_millicores,
            memory_bytes: usage.memory_bytes,
            disk_bytes: disk_used.map_or(0, |used| used.used_bytes),
            pids: usage.pids,
            containers: u64::from(host.containers_running),
        },
        psi_permille: [psi(usage.pressure.cpu), psi(usage.pressure.memory), psi(usage.pressure.io)],
        runtimes: facts.engine.runtimes.clone(),
        guard: facts.agent.guard_socket.clone(),
    }
}

fn network_of(network: Network) -> SeenNetwork {
    let subnets = network.subnets.iter().filter_map(|range| range.parse().ok()).collect();
    SeenNetwork { name: network.name, driver: network.driver, scope: network.scope, subnets }
}

fn container_of(container: Container, usage: Option<ContainerUsage>) -> SeenContainer {
    let up = container.is_up();
    let used = usage.map(|usage| Amount {
        cpu_millis: u64::from(usage.cpu_millicores),
        memory_bytes: usage.memory_bytes,
        disk_bytes: container.layer_bytes.unwrap_or(0),
        pids: u64::from(usage.pids),
        containers: 1,
    });
    let ports = container.ports.iter().filter(|port| port.host_port > 0).flat_map(|port| {
        let protocols: &[Protocol] = match port.protocol {
            inventory::Protocol::Tcp => &[Protocol::Tcp],
            inventory::Protocol::Udp => &[Protocol::Udp],
            inventory::Protocol::Sctp => &[Protocol::Sctp],
            // Of one that is not known here, any may clash.
            inventory::Protocol::Other => &[Protocol::Tcp, Protocol::Udp, Protocol::Sctp],
        };
        protocols.iter().map(|protocol| HostPort { port: port.host_port, protocol: *protocol })
    });
    let address =
        |fixed: inventory::FixedAddress| Some(Address { ip: fixed.address.parse().ok()?, network: fixed.network });
    SeenContainer {
        up,
        used,
        ports: ports.collect(),
        mounts: container
            .mounts
            .into_iter()
            .map(|mount| match mount.kind {
                MountKind::Bind => SeenMount::Bind(mount.source),
                MountKind::Volume => SeenMount::Volume(mount.source),
                MountKind::Tmpfs => SeenMount::Memory,
                MountKind::Other => SeenMount::Unknown(mount.target),
            })
            .collect(),
        id: container.id,
        name: container.name,
        owner: container.owner,
        image: container.image,
        image_id: container.image_id,
        networks: container.networks,
        addresses: container.fixed_addresses.into_iter().filter_map(address).collect(),
        labels: container.labels,
        devices: container.devices,
        privileged: container.privileged,
        auto_remove: container.auto_remove,
        layer_bytes: container.layer_bytes,
    }
}
