//! A fleet as it could be: seeded, so that every run has the same.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::collections::BTreeMap;
use wharden_model::{
    BootId, HostId, Timestamp,
    inventory::{
        Container, ContainerLimits, ContainerState, ContainerUsage, Delta, HostFacts, Image, Mount, MountKind, Network,
        Port, Protocol, UsageSample, Volume,
    },
};

const SEED: u64 = 7;
const APPS: usize = 400;
const OWNERS: usize = 250;
const IMAGES_PER_HOST: usize = 12;

pub struct Fleet {
    random: Xoshiro256PlusPlus,
}

fn hex(random: &mut Xoshiro256PlusPlus) -> String {
    (0..4).map(|_| format!("{:016x}", random.random::<u64>())).collect()
}

fn pick<'a>(random: &mut Xoshiro256PlusPlus, of: &[&'a str]) -> &'a str {
    of[random.random_range(0..of.len())]
}

impl Fleet {
    pub fn new() -> Self {
        Self { random: Xoshiro256PlusPlus::seed_from_u64(SEED) }
    }

    pub fn host(n: usize) -> HostId {
        HostId::new(format!("h-{n:016x}")).expect("id")
    }

    pub fn boot() -> BootId {
        BootId::new("00000000000000aa").expect("id")
    }

    /// All that a host has, and what its containers use.
    pub fn whole(&mut self, containers: usize) -> (Delta, UsageSample) {
        let random = &mut self.random;
        let containers: Vec<Container> = (0..containers).map(|n| container(random, n)).collect();
        let image = |n: usize| Image {
            id: format!("sha256:{n:064x}"),
            tags: vec![format!("registry.example.org/team/app-{n}:1.{}", n % 9)],
            size_bytes: 100_000_000,
            arch: "amd64".into(),
            os: "linux".into(),
            ..Image::default()
        };
        let first = random.random_range(0..APPS);
        let usage =
            ContainerUsage { cpu_millicores: 120, memory_bytes: 200 << 20, pids: 9, ..ContainerUsage::default() };
        let sample = UsageSample {
            at: Timestamp(1),
            containers: containers.iter().map(|it| (it.id.clone(), usage)).collect(),
            ..UsageSample::default()
        };
        let networks = ["bridge", "host", "none"].map(|name| Network {
            id: hex(random),
            name: name.into(),
            driver: name.into(),
            scope: "local".into(),
            ..Network::default()
        });
        let volumes = (0..3).map(|_| Volume { name: hex(random), driver: "local".into(), ..Volume::default() });
        let volumes = volumes.collect();
        let delta = Delta {
            sequence: 1,
            host: Some(Box::new(HostFacts { cpu_millicores: 16_000, memory_bytes: 64 << 30, ..HostFacts::default() })),
            containers,
            images: (0..IMAGES_PER_HOST).map(|n| image((first + n) % APPS)).collect(),
            volumes,
            networks: networks.into(),
            ..Delta::default()
        };
        (delta, sample)
    }
}

fn container(random: &mut Xoshiro256PlusPlus, n: usize) -> Container {
    let app = random.random_range(0..APPS);
    let service = pick(random, &["web", "api", "worker", "db", "cache"]);
    let mut labels = BTreeMap::from([
        ("com.docker.compose.project".to_owned(), format!("app-{app}")),
        ("com.docker.compose.service".to_owned(), service.to_owned()),
        ("com.docker.compose.container-number".to_owned(), (n % 4).to_string()),
        ("com.docker.compose.config-hash".to_owned(), format!("{:064x}", app * 5)),
        ("com.docker.compose.oneoff".to_owned(), "False".to_owned()),
        ("com.docker.compose.version".to_owned(), "2.24.5".to_owned()),
        ("org.opencontainers.image.version".to_owned(), format!("1.{}", app % 9)),
        ("team".to_owned(), format!("team-{}", app % 40)),
    ]);
    labels.insert("deployed-by".to_owned(), format!("job-{}", random.random::<u32>()));
    let bind = match random.random_range(0..200) {
        0 => "/etc".to_owned(),
        1 => "/var/run/docker.sock".to_owned(),
        _ => format!("/srv/app-{app}/{service}"),
    };
    let mount = |kind, source, target: &str| Mount { kind, source, target: target.into(), read_only: false };
    Container {
        id: hex(random),
        name: format!("app-{app}-{service}-{n}"),
        owner: format!("user-{}", random.random_range(0..OWNERS)),
        image: format!("registry.example.org/team/app-{app}:1.{}", app % 9),
        image_id: format!("sha256:{app:064x}"),
        state: if random.random_bool(0.9) { ContainerState::Running } else { ContainerState::Exited },
        limits: ContainerLimits { cpu_millicores: 1000, memory_bytes: 512 << 20, pids: 200 },
        ports: vec![Port {
            host_ip: String::new(),
            host_port: random.random_range(20_000..21_000),
            container_port: 8080,
            protocol: Protocol::Tcp,
        }],
        mounts: vec![
            mount(MountKind::Bind, bind, "/data"),
            mount(MountKind::Volume, format!("app-{app}_{service}"), "/state"),
        ],
        networks: vec![format!("app-{app}_default")],
        labels,
        created_at: Timestamp(1_795_507_200_000),
        started_at: Timestamp(1_795_507_200_000),
        ..Container::default()
    }
}
