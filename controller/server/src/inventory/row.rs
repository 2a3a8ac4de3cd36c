//! A container in its compact form: texts as symbols, lists without spare room.

use super::{
    index::Term,
    key::Key,
    reference,
    strings::{EMPTY, Strings, Sym},
};
use wharden_model::{
    Timestamp,
    inventory::{
        Container, ContainerLimits, ContainerState, ContainerUsage, FixedAddress, Health, Mount, MountKind, Port,
        Protocol, RestartPolicy,
    },
};

#[derive(Clone, Copy)]
pub struct MountRow {
    pub source: Sym,
    target: Sym,
    kind: MountKind,
    read_only: bool,
}

#[derive(Clone, Copy)]
pub struct PortRow {
    ip: Sym,
    pub host: u16,
    container: u16,
    protocol: Protocol,
}

/// See the module.
pub struct Row {
    /// Place of its host.
    pub host: u32,
    pub key: Key,
    pub name: Box<str>,
    pub owner: Sym,
    image: Sym,
    /// The image's reference in its one spelling, with and without a tag.
    pub reference: Sym,
    pub repository: Sym,
    pub image_id: Sym,
    pub state: ContainerState,
    health: Health,
    restart: RestartPolicy,
    privileged: bool,
    auto_remove: bool,
    limits: ContainerLimits,
    created_at: Timestamp,
    started_at: Timestamp,
    layer_bytes: Option<u64>,
    pub ports: Box<[PortRow]>,
    pub mounts: Box<[MountRow]>,
    pub networks: Box<[Sym]>,
    /// Network and address of each that is fixed.
    fixed_addresses: Box<[(Sym, Sym)]>,
    pub labels: Box<[(Sym, Sym)]>,
    devices: Box<[Sym]>,
    pub usage: Option<ContainerUsage>,
}

impl Row {
    pub fn pack(container: &Container, host: u32, strings: &mut Strings) -> Self {
        let (reference, repository) = reference::normal(&container.image);
        Self {
            host,
            key: Key::new(&container.id),
            name: container.name.as_str().into(),
            owner: strings.take(&container.owner),
            image: strings.take(&container.image),
            reference: strings.take(&reference),
            repository: strings.take(&repository),
            image_id: strings.take(&container.image_id),
            state: container.state,
            health: container.health,
            restart: container.restart,
            privileged: container.privileged,
            auto_remove: container.auto_remove,
            limits: container.limits,
            created_at: container.created_at,
            started_at: container.started_at,
            layer_bytes: container.layer_bytes,
            ports: container.ports.iter().map(|port| port_row(port, strings)).collect(),
            mounts: container.mounts.iter().map(|mount| mount_row(mount, strings)).collect(),
            networks: container.networks.iter().map(|name| strings.take(name)).collect(),
            fixed_addresses: container
                .fixed_addresses
                .iter()
                .map(|fixed| (strings.take(&fixed.network), strings.take(&fixed.address)))
                .collect(),
            labels: container.labels.iter().map(|(k, v)| (strings.take(k), strings.take(v))).collect(),
            devices: container.devices.iter().map(|path| strings.take(path)).collect(),
            usage: None,
        }
    }

    pub fn unpack(&self, strings: &Strings) -> Container {
        let text = |sym: Sym| strings.get(sym).to_owned();
        let port = |port: &PortRow| Port {
            host_ip: text(port.ip),
            host_port: port.host,
            container_port: port.container,
            protocol: port.protocol,
        };
        let mount = |mount: &MountRow| Mount {
            kind: mount.kind,
            source: text(mount.source),
            target: text(mount.target),
            read_only: mount.read_only,
        };
        let fixed = |(network, address): &(Sym, Sym)| FixedAddress { network: text(*network), address: text(*address) };
        Container {
            id: self.key.to_string(),
            name: self.name.to_string(),
            owner: text(self.owner),
            image: text(self.image),
            image_id: text(self.image_id),
            state: self.state,
            health: self.health,
            limits: self.limits,
            ports: self.ports.iter().map(port).collect(),
            mounts: self.mounts.iter().map(mount).collect(),
            networks: self.networks.iter().map(|sym| text(*sym)).collect(),
            fixed_addresses: self.fixed_addresses.iter().map(fixed).collect(),
            labels: self.labels.iter().map(|(k, v)| (text(*k), text(*v))).collect(),
            restart: self.restart,
            devices: self.devices.iter().map(|sym| text(*sym)).collect(),
            privileged: self.privileged,
            auto_remove: self.auto_remove,
            created_at: self.created_at,
            started_at: self.started_at,
            layer_bytes: self.layer_bytes,
        }
    }

    /// True while its processes are there.
    pub const fn is_up(&self) -> bool {
        self.state.is_up()
    }

    /// About the bytes of memory that it takes beside its own size and its texts.
    pub fn memory(&self) -> usize {
        let pairs = size_of_val(&*self.labels) + size_of_val(&*self.fixed_addresses);
        let lists = size_of_val(&*self.ports) + size_of_val(&*self.mounts) + pairs;
        self.name.len() + lists + size_of_val(&*self.networks) + size_of_val(&*self.devices)
    }

    /// Gives all its texts back.
    pub fn release(self, strings: &mut Strings) {
        for sym in [self.owner, self.image, self.reference, self.repository, self.image_id] {
            strings.release(sym);
        }
        self.ports.iter().for_each(|port| strings.release(port.ip));
        for mount in &self.mounts {
            strings.release(mount.source);
            strings.release(mount.target);
        }
        self.networks.iter().chain(&self.devices).for_each(|sym| strings.release(*sym));
        for (key, value) in self.labels.iter().chain(&self.fixed_addresses) {
            strings.release(*key);
            strings.release(*value);
        }
    }

    /// What it can be found by, each once.
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = vec![
            Term::State(self.state),
            Term::Owner(self.owner),
            Term::Reference(self.reference),
            Term::Repository(self.repository),
            Term::ImageId(self.image_id),
        ];
        terms.extend(self.ports.iter().map(|port| Term::Port(port.host)));
        terms.extend(self.mounts.iter().filter(|mount| mount.source != EMPTY).map(|mount| Term::Source(mount.source)));
        terms.extend(self.networks.iter().map(|name| Term::Network(*name)));
        for (key, value) in &self.labels {
            terms.extend([Term::LabelKey(*key), Term::Label(*key, *value)]);
        }
        terms.sort_unstable();
        terms.dedup();
        terms
    }
}

fn port_row(port: &Port, strings: &mut Strings) -> PortRow {
    let Port { host_ip, host_port, container_port, protocol } = port;
    PortRow { ip: strings.take(host_ip), host: *host_port, container: *container_port, protocol: *protocol }
}

fn mount_row(mount: &Mount, strings: &mut Strings) -> MountRow {
    let Mount { kind, source, target, read_only } = mount;
    MountRow { source: strings.take(source), target: strings.take(target), kind: *kind, read_only: *read_only }
}
