//! What a decision may look at besides who, what and on which thing: typed facts, read out of a request.
//!
//! The tables here are the one source of their names and types: `common/docker` fills them, `common/policy` makes
//! the Cedar context types from them. Every fact of an action's table is always present, so that no policy fails
//! because an attribute is missing.

use crate::action::Action;
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// The type of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactType {
    /// Cedar `Bool`.
    Bool,
    /// Cedar `Long`.
    Long,
    /// Cedar `String`.
    String,
    /// Cedar `Set<String>`.
    Set,
    /// Cedar `Set<Long>`.
    LongSet,
}

/// The value of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactValue {
    /// Yes or no.
    Bool(bool),
    /// A number.
    Long(i64),
    /// A text.
    String(String),
    /// A set of numbers. An empty JSON list reads back as this; see [`Facts`].
    LongSet(BTreeSet<i64>),
    /// A set of texts.
    Set(BTreeSet<String>),
}

/// One fact: its name in policies, its type, where in the request it comes from, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct FactSpec {
    /// Name in policies, `context.NAME`.
    pub name: &'static str,
    /// Its type.
    pub ty: FactType,
    /// JSON paths (`$.HostConfig.Privileged`), `query:NAME` or `header:NAME`, comma-separated.
    pub source: &'static str,
    /// Check numbers of the CIS Docker Benchmark 1.6.0 that it serves, space-separated.
    pub cis: &'static str,
    /// Meaning, unit and special values.
    pub doc: &'static str,
}

/// The facts of one request, in the order of their names, which are those of the tables but for what is read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(pub BTreeMap<Cow<'static, str>, FactValue>);

impl Facts {
    /// Every fact of the table at its zero value (false, 0, empty).
    pub fn zero(action: Action) -> Self {
        Self(
            specs(action)
                .map(|spec| {
                    let value = match spec.ty {
                        FactType::Bool => FactValue::Bool(false),
                        FactType::Long => FactValue::Long(0),
                        FactType::String => FactValue::String(String::new()),
                        FactType::Set => FactValue::Set(BTreeSet::new()),
                        FactType::LongSet => FactValue::LongSet(BTreeSet::new()),
                    };
                    (Cow::Borrowed(spec.name), value)
                })
                .collect(),
        )
    }

    /// Only the facts that are not at their zero value: what an event keeps.
    #[must_use]
    pub fn sparse(&self) -> Self {
        let zero = |value: &FactValue| match value {
            FactValue::Bool(v) => !v,
            FactValue::Long(v) => *v == 0,
            FactValue::String(v) => v.is_empty(),
            FactValue::Set(v) => v.is_empty(),
            FactValue::LongSet(v) => v.is_empty(),
        };
        Self(self.0.iter().filter(|(_, v)| !zero(v)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// All facts of an action, from what [`Facts::sparse`] left. Names that the action does not have now are dropped.
    #[must_use]
    pub fn whole(self, action: Action) -> Self {
        let mut facts = Self::zero(action);
        for (name, value) in self.0 {
            if let Some(held) = facts.0.get_mut(name.as_ref()) {
                *held = value;
            }
        }
        facts
    }

    /// Sets a fact.
    pub fn set(&mut self, name: &str, value: impl Into<FactValue>) {
        let value = value.into();
        match self.0.get_mut(name) {
            Some(held) => *held = value,
            None => drop(self.0.insert(Cow::Owned(name.to_owned()), value)),
        }
    }

    /// The value of a fact.
    pub fn get(&self, name: &str) -> Option<&FactValue> {
        self.0.get(name)
    }
}

impl From<bool> for FactValue {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}
impl From<i64> for FactValue {
    fn from(v: i64) -> Self {
        Self::Long(v)
    }
}
impl From<String> for FactValue {
    fn from(v: String) -> Self {
        Self::String(v)
    }
}
impl From<&str> for FactValue {
    fn from(v: &str) -> Self {
        Self::String(v.to_owned())
    }
}
impl From<BTreeSet<String>> for FactValue {
    fn from(v: BTreeSet<String>) -> Self {
        Self::Set(v)
    }
}
impl From<BTreeSet<i64>> for FactValue {
    fn from(v: BTreeSet<i64>) -> Self {
        Self::LongSet(v)
    }
}

const fn fact(
    name: &'static str,
    ty: FactType,
    source: &'static str,
    cis: &'static str,
    doc: &'static str,
) -> FactSpec {
    FactSpec { name, ty, source, cis, doc }
}

/// Facts that every request has.
pub const COMMON: &[FactSpec] = &[
    fact("api_version", FactType::Long, "path", "", "minor number of the Engine API version spoken, e.g. 41"),
    fact("method", FactType::String, "method", "", "HTTP method"),
    fact("path", FactType::String, "path", "", "canonical path without the version, e.g. /containers/create"),
];

mod container;
mod container_create;
mod engine;
mod image;
mod network;
mod service;
mod swarm;
mod volume;

/// The facts that an action has besides [`COMMON`].
pub const fn of(action: Action) -> &'static [FactSpec] {
    match action {
        Action::ContainerCreate => container_create::CREATE,
        Action::ContainerUpdate => container::UPDATE,
        Action::ContainerExec => container::EXEC,
        Action::ContainerStart => container::START,
        Action::ContainerStop | Action::ContainerRestart | Action::ContainerKill => container::SIGNAL,
        Action::ContainerRename => container::RENAME,
        Action::ContainerDelete => container::DELETE,
        Action::ContainerAttach => container::ATTACH,
        Action::ContainerTop => container::TOP,
        Action::ContainerCommit => container::COMMIT,
        Action::ContainerArchiveRead | Action::ContainerArchiveStat => container::ARCHIVE_READ,
        Action::ContainerArchiveWrite => container::ARCHIVE_WRITE,
        Action::ContainerCheckpointCreate => container::CHECKPOINT,
        Action::ContainerCheckpointList | Action::ContainerCheckpointDelete => container::CHECKPOINT_DIR,
        Action::ExecStart => container::EXEC_START,
        Action::ExecInspect => container::EXEC_INSPECT,
        Action::ImageBuild => image::BUILD,
        Action::ImagePull => image::PULL,
        Action::ImageTag => image::TAG,
        Action::ImagePush => image::PUSH,
        Action::ImageDelete => image::DELETE,
        Action::ImageExport => image::EXPORT,
        Action::ImageLoad => image::LOAD,
        Action::ImageSearch => image::SEARCH,
        Action::ImageInspect | Action::ImageHistory | Action::ImageAttestations | Action::DistributionInspect => {
            image::IMAGE
        }
        Action::BuildPrune => image::BUILD_PRUNE,
        Action::BuildSession | Action::BuildGrpc => image::SESSION,
        Action::VolumeCreate => volume::CREATE,
        Action::VolumeUpdate => volume::UPDATE,
        Action::VolumeDelete => volume::DELETE,
        Action::NetworkCreate => network::CREATE,
        Action::NetworkInspect => network::INSPECT,
        Action::NetworkConnect => network::CONNECT,
        Action::NetworkDisconnect => network::DISCONNECT,
        Action::VolumePrune => volume::PRUNE,
        Action::ContainerPrune | Action::ImagePrune | Action::NetworkPrune => engine::PRUNE,
        Action::PluginPull | Action::PluginUpgrade | Action::PluginPrivileges => engine::PLUGIN_PULL,
        Action::PluginCreate => engine::PLUGIN_CREATE,
        Action::PluginSet => engine::PLUGIN_SET,
        Action::PluginEnable => engine::PLUGIN_ENABLE,
        Action::PluginDisable | Action::PluginDelete => engine::FORCE,
        Action::SystemAuth => engine::AUTH,
        Action::ServiceCreate => service::CREATE,
        Action::ServiceUpdate => service::UPDATE,
        Action::SwarmInit => swarm::INIT,
        Action::SwarmJoin => swarm::JOIN,
        Action::SwarmUpdate => swarm::UPDATE,
        Action::SwarmLeave | Action::NodeDelete => engine::FORCE,
        Action::NodeUpdate => swarm::NODE_UPDATE,
        Action::SecretCreate | Action::SecretUpdate => swarm::SECRET,
        Action::ConfigCreate | Action::ConfigUpdate => swarm::CONFIG,
        _ => &[],
    }
}

/// The facts of what a container was made of, which its start has besides its own: what is started is judged as what
/// is created is, by whoever it was created and whenever.
pub const fn made_of(action: Action) -> &'static [FactSpec] {
    if action.starts_container() { container_create::CREATE } else { &[] }
}

/// All facts of an action, common ones first.
pub fn specs(action: Action) -> impl Iterator<Item = &'static FactSpec> {
    COMMON.iter().chain(of(action)).chain(made_of(action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_facts_come_back_whole_through_json() {
        let mut facts = Facts::zero(Action::ContainerCreate);
        facts.set("privileged", true);
        facts.set("cap_add", BTreeSet::from(["NET_ADMIN".to_owned()]));
        facts.set("host_ports", BTreeSet::from([80_i64]));
        let sparse = facts.sparse();
        assert_eq!(sparse.0.len(), 3);
        let json = serde_json::to_string(&sparse).expect("json");
        let back: Facts = serde_json::from_str(&json).expect("facts");
        assert_eq!(back.whole(Action::ContainerCreate), facts);
    }

    #[test]
    fn names_are_unique_within_an_action() {
        for action in Action::ALL {
            let names: BTreeSet<_> = specs(*action).map(|s| s.name).collect();
            assert_eq!(names.len(), specs(*action).count(), "{action}");
        }
    }
}
