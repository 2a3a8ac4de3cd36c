//! The TLS side of the TCP port, kept good while the agent runs.

use crate::{
    enrolment::{DataDir, GuardIdentity, GuardIdentityError},
    limits::{CLOCK_CHECK, RENEW_RETRY_MAX},
};
use arc_swap::ArcSwapOption;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};
use wharden_model::{HostId, RemoteGuard, Timestamp};
use wharden_runtime::{
    clock::Clock,
    tls::{ClientAuth, HTTP1, Identity, ServerConfig, TlsError, server_config},
};

/// Why the TCP port cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum GuardTlsError {
    #[error(transparent)]
    Identity(#[from] GuardIdentityError),
    #[error("TLS for the guard: {0}")]
    Tls(#[from] TlsError),
}

/// What the certificate of the TCP port depends on.
pub struct GuardTls {
    pub dir: DataDir,
    pub host: HostId,
    /// Names that people reach the host by.
    pub names: Vec<String>,
    /// The cluster's CA, which makes the certificates of those who connect. DER.
    pub cluster_ca: Vec<u8>,
    /// Where the port can be reached, `host:port`.
    pub address: String,
    pub clock: Arc<dyn Clock>,
    /// What the controller is told.
    pub told: Arc<ArcSwapOption<RemoteGuard>>,
}

impl GuardTls {
    /// A configuration with a fresh certificate, and when to make the next. The controller will be told the CA.
    ///
    /// # Errors
    /// [`GuardTlsError`].
    pub fn make(&self) -> Result<(Arc<ServerConfig>, Timestamp), GuardTlsError> {
        let made = GuardIdentity::make(&self.dir, &self.host, &self.names, self.now())?;
        let identity = Identity::new(&made.server.chain, &made.server.key_pkcs8);
        let clients = ClientAuth::Required(vec![self.cluster_ca.clone()]);
        let config = server_config(&identity, &clients, &[HTTP1])?;
        self.told.store(Some(Arc::new(RemoteGuard { address: self.address.clone(), ca_pem: made.ca_pem })));
        Ok((config, made.renew_at))
    }

    /// Makes the certificate anew in time, for ever.
    pub async fn keep(self, mut renew_at: Timestamp, config: watch::Sender<Arc<ServerConfig>>) {
        loop {
            while self.now() < renew_at {
                sleep(Duration::from_millis(renew_at.millis_since(self.now())).min(CLOCK_CHECK)).await;
            }
            match self.make() {
                Ok((fresh, next)) => {
                    config.send_replace(fresh);
                    renew_at = next;
                }
                Err(error) => {
                    tracing::warn!(%error, "the guard's certificate was not renewed");
                    sleep(RENEW_RETRY_MAX).await;
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now())
    }
}
