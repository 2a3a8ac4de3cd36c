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
    /// Version of runc, as the engine tells it; empty where it does not, or has another runtime.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runc: String,
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
            runc,
            swarm,
            ..
        } = self;
        let texts =
            [name, version, api, root, storage_driver, logging_driver, cgroup_driver, default_runtime, runc, swarm];
        for text in texts {
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

    /// True for runc before 1.2.8 and 1.3.3, as far as its number tells: it takes what an image or a volume has at `/dev/null` for the
    /// device (CVE-2025-31133), so that images can reach the host. Distributions mend older numbers too.
    pub fn trusts_images(&self) -> bool {
        // Candidates of 1.4.0 before the third.
        if ["1.4.0-rc.1", "1.4.0-rc.2"].iter().any(|early| self.runc.starts_with(early)) {
            return true;
        }
        let mut numbers = self
            .runc
            .trim_start_matches('v')
            .split(|c: char| !c.is_ascii_digit())
            .map(|part| part.parse::<u32>().unwrap_or(u32::MAX));
        let mut next = || numbers.next().unwrap_or_default();
        match (next(), next(), next()) {
            (0, _, _) => !self.runc.is_empty(),
            (1, minor, patch) => minor < 2 || (minor, patch) < (2, 8) || minor == 3 && patch < 3,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_runtimes_are_known_by_their_number() {
        let trusts = |runc: &str| EngineFacts { runc: runc.to_owned(), ..EngineFacts::default() }.trusts_images();
        for old in ["1.1.5+ds1", "1.0.0-rc93", "1.2.7", "1.3.2", "1.3.0-rc.1", "1.4.0-rc.2", "v1.2.7", "0.1"] {
            assert!(trusts(old), "{old}");
        }
        for new in ["", "1.2.8", "1.2.10", "1.3.3", "1.3.3+ds1", "1.4.0", "1.4.0-rc.3", "2.0.0"] {
            assert!(!trusts(new), "{new}");
        }
    }
}
