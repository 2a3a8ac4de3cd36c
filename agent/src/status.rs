//! What `wharden-agent status` shows: the running agent writes it down when it changes.

use crate::{
    break_glass::BreakGlass,
    bundle::Bundles,
    enrolment::{DataDir, DataDirError, HostIdentity, IdentityError},
    protect::{Record, Stage},
    report::Reporter,
    session::{Context, SessionState},
};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, fs, path::PathBuf, sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use wharden_model::{BootId, ClusterId, HostId, Posture, Revision, Timestamp};

const STATUS_FILE: &str = "status.json";
/// How often it is looked whether something has changed.
const CHECK: Duration = Duration::from_secs(2);

/// What a running agent says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    pub pid: u32,
    pub version: String,
    pub boot_id: BootId,
    pub started_at: Timestamp,
    pub guard_socket: PathBuf,
    /// Where people elsewhere reach the guard; absent when they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard_address: Option<String>,
    pub engine_socket: PathBuf,
    pub posture: Posture,
    pub revision: Revision,
    pub rules: usize,
    /// Why the bundle on disk is not in force; empty when it is.
    pub bundle_problem: String,
    pub session: SessionState,
    pub events_lost: u64,
}

/// What `status -o json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub host_id: HostId,
    pub hostname: String,
    pub cluster_id: ClusterId,
    pub controllers: Vec<String>,
    pub certificate_expires_at: Timestamp,
    pub running: bool,
    /// Who passes the guard by break-glass, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
    /// The engine's usual path that the guard has or is to have; absent when the engine's socket was not moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected: Option<Protected>,
    /// What the agent said last; `None` when it never ran.
    pub live: Option<Live>,
}

/// The guard at the engine's usual path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protected {
    pub stage: Stage,
    /// The usual path.
    pub public: PathBuf,
    /// Where the engine's socket is meanwhile.
    pub private: PathBuf,
}

impl Protected {
    fn text(&self, running: bool) -> String {
        let (public, private) = (self.public.display(), self.private.display());
        match (self.stage, running) {
            (Stage::Held, true) => format!("{public} is the guard, the engine is at {private}"),
            (Stage::Held, false) => {
                format!("{public} is kept for the guard, which is not running; the engine is at {private}")
            }
            (Stage::Wanted, _) => {
                format!("{public} is to be the guard, as soon as the agent has moved the engine to {private}")
            }
            (Stage::Restoring, _) => {
                format!("{public} is to be the engine again, as soon as the agent has moved it back")
            }
        }
    }
}

/// What never changes while an agent runs.
#[derive(Clone, Debug)]
pub struct Fixed {
    pub boot_id: BootId,
    pub started_at: Timestamp,
    pub guard_socket: PathBuf,
    pub guard_address: Option<String>,
    pub engine_socket: PathBuf,
}

/// Writes the status whenever it has changed, for ever.
pub async fn keep(context: Arc<Context>, fixed: Fixed) {
    let mut ticks = interval(CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut session = context.state.subscribe();
    let mut written = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = session.changed() => if changed.is_err() { return },
        }
        let live = live(&fixed, &context.bundles, &context.reporter, session.borrow_and_update().clone());
        if written.as_ref() != Some(&live) {
            if let Err(error) = store(&context.dir, &live) {
                tracing::warn!(%error, "the status could not be written");
            }
            written = Some(live);
        }
    }
}

fn live(fixed: &Fixed, bundles: &Bundles, reporter: &Reporter, session: SessionState) -> Live {
    let held = bundles.current();
    Live {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: fixed.boot_id.clone(),
        started_at: fixed.started_at,
        guard_socket: fixed.guard_socket.clone(),
        guard_address: fixed.guard_address.clone(),
        engine_socket: fixed.engine_socket.clone(),
        posture: held.posture,
        revision: held.revision,
        rules: held.rules(),
        bundle_problem: held.problem.clone().unwrap_or_default(),
        session,
        events_lost: reporter.lost(),
    }
}

/// Small and worthless after a power cut: replaced whole, not synced.
fn store(dir: &DataDir, live: &Live) -> std::io::Result<()> {
    let fresh = dir.file("status.json.new");
    fs::write(&fresh, serde_json::to_vec(live)?)?;
    fs::rename(fresh, dir.file(STATUS_FILE))
}

impl Status {
    /// Reads it from a data directory, with or without a running agent.
    ///
    /// # Errors
    /// [`IdentityError`] when the host is not enrolled.
    pub fn read(dir: &DataDir) -> Result<Self, IdentityError> {
        let identity = HostIdentity::load(dir)?;
        let live = dir.read(STATUS_FILE)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let running = matches!(dir.lock(), Err(DataDirError::Locked(_)));
        Ok(Self {
            host_id: identity.host.host_id,
            hostname: identity.host.hostname,
            cluster_id: identity.host.cluster_id,
            controllers: identity.host.controllers,
            certificate_expires_at: identity.cert.not_after,
            running,
            break_glass: BreakGlass::new(dir.clone())
                .load()?
                .map(|grant| format!("{} until {}: {}", grant.user, grant.until, grant.reason)),
            protected: Record::load(dir)?.map(|record| Protected {
                stage: record.stage,
                public: record.public,
                private: record.private,
            }),
            live,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut rows = vec![
            ("host", format!("{} ({})", self.hostname, self.host_id)),
            ("cluster", self.cluster_id.to_string()),
            ("controllers", self.controllers.join(", ")),
            ("certificate", format!("until {}", self.certificate_expires_at)),
            ("agent", if self.running { "running".to_owned() } else { "not running".to_owned() }),
        ];
        if let Some(glass) = &self.break_glass {
            rows.push(("BREAK-GLASS", glass.clone()));
        }
        if let Some(protected) = &self.protected {
            rows.push(("protected", protected.text(self.running)));
        }
        if let Some(live) = &self.live {
            if self.running {
                let session = match &live.session.controller {
                    Some(controller) => format!("open with {controller} since {}", live.session.since),
                    None if live.session.problem.is_empty() => "opening".to_owned(),
                    None => format!("none since {}: {}", live.session.since, live.session.problem),
                };
                rows.extend([("session", session), ("guard", live.guard_socket.display().to_string())]);
                rows.extend(live.guard_address.iter().map(|address| ("on TCP", address.clone())));
            }
            let bundle = match (live.revision, live.bundle_problem.as_str()) {
                (0, "") => "none yet".to_owned(),
                (0, problem) => format!("none: {problem}"),
                (revision, _) => format!("revision {revision}, {} rules", live.rules),
            };
            rows.extend([("posture", live.posture.to_string()), ("policy", bundle)]);
            if live.events_lost > 0 {
                rows.push(("events lost", live.events_lost.to_string()));
            }
        }
        rows.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name:<12} {value}");
            text
        })
    }
}
