use super::bound;
use crate::limits::INVENTORY_TEXT_MAX;
use serde::{Deserialize, Serialize};

/// The engine and how it is configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EngineFacts {
    /// `docker`; empty while the engine does not answer.
    pub name: String,
    /// `20.10.24`.
    pub version: String,
    /// Newest version of its API.
    pub api: String,
    /// Where images and volumes are.
    pub root: String,
    /// `overlay2`, …
    pub storage_driver: String,
    /// Of containers that do not say otherwise.
    pub logging_driver: String,
    /// `systemd` or `cgroupfs`.
    pub cgroup_driver: String,
    /// 1 or 2; 0 while it is not known.
    pub cgroup_version: u8,
    pub runtimes: Vec<String>,
    pub default_runtime: String,
    /// `apparmor`, `seccomp`, `rootless`, `userns`, …
    pub security: Vec<String>,
    /// Registries that are spoken to without TLS or with certificates that nobody checks.
    pub insecure_registries: Vec<String>,
    pub live_restore: bool,
    pub experimental: bool,
    /// State in a swarm: `active`, `inactive`, …
    pub swarm: String,
}

impl EngineFacts {
    /// Cuts everything to its limit.
    pub fn bound(&mut self) {
        let Self {
            name,
            version,
            api,
            root,
            storage_driver,
            logging_driver,
            cgroup_driver,
            default_runtime,
            swarm,
            ..
        } = self;
        for text in [name, version, api, root, storage_driver, logging_driver, cgroup_driver, default_runtime, swarm] {
            bound::text(text, INVENTORY_TEXT_MAX);
        }
        bound::texts(&mut self.runtimes);
        bound::texts(&mut self.security);
        bound::texts(&mut self.insecure_registries);
    }

    /// Whether numbers of accounts in containers are others than on the host: `userns-remap`, or an engine that is not root.
    pub fn maps_users(&self) -> bool {
        self.security.iter().any(|word| matches!(word.as_str(), "userns" | "rootless"))
    }
}
