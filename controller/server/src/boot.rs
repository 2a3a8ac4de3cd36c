//! Wires the parts, in the order of the path of data, and takes them down again.

use crate::{
    alerts::{self, Alerts, Probe, Sampler, Sight},
    app::{Access, App, Workbench, key_gauges},
    audit_export,
    auth::source::Sources,
    backup::{BackupMetrics, Recipients, Schedule},
    capacity::{self, Watch},
    cluster::{self, Admission, Answering},
    config::{Config, FILE_NAME, Overrides},
    console,
    copies::{self, Coverage, Reader, Recorder},
    data_dir::{self, CA_FILE, CLUSTER_KEY, PEER_CHAIN, STORE},
    events::{self, EventLimits, EventStore},
    fleet::{Fleet, FleetConfig},
    inventory,
    keys::{self, Keys},
    limits,
    log_mark::{self, LogLost},
    notify,
    peers::{self, Client, PeerIdentity, Roster, Server, Transport},
    publish::Publisher,
    raft::{Failed, Outlet, Raft},
    rest::{self, Api, Front, Waiting},
    sealing::{self, Holder},
};
use anyhow::{Context, bail, ensure};
use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use std::{fmt, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinHandle};
use wharden_model::{ClusterId, Timestamp, api::Secret};
use wharden_pki::{ClusterKeys, controller_name};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    fsync::write_atomic,
    metrics::Metrics,
    pool::Pool,
    ready::Readiness,
    shutdown::Shutdown,
    telemetry,
    tls::{self, ClientAuth, HTTP1, HTTP2, Identity, TlsListener},
};
use wharden_state::{Actor, Command, State};
use wharden_store::Engine;

const EVENTS: &str = "events";
/// Time for a leader to show up at start.
const LEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Time for open requests and sessions to end at stop.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What `init` made.
#[derive(Debug, Serialize)]
pub struct Made {
    pub cluster_id: ClusterId,
    /// Good once, to make the first admin.
    pub bootstrap_token: Secret,
    pub ca_file: String,
    pub data_dir: String,
    /// Where clients reach it.
    pub url: String,
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster_id, bootstrap_token, ca_file, data_dir, url } = self;
        writeln!(f, "Cluster {cluster_id} is initialised in {data_dir}.\n")?;
        writeln!(f, "Bootstrap token, good once, to make the first admin:\n\n  {}\n", bootstrap_token.reveal())?;
        writeln!(
            f,
            "Make an age key for backups, and keep it elsewhere: it alone opens them, with all that they hold.\n"
        )?;
        writeln!(f, "Next:")?;
        writeln!(f, "  wharden-controller run --data-dir {data_dir}")?;
        writeln!(f, "  WHARDEN_URL={url} WHARDEN_CA_FILE={ca_file} wharden bootstrap\n")?;
        write!(f, "To do the last on another machine, copy {ca_file} there: it is no secret.")
    }
}

/// Makes a cluster of one in an empty folder. When it fails half way it removes what it made.
///
/// # Errors
/// When the folder is not empty or cannot be written, with what to do.
pub async fn init(data_dir: &Path, store: Engine, overrides: Overrides) -> anyhow::Result<Made> {
    // What is printed works from any folder.
    let data_dir = &std::path::absolute(data_dir).with_context(|| format!("cannot use {}", data_dir.display()))?;
    let config = Config { store, ..Config::default().with(overrides) }.checked()?;
    let was_there = data_dir.exists();
    data_dir::fresh(data_dir)?;
    let made = init_in(data_dir, config).await;
    if made.is_err() {
        data_dir::clear(data_dir);
        if !was_there {
            // Takes only an empty one.
            let _ = std::fs::remove_dir(data_dir);
        }
    }
    made
}

async fn init_in(data_dir: &Path, config: Config) -> anyhow::Result<Made> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let now = Timestamp(clock.now());
    let sealing = ClusterKeys::generate();
    let (command, ca, bootstrap_token) = keys::new_cluster(&sealing, now)?;
    let cluster_id = ca.cluster_id().clone();
    // A certificate for these names must be possible before anything is promised.
    ca.issue_server(&config.advertise, config.node_id, now, Duration::from_secs(limits::SERVER_CERT_TTL_S))
        .context("--advertise")?;
    write_atomic(&data_dir.join(CLUSTER_KEY), sealing.to_file_text().as_bytes(), 0o600)?;
    write_atomic(&data_dir.join(CA_FILE), ca.cert_pem().as_bytes(), 0o644)?;
    write_atomic(&data_dir.join(FILE_NAME), toml::to_string(&config)?.as_bytes(), 0o600)?;

    let shutdown = Shutdown::new();
    let outlet = Outlet::default();
    let alone = Arc::new(Client::new(Roster::new(config.node_id, outlet.state(), Vec::new())));
    let raft = replica(data_dir, &config, outlet, alone, clock, &shutdown).await?;
    raft.found().await?;
    raft.wait_for_leader(LEADER_TIMEOUT).await?;
    raft.propose(Actor::System, Command::Cluster(command)).await?;
    cluster::enter(data_dir, &raft, &ca, &config, now).await?;
    raft.stop().await;
    drop(raft);
    shutdown.finish(STOP_GRACE).await?;
    Ok(Made {
        cluster_id,
        bootstrap_token,
        ca_file: data_dir.join(CA_FILE).display().to_string(),
        data_dir: data_dir.display().to_string(),
        url: config.seat().rest,
    })
}

/// Starts the replica on the log of this folder. It answers nobody before this returns.
async fn replica(
    data_dir: &Path,
    config: &Config,
    outlet: Outlet,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    shutdown: &Shutdown,
) -> anyhow::Result<Raft> {
    let (store, number) = (data_dir.join(STORE), config.node_id);
    log_mark::check(data_dir, number)?;
    let raft = Raft::start(&store, config.store, number, outlet, transport, clock, shutdown).await?;
    log_mark::begun(data_dir).with_context(|| data_dir.display().to_string())?;
    Ok(raft)
}

/// Runs the controller until it is told to stop.
///
/// # Errors
/// When a part cannot start, with what to do; or when one fails while running.
pub async fn run(data_dir: &Path, file: Option<&Path>, overrides: Overrides) -> anyhow::Result<()> {
    let config = Config::load(data_dir, file, overrides)?;
    telemetry::init(config.format()?, &config.log_filter)?;
    tls::install_provider();
    if !data_dir.join(CLUSTER_KEY).exists() {
        let folder = data_dir.display();
        ensure!(
            !data_dir.join(PEER_CHAIN).exists() && !data_dir.join(STORE).exists(),
            "{folder}/{CLUSTER_KEY} is missing: put it back, every controller of the cluster has the same in its data folder"
        );
        bail!(
            "{folder} is not the data folder of a controller: `wharden-controller init --data-dir {folder}` makes one for a \
             new cluster, `wharden-controller join` one for a cluster that is there"
        );
    }
    audit_export::check(&config.audit_export)?;
    let shutdown = Shutdown::on_signals()?;
    // The log, the other controllers and the admins do not wait behind ten thousands of hosts.
    let crowd = Pool::start("hosts")?;
    let outcome = serve(data_dir, &config, &crowd, &shutdown).await;
    if let Err(unfinished) = shutdown.finish(STOP_GRACE).await {
        tracing::warn!(%unfinished, "stopped without waiting longer");
    }
    outcome
}

/// What the end of the replica is told as. A loss of entries is written down first, for every later start.
fn gives_up(data_dir: &Path, number: u64, why: Failed) -> anyhow::Error {
    let Failed::Lost(entry) = why else { return why.into() };
    match log_mark::lost(data_dir, entry) {
        Ok(()) => LogLost::Part { entry: entry.to_string(), number }.into(),
        Err(error) => anyhow::Error::new(error).context(why),
    }
}

/// The port for other controllers, which opens as soon as this one has a certificate to show.
struct PeerPort {
    tcp: Option<TcpListener>,
    roster: Roster,
    client: Arc<Client>,
    inbound: Arc<Answering>,
    door: Arc<Admission>,
    serving: Option<JoinHandle<Result<(), peers::ServeError>>>,
    /// Who joins dials a name or address that `--advertise` says now; the certificate for controllers was made for those of its time.
    visitors: tls::Visitors,
    /// Connections that found no place.
    refused: Counter,
}

impl PeerPort {
    fn open(&mut self, identity: &PeerIdentity, shutdown: &Shutdown) -> anyhow::Result<()> {
        let Some(tcp) = self.tcp.take() else { return Ok(()) };
        self.client.identify(identity)?;
        let name = controller_name(&identity.cluster, identity.number);
        let callers = ClientAuth::Optional(vec![identity.ca()]);
        let config = tls::server_config_by_name((&name, &identity.tls()), &self.visitors, &callers, &[HTTP2])?;
        let server = Server {
            roster: self.roster.clone(),
            cluster: identity.cluster.clone(),
            inbound: Arc::clone(&self.inbound) as _,
            door: Arc::clone(&self.door) as _,
            refused: self.refused.clone(),
        };
        let (listener, stop) = (TlsListener::new(tcp, config), shutdown.clone());
        self.serving = Some(shutdown.spawn("peers", async move { server.serve(listener, &stop).await }));
        Ok(())
    }

    /// Ends when the port does.
    async fn ended(&mut self) -> anyhow::Result<()> {
        match &mut self.serving {
            Some(serving) => Ok(serving.await??),
            None => std::future::pending().await,
        }
    }
}

/// The port for clients, which opens as soon as there is a certificate to show.
struct RestPort {
    tcp: Option<TcpListener>,
    front: Front,
    serving: Option<JoinHandle<Result<(), rest::ServeError>>>,
}

impl RestPort {
    fn open(&mut self, identity: &Identity, shutdown: &Shutdown) -> anyhow::Result<()> {
        let Some(tcp) = self.tcp.take() else { return Ok(()) };
        let config = tls::server_config(identity, &ClientAuth::None, &[HTTP2, HTTP1])?;
        let serving = rest::serve(self.front.clone(), TlsListener::new(tcp, config), shutdown.clone());
        self.serving = Some(shutdown.spawn("REST", serving));
        Ok(())
    }

    /// Ends when the port does.
    async fn ended(&mut self) -> anyhow::Result<()> {
        match &mut self.serving {
            Some(serving) => Ok(serving.await??),
            None => std::future::pending().await,
        }
    }
}

/// What the ports for clients and agents show, and that for controllers to those who join.
fn own_identity(keys: &Keys, config: &Config, now: Timestamp) -> anyhow::Result<Identity> {
    let lifetime = Duration::from_secs(limits::SERVER_CERT_TTL_S);
    let issued = keys.ca.issue_server(&config.advertise, config.node_id, now, lifetime)?;
    Ok(Identity::new(&issued.chain, &issued.key_pkcs8))
}

/// The state, once it is as new as anybody's. Waits for a quorum as long as it takes, and says so when that is long.
async fn caught_up(raft: &Raft) -> Arc<State> {
    let newest = async {
        loop {
            match raft.linearizable().await {
                Ok(state) if state.cluster.is_some() => return state,
                Ok(_) => tokio::time::sleep(limits::ELECTION_PAUSE).await,
                Err(why) => tracing::info!(%why, "waiting for the other controllers"),
            }
        }
    };
    tokio::pin!(newest);
    tokio::select! {
        state = &mut newest => return state,
        () = tokio::time::sleep(limits::START_QUIET) => {}
    }
    let state = raft.state();
    let others = state.controllers.members.iter().filter(|(number, _)| **number != raft.number());
    let others: Vec<String> = others.map(|(number, other)| format!("{number} at {}", other.seat.peer)).collect();
    tracing::warn!(others = others.join(", "), "waiting for a majority of the controllers: {}", raft.advice());
    newest.await
}

async fn serve(data_dir: &Path, config: &Config, crowd: &Pool, shutdown: &Shutdown) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::new("wharden");
    let readiness = Readiness::new(&["controller", "events"]);
    let started_at = Timestamp(clock.now());

    // Ports first: a second controller on the same machine fails before it touches anything.
    let rest_tcp = tls::bind(config.rest_listen)?;
    let rest_at = rest_tcp.local_addr()?;
    let agent_tcp = tls::bind(config.agent_listen)?;
    let peer_tcp = tls::bind(config.peer_listen)?;
    let key_file = data_dir.join(CLUSTER_KEY);
    let holder = Holder::on_disk(key_file.clone(), keys::read_cluster_key(&key_file)?);
    let identity = PeerIdentity::load(data_dir)?;
    if let Some(identity) = &identity {
        let (held, said) = (identity.number, config.node_id);
        ensure!(held == said, "the certificate is of controller {held}, the configuration says node_id {said}");
    }
    let outlet = Outlet::default();
    let roster = Roster::new(config.node_id, outlet.state(), cluster::first_list(data_dir)?);
    let client = Arc::new(Client::new(roster.clone()));
    let transport: Arc<dyn Transport> = Arc::clone(&client) as _;
    let raft = replica(data_dir, config, outlet, Arc::clone(&transport), Arc::clone(&clock), shutdown).await?;
    cluster::check_level(&raft.state())?;
    raft.register(&metrics);
    let (keyed, time) = (raft.clone(), Arc::clone(&clock));
    metrics.gauges(move || key_gauges(&keyed.state(), Timestamp(time.now())));
    let admission = Arc::new(Admission::new(raft.clone(), Arc::clone(&clock)));
    let mut port = PeerPort {
        tcp: Some(peer_tcp),
        roster: roster.clone(),
        client: Arc::clone(&client),
        inbound: Arc::new(Answering::new(raft.clone(), started_at)),
        door: Arc::clone(&admission),
        serving: None,
        visitors: tls::Visitors::default(),
        refused: Counter::default(),
    };
    let help = "Connections of the controllers' port closed because there were too many of one kind";
    metrics.register(|registry| registry.register("peers_connections_refused", help, port.refused.clone()));
    if let Some(identity) = &identity {
        port.open(identity, shutdown)?;
        shutdown.spawn_until_stopped("removal", cluster::watch(raft.clone(), roster.clone()));
    } else if !raft.has_members().await? {
        bail!(keys::KeysError::NotInitialised);
    }
    readiness.not_ready("controller", "it has started and waits for a majority of the controllers");
    let visitors = Sources::of_open_routes();
    let waiting = Waiting { raft: raft.clone(), readiness: readiness.clone(), metrics: metrics.clone(), visitors };
    let mut clients = RestPort { tcp: Some(rest_tcp), front: Front::new(waiting), serving: None };
    // One that joins has no keys yet, and one whose keys were changed meanwhile may not open them.
    if let Ok(known) = Keys::open(&raft.state(), keys::read_cluster_key(&key_file)?) {
        clients.open(&own_identity(&known, config, started_at)?, shutdown)?;
    }
    let announced = async {
        match &identity {
            Some(identity) => cluster::announce(&raft, &roster, config, identity, started_at).await,
            None => std::future::pending().await,
        }
    };
    let state = tokio::select! {
        state = caught_up(&raft) => state,
        never = announced => match never {},
        why = cluster::removed(&raft, &client) => bail!(why),
        why = cluster::too_old(&raft) => bail!(why),
        why = raft.failed() => return Err(gives_up(data_dir, config.node_id, why)),
        never = tls::turn_away(&agent_tcp) => match never {},
        () = shutdown.stopped() => {
            raft.stop().await;
            return Ok(());
        }
    };
    let keys = Arc::new(Keys::open(&state, holder)?);
    port.inbound.hold(Arc::clone(&keys));
    match &identity {
        Some(identity) => cluster::keep_seat(data_dir, &raft, &keys, config, identity).await?,
        None => {
            let made = cluster::enter(data_dir, &raft, &keys.ca, config, started_at).await?;
            port.open(&made, shutdown)?;
        }
    }
    shutdown.spawn_until_stopped("cluster key", sealing::follow(raft.clone(), Arc::clone(&keys)));
    let shown = own_identity(&keys, config, started_at)?;
    port.visitors.show(&shown)?;
    admission.open(Arc::clone(&keys));
    shutdown.spawn_until_stopped("keeper", cluster::keep(raft.clone(), started_at));
    let change = sealing::keep(raft.clone(), Arc::clone(&keys), Arc::clone(&clock));
    shutdown.spawn_until_stopped("change of the cluster key", change);

    let max_age_ms = config.events_max_days.saturating_mul(24 * 3600 * 1000);
    let limits = EventLimits { total_bytes: config.events_max_bytes, max_age_ms, ..EventLimits::default() };
    let events = EventStore::open(&data_dir.join(EVENTS), limits, &metrics, &readiness).await?;
    shutdown.spawn_until_stopped("age of events", events::drop_old(events.clone()));
    let (state, copies) = (raft.watch(), config.events_copies);
    let way = Arc::clone(&transport);
    let recorder = Recorder::new(events.clone(), config.node_id, state, way, copies, &metrics, shutdown);
    let coverage = Coverage::default();
    shutdown.spawn_until_stopped("mending of events", copies::mend(raft.clone(), recorder.clone(), coverage.clone()));
    let publisher = Publisher::start(&raft, &keys, &metrics, shutdown);
    let fleet = Fleet::new(
        raft.clone(),
        Arc::clone(&keys),
        publisher,
        recorder,
        Arc::clone(&clock),
        FleetConfig::default(),
        &metrics,
        shutdown,
    );
    port.inbound.serve(fleet.clone(), events.clone());
    shutdown.spawn_until_stopped("inventory", inventory::forget_moved(raft.clone(), fleet.clone()));
    let alerts = Alerts::new(&metrics);
    alerts.start(raft.clone(), shutdown);
    let probe = Probe::new(data_dir, &keys.cluster_id, config, started_at);
    let sampler = Sampler::start(probe, raft.clone(), &metrics, shutdown);
    port.inbound.tell(sampler.clone());
    let held = sampler.clone();
    let sight = Sight {
        raft: raft.clone(),
        fleet: fleet.clone(),
        sampler: held,
        clock: Arc::clone(&clock),
        ca_ends_at: keys.ca.not_after(),
        started_at,
    };
    fleet.raise_through(&alerts);
    alerts::watch(sight.clone(), alerts.clone(), config.alerts.clone(), &metrics, shutdown);
    let patience = Duration::from_secs(config.alerts.channel_s);
    let (way, time) = (alerts.clone(), Arc::clone(&clock));
    notify::start(raft.clone(), Arc::clone(&keys), time, way, patience, &metrics, shutdown);
    let view: Arc<dyn capacity::FleetView> = Arc::new(capacity::Inventoried(fleet.clone()));
    let held = raft.clone();
    let watch = Watch::new(move || held.state(), keys.cluster_id.clone(), view, Arc::clone(&clock), alerts.clone());
    port.inbound.watch(watch.clone());
    shutdown.spawn_until_stopped("capacity", watch.clone().run(raft.clone()));
    let recipients = Recipients::parse(&config.backup_recipients)?;
    let app = Arc::new(App {
        raft: raft.clone(),
        keys: Arc::clone(&keys),
        clock,
        fleet: fleet.clone(),
        reader: Reader { own: config.node_id, events: events.clone(), state: raft.watch(), transport, coverage },
        events,
        readiness: readiness.clone(),
        sources: Sources::of_logins(),
        visitors: Sources::of_open_routes(),
        access: Access::default(),
        started_at,
        backup_recipients: recipients.clone(),
        sight,
        alerts_config: config.alerts.clone(),
        alerts,
        capacity: watch,
        workbench: Workbench::default(),
    });
    let backups = BackupMetrics::new(&metrics);
    if let Some(folder) = config.backup_dir.clone() {
        let every = Duration::from_secs(config.backup_every_hours.saturating_mul(3600));
        let schedule = Schedule { folder, recipients, every, keep: config.backup_keep };
        schedule.start(raft.clone(), Arc::clone(&keys), Arc::clone(&app.clock), backups, shutdown);
    }

    let agents = ClientAuth::Optional(vec![keys.ca.cert_der().to_vec()]);
    let agent_tls = tls::server_config(&shown, &agents, &[HTTP2])?;
    let agent_listener = TlsListener::new(agent_tcp, agent_tls);
    let export = &config.audit_export;
    audit_export::start(export, data_dir, &keys.cluster_id, &raft, &sampler, &metrics, shutdown)?;
    tracing::info!(
        cluster = %keys.cluster_id,
        rest = %rest_at,
        agents = %agent_listener.local_addr()?,
        "the controller is up"
    );
    match console::bind(data_dir) {
        Ok(console) => {
            shutdown.spawn("console", console.serve(Arc::clone(&app), shutdown.clone()));
        }
        // Some file systems know no sockets, and long paths have no room for one. Everything else works without it.
        Err(error) => tracing::error!(%error, "there is no console: `wharden-controller recover` will not work"),
    }
    shutdown.spawn("signing key", Arc::clone(&app).rotate_by_age(shutdown.clone()));
    clients.front.open(Api { app, metrics });
    // Whoever hears that it is ready finds all routes.
    readiness.ready("controller");
    clients.open(&shown, shutdown)?;
    let hosts = crowd.run(async move { fleet.serve(agent_listener).await });
    let served = tokio::select! {
        served = port.ended() => served,
        why = cluster::removed(&raft, &client) => Err(why.into()),
        why = cluster::too_old(&raft) => Err(why.into()),
        served = clients.ended() => served,
        served = hosts => served.map_err(anyhow::Error::from).and_then(|served| Ok(served?)),
        why = raft.failed() => Err(gives_up(data_dir, config.node_id, why)),
        () = shutdown.stopped() => Ok(()),
    };
    raft.stop().await;
    served
}
