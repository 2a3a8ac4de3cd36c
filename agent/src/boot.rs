//! Wires everything together. Nothing else in the agent starts tasks of its own.

use crate::{
    authz,
    break_glass::{self, BreakGlass, BreakGlassError},
    bundle::Bundles,
    caller::{UserNames, Workloads},
    cli::{Cli, Command, Enroll, Run, Status as StatusArgs},
    config::{Config, ConfigError},
    enrolment::{DataDir, DataDirError, EnrollError, EnrollOptions, HostIdentity, IdentityError, Lock, enroll},
    guard::{
        self, Claims, Doorway, Execs, Guard, GuardTls, GuardTlsError, ListenError, LoadPlaces, RemoteListener, Room,
        Slots, Stats, Turns, Valve,
    },
    inventory::{Engine, ImageOwners, Keeper, LastLabels, Layers, Mark, Told, resolve_host_path},
    limits::{
        CONNECTIONS_FEW, CONNECTIONS_RESERVED, DECIDED_AT_ONCE_PER_USER, DRAIN, EVENT_STREAMS, GLOBAL_QUEUE_INTERVAL,
        IMAGE_READERS, LISTS_AT_ONCE, LISTS_AT_ONCE_PER_USER, LOADS_BUFFERED, LOADS_BUFFERED_PER_USER, THREADS_MAX,
        WALKS_AT_ONCE,
    },
    metrics::{self, Gauges},
    protect::{self, ProtectError, Record},
    report::{Reporter, SPOOL, Spool, SpoolError},
    session::{Address, AddressError, Context, Controllers, Epoch, SessionState, keep_certificate, keep_session},
    status::{self, Status},
    usage::{OwnLimits, OwnMemory, Sampler, leave_own_groups, limit_self},
};
use arc_swap::ArcSwap;
use std::{
    fs,
    io::{self, Read, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    time::sleep,
};
use wharden_model::{BootId, IdError, Timestamp, api::Secret, inventory::AgentFacts, limits::HOSTNAME_MAX};
use wharden_runtime::{
    clock::{Clock, SystemClock},
    metrics::Metrics,
    shutdown::Shutdown,
    telemetry::{self, TelemetryError},
    tls,
};

/// Tries to get the data directory, since a `status` may look at it for a moment.
const LOCK_TRIES: u32 = 10;
/// Pause between two of them.
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// Longest join token read, in bytes.
const TOKEN_MAX: u64 = 4096;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Enroll(#[from] EnrollError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("the guard {0}")]
    ListenTcp(#[source] io::Error),
    #[error(transparent)]
    GuardTls(#[from] GuardTlsError),
    #[error(transparent)]
    BreakGlass(#[from] BreakGlassError),
    #[error(transparent)]
    Protect(#[from] ProtectError),
    #[error("the enrolment names a controller that cannot be used: {0}")]
    Controller(#[from] AddressError),
    #[error("the enrolment names no controller: enroll this host again with --force")]
    NoController,
    #[error("cannot listen for metrics on {address}: {source}")]
    Metrics { address: SocketAddr, source: io::Error },
    #[error("the token cannot be read from {path}: {source}")]
    TokenFile { path: PathBuf, source: io::Error },
    #[error("the host name {0:?} is empty or longer than {HOSTNAME_MAX} bytes: use --hostname")]
    Hostname(String),
    #[error(transparent)]
    Id(#[from] IdError),
    #[error("the system refuses: {0}")]
    System(#[from] io::Error),
}

/// Runs a command to its end.
///
/// # Errors
/// [`BootError`], for people.
pub fn main(cli: Cli) -> Result<(), BootError> {
    tls::install_provider();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // Tasks that are cut off stand in the queue of all.
        .global_queue_interval(GLOBAL_QUEUE_INTERVAL)
        .enable_all()
        .build()?;
    match cli.command {
        Command::Enroll(args) => runtime.block_on(enroll_host(args)),
        Command::Run(args) => runtime.block_on(run(args)),
        Command::Protect(args) => Ok(protect::protect(&args, &mut io::stdout())?),
        Command::Unprotect(args) => Ok(protect::unprotect(&args, &mut io::stdout())?),
        Command::BreakGlass(args) => Ok(break_glass::command(&args, Timestamp(SystemClock.now()), &mut io::stdout())?),
        Command::Status(args) => show_status(&args),
    }
}

async fn enroll_host(args: Enroll) -> Result<(), BootError> {
    let hostname = args.hostname.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    if hostname.is_empty() || hostname.len() > HOSTNAME_MAX {
        return Err(BootError::Hostname(hostname.chars().take(80).collect()));
    }
    let token = match (args.token, args.token_file) {
        (Some(token), None) => Secret::new(token),
        (_, path) => read_token(&path.unwrap_or_else(|| "-".into()))?,
    };
    let options = EnrollOptions {
        data_dir: args.data.data_dir,
        controllers: args.controller,
        token,
        hostname,
        force: args.force,
        now: Timestamp(SystemClock.now()),
    };
    let identity = enroll(&options).await?;
    let host = &identity.host;
    let text = format!(
        "This host is enrolled as {} ({}) in cluster {}, posture {}.\nNext: wharden-agent run --data-dir {}\n",
        host.hostname,
        host.host_id,
        host.cluster_id,
        host.posture,
        options.data_dir.display()
    );
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn read_token(path: &Path) -> Result<Secret, BootError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().take(TOKEN_MAX).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(TOKEN_MAX).read_to_string(&mut text))
    };
    read.map_err(|source| BootError::TokenFile { path: path.to_owned(), source })?;
    Ok(Secret::new(text.trim()))
}

fn show_status(args: &StatusArgs) -> Result<(), BootError> {
    let status = Status::read(&DataDir::open(&args.data.data_dir)?)?;
    let text = match args.output.as_str() {
        "json" => serde_json::to_string_pretty(&status).map_err(io::Error::from)? + "\n",
        _ => status.text(),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

async fn lock(dir: &DataDir) -> Result<Lock, DataDirError> {
    for _ in 1..LOCK_TRIES {
        match dir.lock() {
            Err(DataDirError::Locked(_)) => sleep(LOCK_PAUSE).await,
            other => return other,
        }
    }
    dir.lock()
}

async fn run(args: Run) -> Result<(), BootError> {
    let config = Config::load(&args.data.data_dir, args.config.as_deref(), args.overrides)?;
    telemetry::init(config.format()?, &config.log_filter)?;
    let dir = DataDir::open(&args.data.data_dir)?;
    let _lock = lock(&dir).await?;
    let identity = HostIdentity::load(&dir)?;
    raise_file_limit();
    let shutdown = Shutdown::on_signals()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let host = identity.host.clone();
    let boot_id = BootId::new(format!("{:016x}", rand::random::<u64>()))?;
    let bundles = Arc::new(Bundles::load(dir.path(), identity.owner(), host.posture));
    let spool = Spool::open(&dir.file(SPOOL), boot_id.clone(), config.limits.spool_bytes)?;
    if spool.damaged() > 0 {
        tracing::warn!(lines = spool.damaged(), "the event spool was damaged; what could be read is kept");
    }
    let (reporter, writer) = Reporter::start(spool, host.host_id.clone(), boot_id.clone())?;
    let protected = Record::load(&dir)?;
    let mut engine = Engine::new(protected.as_ref().map_or(&config.engine_socket, |record| &record.private));
    if config.authz_socket.is_some() {
        engine = engine.with_mark(Mark::generate());
    }
    let engine = Arc::new(engine);
    let owners = Arc::new(ImageOwners::load(&dir));
    let labels = Arc::new(LastLabels::default());
    let glass = BreakGlass::new(dir.clone());
    let registry = Metrics::new("wharden_agent");
    let guard = Arc::new(Guard {
        host_id: host.host_id.clone(),
        cluster_id: host.cluster_id.clone(),
        host_name: host.hostname.clone(),
        contact: config.contact.clone(),
        private: ArcSwap::from_pointee(private_paths(&config, dir.path())),
        engine: Arc::clone(&engine),
        owners: Arc::clone(&owners),
        labels: Arc::clone(&labels),
        bundles: Arc::clone(&bundles),
        reporter: reporter.clone(),
        names: UserNames::default(),
        workloads: Workloads::default(),
        clock: Arc::clone(&clock),
        stats: Stats::new(&registry),
        room: Room::new(config.limits.buffered_bytes, config.limits.buffered_bytes_per_user),
        loads: Room::new(LOADS_BUFFERED, LOADS_BUFFERED_PER_USER),
        loading: LoadPlaces::new(config.limits.loads, config.limits.loads_per_user, config.limits.load_silence()),
        archives: Slots::new(config.limits.archives, config.limits.archives_per_user),
        deciding: Turns::new(DECIDED_AT_ONCE_PER_USER, usize::MAX),
        creating: Turns::new(1, usize::MAX),
        naming: Turns::new(1, usize::MAX),
        image_names: Turns::new(IMAGE_READERS, usize::MAX),
        execs: Execs::default(),
        claims: Claims::default(),
        still: Turns::new(1, usize::MAX),
        listing: Turns::new(LISTS_AT_ONCE_PER_USER, LISTS_AT_ONCE),
        walking: Turns::new(WALKS_AT_ONCE[0], WALKS_AT_ONCE[1]),
        events: Slots::new(EVENT_STREAMS[0], EVENT_STREAMS[1]),
        connections: Slots::new(config.limits.connections, config.limits.connections_per_user)
            .with_reserve(CONNECTIONS_RESERVED, CONNECTIONS_FEW),
        valve: Valve::default(),
        doorway: Doorway::default(),
        limits: config.limits.clone(),
        break_glass: glass.clone(),
    });
    let controllers = Controllers::load(&dir, identity.cert.host_id.clone(), controllers(&config, &identity)?);
    let remote = RemoteSide::open(&config, &dir, &identity, &clock)?;
    let epoch = Arc::new(Epoch::load(&dir));
    let limited = limit_self(OwnLimits::new(config.own_memory_mib, config.own_cpu_percent));
    let guard_socket = std::path::absolute(&config.guard_socket).unwrap_or_else(|_| config.guard_socket.clone());
    let told = Arc::new(Told::new(AgentFacts { guard_socket: guard_socket.display().to_string(), ..limited }));
    let (state, session_state) = watch::channel(SessionState::default());
    let context = Arc::new(Context {
        dir,
        boot_id: boot_id.clone(),
        identity: ArcSwap::from_pointee(identity),
        controllers,
        epoch,
        bundles: Arc::clone(&bundles),
        reporter,
        engine: Arc::clone(&engine),
        guard: remote.as_ref().map(|remote| Arc::clone(&remote.tls.told)).unwrap_or_default(),
        glass: glass.clone(),
        told: Arc::clone(&told),
        clock: Arc::clone(&clock),
        renewed: Notify::new(),
        state,
    });
    if let Some(address) = config.metrics_listen {
        let listener = TcpListener::bind(address).await.map_err(|source| BootError::Metrics { address, source })?;
        let gauges = Gauges::new(registry, Arc::clone(&guard), session_state);
        shutdown.spawn_until_stopped("metrics", metrics::serve(listener, gauges));
    }
    // First, since the engine answers nobody, the guard's lookups included, as long as its plugin is not there.
    if let Some(path) = &config.authz_socket {
        let listener = authz::bind(path, &config.engine_socket)?;
        let plugin = authz::Plugin::new(Arc::clone(&guard));
        shutdown.spawn_until_stopped("authorization plugin", authz::serve(listener, plugin));
        tracing::info!(socket = %path.display(), "the engine's authorization plugin is up");
    }
    // Where the engine's usual path is protected and is the guard's only one, the keeper binds it.
    if !protected.is_some_and(|record| same(&record.public, &config.guard_socket)) {
        let listener = guard::bind(&config.guard_socket, config.mode()?, &config.engine_socket)?;
        drop(shutdown.spawn("guard", listener.run(Arc::clone(&guard), shutdown.clone())));
    }
    let guard_address = remote.as_ref().map(|remote| remote.tls.address.clone());
    if let Some(remote) = remote {
        remote.serve(Arc::clone(&guard), &shutdown);
    }
    if let Some(memory) = OwnMemory::of_this_process() {
        guard.valve.watch(guard.stats.clone(), move || memory.used_percent())?;
    }
    shutdown.spawn_until_stopped("disabled users", guard::cut_off(Arc::clone(&guard)));
    let keeper = protect::keep(context.dir.clone(), guard, config.mode()?, shutdown.clone());
    shutdown.spawn_until_stopped("protected socket", keeper);
    shutdown.spawn_until_stopped("break-glass", break_glass::watch(glass, Arc::clone(&clock)));
    shutdown.spawn_until_stopped("layers", Layers::new(Arc::clone(&engine), Arc::clone(&told)).run());
    shutdown.spawn_until_stopped("inventory", Keeper::new(engine, owners, Arc::clone(&told), labels).run());
    shutdown.spawn_until_stopped("usage", Sampler::new(told, Arc::clone(&clock)).run());
    shutdown.spawn_until_stopped("session", keep_session(Arc::clone(&context)));
    shutdown.spawn_until_stopped("renewal", keep_certificate(Arc::clone(&context)));
    let fixed = status::Fixed {
        boot_id,
        started_at: Timestamp(clock.now()),
        guard_socket: config.guard_socket.clone(),
        guard_address,
        engine_socket: config.engine_socket.clone(),
    };
    shutdown.spawn_until_stopped("status", status::keep(context, fixed));
    let held = bundles.current();
    tracing::info!(
        host = %host.host_id,
        socket = %config.guard_socket.display(),
        posture = %held.posture,
        revision = held.revision,
        "the guard is up"
    );
    shutdown.stopped().await;
    if let Err(unfinished) = shutdown.finish(DRAIN).await {
        tracing::warn!(%unfinished, "ending with work in progress");
    }
    tokio::task::spawn_blocking(move || writer.stop()).await.map_err(io::Error::other)?;
    leave_own_groups();
    tracing::info!("stopped");
    Ok(())
}

/// The guard's TCP port, bound and with a certificate.
struct RemoteSide {
    tcp: TcpListener,
    tls: GuardTls,
    config: Arc<tls::ServerConfig>,
    renew_at: Timestamp,
}

impl RemoteSide {
    /// `None` when the host is not to be used from elsewhere.
    fn open(
        config: &Config,
        dir: &DataDir,
        identity: &HostIdentity,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Self>, BootError> {
        let Some(listen) = config.guard_listen else { return Ok(None) };
        let tcp = tls::bind(listen).map_err(BootError::ListenTcp)?;
        let port = tcp.local_addr()?.port();
        let names = config.names(&rustix::system::uname().nodename().to_string_lossy());
        let address = match names.first() {
            Some(v6) if v6.contains(':') => format!("[{v6}]:{port}"),
            name => format!("{}:{port}", name.map(String::as_str).unwrap_or_default()),
        };
        let tls = GuardTls {
            dir: dir.clone(),
            host: identity.host.host_id.clone(),
            names,
            cluster_ca: identity.ca().to_vec(),
            address,
            clock: Arc::clone(clock),
            told: Arc::default(),
        };
        let (config, renew_at) = tls.make()?;
        Ok(Some(Self { tcp, tls, config, renew_at }))
    }

    fn serve(self, guard: Arc<Guard>, shutdown: &Shutdown) {
        tracing::info!(address = %self.tls.address, names = ?self.tls.names, "the guard is up on TCP");
        let (renewed, config) = watch::channel(self.config);
        let listener = RemoteListener::new(self.tcp, config);
        drop(shutdown.spawn("guard on TCP", listener.run(guard, shutdown.clone())));
        shutdown.spawn_until_stopped("guard certificate", self.tls.keep(self.renew_at, renewed));
    }
}

fn controllers(config: &Config, identity: &HostIdentity) -> Result<Vec<Address>, BootError> {
    let mut controllers = config.addresses()?;
    if controllers.is_empty() {
        controllers = identity.host.controllers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    }
    if controllers.is_empty() { Err(BootError::NoController) } else { Ok(controllers) }
}

/// True for two names of one file, which need not be there.
fn same(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| resolve_host_path(&path.to_string_lossy());
    a == b || real(a).is_some_and(|a| real(b).is_some_and(|b| a == b))
}

/// All sockets, the agent's data and what the configuration names, as they are called and as they really are.
fn private_paths(config: &Config, data_dir: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for path in [&config.engine_socket, &config.guard_socket, data_dir]
        .into_iter()
        .chain(config.authz_socket.as_deref())
        .chain(config.private_paths.iter().map(PathBuf::as_path))
    {
        let text = path.to_string_lossy().into_owned();
        let real = resolve_host_path(&text).map(|found| found.real);
        for path in [Some(text), real].into_iter().flatten() {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    paths
}

/// Each stream through the guard takes two file descriptors.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
