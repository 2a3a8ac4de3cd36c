//! A guard between a scripted engine and raw clients.

use crate::engine::Engine;
use arc_swap::ArcSwap;
use sha2::{Digest, Sha256};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};
use tokio::task::spawn_blocking;
use wharden_agent::{
    break_glass::BreakGlass,
    bundle::{Bundles, Offer, Owner},
    caller::{UserNames, Workloads},
    enrolment::DataDir,
    guard::{self, Doorway, Guard, LoadPlaces, Room, Slots, Stats, Turns, Valve},
    inventory,
    limits::{
        CONNECTIONS_FEW, CONNECTIONS_RESERVED, DECIDED_AT_ONCE_PER_USER, EVENT_STREAMS, IMAGE_READERS, LISTS_AT_ONCE,
        LISTS_AT_ONCE_PER_USER, LOADS_BUFFERED, LOADS_BUFFERED_PER_USER, Limits,
    },
    report::{Reporter, Spool, Writer},
};
use wharden_model::{
    BootId, Bundle, BundlePolicy, ClusterId, DecisionEvent, HostId, Labels, Mode, PolicyName, Posture, Scope,
    bundle::BUNDLE_FORMAT,
};
use wharden_pki::{BundleSigner, bundle_statement};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    shutdown::Shutdown,
};

pub const OPEN: &str = "permit(principal, action, resource);";
pub const NO_PRIVILEGED: &str = r#"
permit(principal, action, resource);
@id("no-privileged") @reason("privileged containers own the host") @cis("5.5")
forbid(principal, action == Docker::Action::"container.create", resource) when { context.privileged };
@id("no-load") @reason("images come from the registry")
forbid(principal, action == Docker::Action::"image.load", resource);
@id("keep") @reason("nothing is removed here")
forbid(principal, action == Docker::Action::"container.delete", resource);
"#;

pub fn host_id() -> HostId {
    HostId::new("h-0000000000000001").expect("id")
}

pub fn cluster_id() -> ClusterId {
    ClusterId::new("c-0000000000000001").expect("id")
}

pub fn bundle(text: &str, posture: Posture) -> Bundle {
    Bundle {
        format: BUNDLE_FORMAT,
        cluster_id: cluster_id(),
        scope: Scope { labels: Labels::none(), posture, host: None },
        policies: vec![BundlePolicy {
            name: PolicyName::new("test").expect("name"),
            mode: Mode::Enforce,
            text: text.to_owned(),
        }],
        users: vec![],
        ended_sessions: vec![],
        service_accounts: vec![],
    }
}

pub struct World {
    pub engine: Engine,
    pub socket: PathBuf,
    pub reporter: Reporter,
    pub guard: Arc<Guard>,
    pub break_glass: BreakGlass,
    pub shutdown: Shutdown,
    signer: BundleSigner,
    writer: Option<Writer>,
    _dir: tempfile::TempDir,
}

impl World {
    pub fn start(policy: Option<&str>, posture: Posture) -> Self {
        Self::with(policy, posture, Limits::default())
    }

    pub fn with(policy: Option<&str>, posture: Posture, limits: Limits) -> Self {
        Self::with_clock(policy, posture, limits, Arc::new(SystemClock))
    }

    pub fn with_clock(policy: Option<&str>, posture: Posture, limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        // Other users may reach the socket.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711)).expect("mode");
        let engine = Engine::start(&dir.path().join("engine.sock"));
        let signer = BundleSigner::generate().expect("key");
        let owner = Owner { host_id: host_id(), cluster_id: cluster_id(), keys: vec![signer.public_key()] };
        let bundles = Bundles::load(dir.path(), owner, posture);
        if let Some(policy) = policy {
            take(&bundles, &signer, 7, &bundle(policy, posture));
        }
        let boot_id = BootId::new("00000000000000aa").expect("id");
        let spool = Spool::open(&dir.path().join("spool"), boot_id.clone(), limits.spool_bytes).expect("spool");
        let (reporter, writer) = Reporter::start(spool, host_id(), boot_id).expect("thread");
        let socket = dir.path().join("guard.sock");
        let listener = guard::bind(&socket, 0o666, &engine.path).expect("listen");
        let data = DataDir::create(&dir.path().join("data")).expect("data");
        let guard = Arc::new(Guard {
            host_id: host_id(),
            cluster_id: cluster_id(),
            host_name: "web-1".into(),
            contact: "sec@corp".into(),
            private: ArcSwap::from_pointee(vec![engine.path.display().to_string(), socket.display().to_string()]),
            engine: Arc::new(inventory::Engine::new(&engine.path).with_mark(inventory::Mark::generate())),
            owners: Arc::new(inventory::ImageOwners::load(&data)),
            labels: Arc::default(),
            bundles: Arc::new(bundles),
            reporter: reporter.clone(),
            names: UserNames::default(),
            workloads: Workloads::default(),
            clock,
            stats: Stats::new(&Metrics::new("test")),
            room: Room::new(limits.buffered_bytes, limits.buffered_bytes_per_user),
            loads: Room::new(LOADS_BUFFERED, LOADS_BUFFERED_PER_USER),
            loading: LoadPlaces::new(limits.loads, limits.loads_per_user, limits.load_silence()),
            archives: Slots::new(limits.archives, limits.archives_per_user),
            deciding: Turns::new(DECIDED_AT_ONCE_PER_USER, usize::MAX),
            naming: Turns::new(1, usize::MAX),
            image_names: Turns::new(IMAGE_READERS, usize::MAX),
            execs: wharden_agent::guard::Execs::default(),
            claims: wharden_agent::guard::Claims::default(),
            creating: Turns::new(1, usize::MAX),
            still: Turns::new(1, usize::MAX),
            listing: Turns::new(LISTS_AT_ONCE_PER_USER, LISTS_AT_ONCE),
            walking: Turns::new(1, 2),
            events: Slots::new(EVENT_STREAMS[0], EVENT_STREAMS[1]),
            connections: Slots::new(limits.connections, limits.connections_per_user)
                .with_reserve(CONNECTIONS_RESERVED, CONNECTIONS_FEW),
            valve: Valve::default(),
            doorway: Doorway::default(),
            break_glass: BreakGlass::new(data.clone()),
            limits,
        });
        let shutdown = Shutdown::new();
        drop(shutdown.spawn("guard", listener.run(Arc::clone(&guard), shutdown.clone())));
        let break_glass = BreakGlass::new(data);
        Self { engine, socket, reporter, guard, break_glass, signer, shutdown, writer: Some(writer), _dir: dir }
    }

    /// Puts a bundle in force.
    pub fn take(&self, revision: u64, bundle: &Bundle) {
        take(&self.guard.bundles, &self.signer, revision, bundle);
    }

    /// All events, after everything that was recorded has been written.
    pub async fn events(&mut self) -> Vec<DecisionEvent> {
        let writer = self.writer.take().expect("asked once");
        spawn_blocking(move || writer.stop()).await.expect("stop");
        let mut events = Vec::new();
        while let Some(batch) = self.reporter.next_batch(100).expect("read") {
            for (_, json) in &batch.events {
                events.push(serde_json::from_slice(json).expect("event"));
            }
            self.reporter.ack(&batch.boot_id, batch.events.last().expect("some").0).expect("ack");
        }
        events
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.stop();
        if let Some(writer) = self.writer.take() {
            writer.stop();
        }
    }
}

fn take(bundles: &Bundles, signer: &BundleSigner, revision: u64, bundle: &Bundle) {
    let payload = serde_json::to_vec(bundle).expect("json");
    let digest = Sha256::digest(&payload).into();
    let signature = signer.sign(&bundle_statement(&cluster_id(), revision, &digest));
    bundles.take(&Offer { revision, digest, signature: &signature, payload: &payload }).expect("good");
}
