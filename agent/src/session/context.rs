use super::{Address, epoch::Epoch, known::Controllers};
use crate::{
    break_glass::{BreakGlass, Grant},
    bundle::Bundles,
    enrolment::{DataDir, HostIdentity},
    inventory::{Engine, Told, host_report},
    report::Reporter,
};
use arc_swap::{ArcSwap, ArcSwapOption};
use std::sync::Arc;
use tokio::{
    sync::{Notify, watch},
    task::spawn_blocking,
};
use wharden_model::{BootId, BreakGlassPass, HostReport, RemoteGuard, Timestamp};
use wharden_runtime::{
    clock::Clock,
    tls::{Connector, HTTP2, TlsError, client_config},
};

/// What the session and the renewal share with the rest of the agent.
pub struct Context {
    pub dir: DataDir,
    pub boot_id: BootId,
    pub identity: ArcSwap<HostIdentity>,
    /// At least one.
    pub controllers: Controllers,
    pub epoch: Arc<Epoch>,
    pub bundles: Arc<Bundles>,
    pub reporter: Reporter,
    pub engine: Arc<Engine>,
    /// Where people elsewhere reach the guard; empty when they do not.
    pub guard: Arc<ArcSwapOption<RemoteGuard>>,
    pub glass: BreakGlass,
    pub told: Arc<Told>,
    pub clock: Arc<dyn Clock>,
    /// Told when the certificate has been renewed.
    pub renewed: Notify,
    pub state: watch::Sender<SessionState>,
}

/// How the session is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SessionState {
    /// The controller that the session is open with.
    pub controller: Option<String>,
    /// When it opened or broke.
    pub since: Timestamp,
    /// Why the last attempt failed; empty while a session is open.
    pub problem: String,
}

impl Context {
    /// A connector that proves the host's identity and trusts its cluster's CA only.
    pub(super) fn connector(&self) -> Result<Connector, TlsError> {
        let identity = self.identity.load();
        let config = client_config(&[identity.ca().to_vec()], Some(&identity.tls()), &[HTTP2])?;
        Ok(Connector::new(config))
    }

    /// What this host is, as far as it can be seen now.
    pub(super) async fn report(&self) -> HostReport {
        let guard = self.guard.load().as_deref().cloned();
        let (glass, now) = (self.glass.clone(), self.now());
        let passes = spawn_blocking(move || glass.lasting(now)).await.ok().flatten();
        let break_glass = passes.map(|Grant { user, until, .. }| BreakGlassPass { user, until });
        HostReport { guard, break_glass, ..host_report(&self.engine).await }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }

    pub(super) fn opened(&self, controller: &Address) {
        self.state.send_replace(SessionState {
            controller: Some(controller.to_string()),
            since: self.now(),
            problem: String::new(),
        });
    }

    pub(super) fn broken(&self, problem: String) {
        let since = self.now();
        self.state.send_modify(|state| {
            if state.controller.take().is_some() || state.since == Timestamp(0) {
                state.since = since;
            }
            state.problem = problem;
        });
    }
}
