//! Query parameters: which ones the Engine reads, and their canonical form.

use crate::refusal::{Refusal, shorten};
use std::{collections::BTreeSet, fmt};
use wharden_model::{Action, ActionGroup};

/// The parameters that an action's route reads; a star marks those that may be repeated.
pub fn known(action: Action) -> &'static [&'static str] {
    match action {
        Action::ContainerList => &["all", "limit", "size", "filters", "before", "since"],
        Action::ContainerCreate => &["name", "platform"],
        Action::ContainerInspect => &["size"],
        Action::ContainerTop => &["ps_args"],
        Action::ContainerLogs | Action::ServiceLogs | Action::TaskLogs => {
            &["details", "follow", "stdout", "stderr", "since", "until", "timestamps", "tail"]
        }
        Action::ContainerStats => &["stream", "one-shot"],
        Action::ContainerResize | Action::ExecResize => &["h", "w"],
        Action::ContainerStart => &["detachKeys", "checkpoint", "checkpoint-dir"],
        Action::ContainerStop | Action::ContainerRestart => &["t", "signal"],
        Action::ContainerKill => &["signal"],
        Action::ContainerRename => &["name"],
        Action::ContainerAttach => &["detachKeys", "logs", "stream", "stdin", "stdout", "stderr"],
        Action::ContainerWait => &["condition"],
        Action::ContainerDelete => &["v", "link", "force"],
        Action::ContainerArchiveRead | Action::ContainerArchiveStat => &["path"],
        Action::ContainerArchiveWrite => &["path", "noOverwriteDirNonDir", "copyUIDGID"],
        Action::ContainerCommit => &["container", "repo", "tag", "comment", "author", "changes*", "pause"],
        Action::ContainerCheckpointList | Action::ContainerCheckpointDelete => &["dir"],
        Action::ImageList => &["all", "filters", "filter", "digests", "shared-size", "manifests", "identity"],
        Action::ImageBuild => &[
            "dockerfile",
            "t*",
            "extrahosts*",
            "remote",
            "q",
            "nocache",
            "cachefrom",
            "pull",
            "rm",
            "forcerm",
            "memory",
            "memswap",
            "cpushares",
            "cpusetcpus",
            "cpusetmems",
            "cpuperiod",
            "cpuquota",
            "buildargs",
            "shmsize",
            "squash",
            "labels",
            "networkmode",
            "platform",
            "target",
            "outputs",
            "version",
            "session",
            "buildid",
            "isolation",
            "cgroupparent",
            "ulimits",
            "securityopt*",
        ],
        Action::BuildPrune => &["keep-storage", "reserved-space", "max-used-space", "min-free-space", "all", "filters"],
        Action::BuildCancel => &["id"],
        Action::ImagePull => &["fromImage", "fromSrc", "repo", "tag", "message", "changes*", "platform"],
        Action::ImageInspect => &["manifests", "platform", "identity"],
        Action::ImageHistory => &["platform"],
        Action::ImagePush => &["tag", "platform"],
        Action::ImageTag => &["repo", "tag"],
        Action::ImageDelete => &["force", "noprune", "platforms*"],
        Action::ImageSearch => &["term", "limit", "filters"],
        Action::ImageExport => &["names*", "platform*"],
        Action::ImageLoad => &["quiet", "platform*"],
        Action::SystemEvents => &["since", "until", "filters"],
        Action::SystemDf => &["type*", "verbose"],
        Action::VolumeUpdate | Action::NodeUpdate | Action::SecretUpdate | Action::ConfigUpdate => &["version"],
        Action::NetworkInspect => &["verbose", "scope"],
        Action::PluginPrivileges | Action::PluginUpgrade => &["remote"],
        Action::PluginPull => &["remote", "name"],
        Action::PluginCreate => &["name"],
        Action::PluginEnable => &["timeout"],
        Action::VolumeDelete
        | Action::PluginDelete
        | Action::PluginDisable
        | Action::NodeDelete
        | Action::SwarmLeave => &["force"],
        Action::SwarmUpdate => &["version", "rotateWorkerToken", "rotateManagerToken", "rotateManagerUnlockKey"],
        Action::ServiceInspect => &["insertDefaults"],
        Action::ServiceUpdate => &["version", "registryAuthFrom", "rollback"],
        Action::ServiceList => &["filters", "status"],
        Action::ContainerPrune
        | Action::ImagePrune
        | Action::VolumeList
        | Action::VolumePrune
        | Action::NetworkList
        | Action::NetworkPrune
        | Action::PluginList
        | Action::NodeList
        | Action::TaskList
        | Action::SecretList
        | Action::ConfigList => &["filters"],
        _ => &[],
    }
}

/// Parameters in canonical form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// Build arguments and the like are secrets: only names are shown.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| shorten(name))).finish()
    }
}

impl Query {
    /// Checks decoded parameters. Those that the Engine does not read are left out where something is changed, and
    /// kept where something is only read or the route is unknown.
    ///
    /// # Errors
    /// 400 naming a parameter that is there twice, or spelled in other letters than the Engine's.
    pub fn canonical(action: Action, sent: Vec<(String, String)>) -> Result<Self, Refusal> {
        let known = known(action);
        let keep_unknown =
            matches!(action.group(), ActionGroup::Read | ActionGroup::None) || action == Action::SystemDebug;
        let mut seen = BTreeSet::new();
        let mut out = Vec::new();
        for (name, value) in sent {
            let exact = known.iter().find(|k| k.trim_end_matches('*') == name);
            if exact.is_none()
                && let Some(near) = known.iter().find(|k| k.trim_end_matches('*').eq_ignore_ascii_case(&name))
            {
                return Err(Refusal::bad(format!(
                    "query parameter {:?} is not read by the engine: write {}",
                    shorten(&name),
                    near.trim_end_matches('*')
                )));
            }
            let repeatable = exact.is_some_and(|k| k.ends_with('*'));
            if !repeatable && !seen.insert(name.to_ascii_lowercase()) {
                return Err(Refusal::bad(format!("query parameter {:?} is there twice: send it once", shorten(&name))));
            }
            if exact.is_some() || keep_unknown {
                out.push((name, value));
            }
        }
        Ok(Self(out))
    }

    /// The value of a parameter; empty when it is not there, which the Engine takes to be the same.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// Every value of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A parameter as the Engine's `BoolValue` reads it.
    pub fn truth(&self, name: &str) -> bool {
        !matches!(self.get(name).trim().to_ascii_lowercase().as_str(), "" | "0" | "no" | "false" | "none")
    }

    /// Puts another value in the place of one that is there.
    pub fn replace(&mut self, name: &str, value: &str) {
        for (n, v) in &mut self.0 {
            if n == name {
                value.clone_into(v);
            }
        }
    }

    /// Puts a value in the place of one that is there, or at the end.
    pub fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, held)) => *held = value,
            None => self.add(name, value),
        }
    }

    /// Takes one away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Adds one at the end.
    pub fn add(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The pairs, in the order sent.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(action: Action, pairs: &[(&str, &str)]) -> Result<Query, Refusal> {
        Query::canonical(action, pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn repeated_and_respelled_parameters_are_refused() {
        let error = query(Action::ContainerCreate, &[("name", "a"), ("name", "b")]).expect_err("twice");
        assert!(error.message.contains("name"), "{error}");
        assert!(query(Action::ContainerCreate, &[("Name", "a")]).is_err());
        assert!(query(Action::ContainerList, &[("x", "a"), ("X", "b")]).is_err());
        assert!(query(Action::ImageBuild, &[("t", "a"), ("t", "b")]).is_ok());
    }

    #[test]
    fn what_the_engine_does_not_read_is_left_out_of_changes() {
        let changed = query(Action::ContainerCreate, &[("name", "a"), ("Image", "b")]).expect("valid");
        assert_eq!(changed.pairs().collect::<Vec<_>>(), [("name", "a")]);
        let read = query(Action::ContainerList, &[("trunc_cmd", "0")]).expect("valid");
        assert_eq!(read.get("trunc_cmd"), "0");
    }
}
