//! What is known about the things that a request refers to, at the moment of the decision. Filled by the caller from
//! the Engine's own answers; nothing here asks anybody.

use crate::{inspect, owner};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use wharden_model::ResourceKind;

/// Something that must be looked up before a request can be judged. The text is as the request spells it; the
/// [`View`] is keyed by the same text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lookup {
    /// `GET /containers/{}/json`.
    Container(String),
    /// `GET /images/{}/json`.
    Image(String),
    /// `GET /volumes/{}`.
    Volume(String),
    /// `GET /networks/{}`.
    Network(String),
    /// `GET /exec/{}/json`.
    Exec(String),
    /// `GET /services/{}`, `/secrets/{}`, `/configs/{}` or `/nodes/{}`, absent too where the engine is no manager of a
    /// swarm; `GET /plugins/{}/json`.
    Object(ResourceKind, String),
    /// `GET /tasks/{}`; absent as of a swarm.
    Task(String),
    /// A path on the host: to be resolved through its links (`realpath`); absent when that fails.
    HostPath(String),
    /// Every name that a repository of images has; absent where that cannot be one.
    Repository(String),
    /// Containers that have the volume of this name, whether they run or not.
    VolumeUsers(String),
    /// The volumes that tasks of services mount by name; none where the engine manages no swarm.
    ServiceVolumes,
    /// An account of the host by its name (getpwnam(3), getgrouplist(3)).
    Account(String),
}

/// Everything looked up, keyed by the text of the [`Lookup`]. Absent means that it does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub containers: BTreeMap<String, ContainerView>,
    pub images: BTreeMap<String, ImageView>,
    /// Every name that has a tag or a digest, by repository.
    pub repositories: BTreeMap<String, Vec<String>>,
    pub volumes: BTreeMap<String, VolumeView>,
    pub networks: BTreeMap<String, NetworkView>,
    pub execs: BTreeMap<String, ExecView>,
    /// Services, secrets, configs, nodes and plugins.
    pub objects: BTreeMap<(ResourceKind, String), ObjectView>,
    pub tasks: BTreeMap<String, TaskView>,
    pub host_paths: BTreeMap<String, HostPathView>,
    pub accounts: BTreeMap<String, AccountView>,
    /// Volumes that a container has.
    pub used_volumes: BTreeSet<String>,
    /// Volumes that tasks of services mount, there or not, by name, with whose the services are; empty for nobody's.
    pub service_volumes: BTreeMap<String, BTreeSet<String>>,
}

/// What there is under the name of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeNamed {
    pub volume: Option<VolumeView>,
    /// Whose the services are that would mount it. Only where it is not there yet.
    pub services: BTreeSet<String>,
}

impl View {
    /// An image by what it was looked up by, or by its id.
    pub(crate) fn image(&self, called: &str) -> Option<&ImageView> {
        self.images.get(called).or_else(|| self.images.values().find(|image| image.id == called))
    }

    /// What there is under the name of a volume.
    pub fn volume_named(&self, name: &str) -> VolumeNamed {
        let volume = self.volumes.get(name).cloned();
        let services = self.service_volumes.get(name).filter(|_| volume.is_none());
        VolumeNamed { services: services.cloned().unwrap_or_default(), volume }
    }
}

/// An account of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountView {
    pub uid: u32,
    /// All groups that it is in, the first one among them.
    pub groups: BTreeSet<u32>,
}

/// A path on the host, whether anything is there or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPathView {
    /// With all links followed.
    pub real: String,
    /// An account other than root may write to a folder on the way, and so put a link in the path's place at any time.
    pub replaceable: bool,
    /// Nothing is there: the engine would make it, as root.
    pub missing: bool,
    /// The folders on the way that not everybody may pass through.
    pub gates: Vec<Gate>,
}

/// A folder that not everybody may pass through, by its mode. An access control list shows in it as what it allows at most
/// to anybody else than the folder's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    pub uid: u32,
    pub gid: u32,
    /// Permission bits, as in stat(2).
    pub mode: u32,
}

impl Gate {
    /// Whether an account that is not root may pass through the folder to what is in it, as path_resolution(7) has it.
    pub fn opens_to(&self, account: &AccountView) -> bool {
        let bit = match self {
            gate if gate.uid == account.uid => 0o100,
            gate if account.groups.contains(&gate.gid) => 0o010,
            _ => 0o001,
        };
        self.mode & bit != 0
    }
}

/// What a container was made of: the request that would make it again. Holds the values of its environment, so that
/// nothing of it is shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Making(pub(crate) Value);

impl Making {
    /// From the body of a request that would make it.
    pub fn new(body: Value) -> Self {
        Self(body)
    }
}

impl fmt::Debug for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Making")
    }
}

/// Something mounted in an existing container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountView {
    /// `bind`, `volume`, `tmpfs`, ...
    pub kind: String,
    /// Name of the volume; empty for others.
    pub name: String,
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Driver of the volume.
    pub driver: String,
    /// Not read-only.
    pub writable: bool,
    /// Propagation mode.
    pub propagation: String,
}

/// An existing container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerView {
    /// Full id.
    pub id: String,
    /// Name without the slash.
    pub name: String,
    /// Reference that it was created with.
    pub image: String,
    /// Id of its image.
    pub image_id: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// User that it runs as, as configured.
    pub user: String,
    /// It runs with every capability and device.
    pub privileged: bool,
    /// It runs, or is paused, or about to be started again.
    pub running: bool,
    /// What is mounted in it.
    pub mounts: Vec<MountView>,
    /// Names of the networks that it is on.
    pub networks: Vec<String>,
    /// The network, or another thing, that it was made for.
    pub network_mode: String,
    /// What it was made of.
    pub made: Making,
    /// Whose the service is of which it is a task, empty for nobody's, where the engine knows both and says that they are.
    pub service_owner: Option<String>,
}

/// An existing image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageView {
    /// `sha256:...`.
    pub id: String,
    /// References with a tag.
    pub tags: Vec<String>,
    /// References with a digest.
    pub digests: Vec<String>,
    /// User that its containers run as, unless a request says otherwise; empty is root.
    pub user: String,
    /// Places for which each of its containers gets a volume.
    pub volumes: Vec<String>,
    /// `os/architecture[/variant]` of what was inspected; empty of an image that was only assumed.
    pub platform: String,
    /// How the health of its containers is tested, unless a request says otherwise.
    pub health_test: Vec<String>,
    /// The id of the image from which a classic build or a commit made it; empty where there is none.
    pub parent: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Who made it on this host; empty when nobody is known to have. Its labels do not say: whoever makes an image
    /// anywhere writes them.
    pub owner: String,
}

impl ImageView {
    /// Labels that say something of the image.
    pub(crate) fn own_labels(&self) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        owner::forget(&mut labels);
        labels
    }
}

/// An existing volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeView {
    /// Name.
    pub name: String,
    /// Driver; `local` is the Engine's own.
    pub driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its id, where it is the swarm's (CSI); empty of one of this engine alone, which may have the same name.
    pub swarm_id: String,
}

/// An existing network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkView {
    /// Full id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Driver.
    pub driver: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// An existing exec instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecView {
    /// Full id.
    pub id: String,
    /// Full id of its container.
    pub container: String,
    /// It runs with every capability.
    pub privileged: bool,
    /// User that it runs as, as asked for.
    pub user: String,
    /// Has a terminal.
    pub tty: bool,
    /// The words of its command.
    pub command: Vec<String>,
}

/// An existing service, secret, config or node of a swarm, or a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectView {
    /// Full id.
    pub id: String,
    /// Name; of a node its host name.
    pub name: String,
    /// Labels; a plugin has none.
    pub labels: BTreeMap<String, String>,
}

/// An existing task of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskView {
    /// Full id.
    pub id: String,
    /// Full id of its service; empty for a container that was attached to a network.
    pub service: String,
    /// Full id of its container; empty before it has one.
    pub container: String,
}

impl TaskView {
    /// From the answer to `GET /tasks/{id}`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::task(json)
    }
}

impl ObjectView {
    /// Who made it through the guard; empty when nobody is known to have.
    pub fn owner(&self) -> String {
        owner::of(&self.labels)
    }

    /// From the answer to `GET /services/{id}` and its like, or `GET /plugins/{name}/json`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::object(json)
    }
}
impl ContainerView {
    /// From the answer to `GET /containers/{id}/json`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::container(json)
    }

    /// Who made it through the guard; empty when nobody has. A task of which the engine does not say so (not yet, or not any more, or
    /// on workers) is somebody's.
    pub fn owner(&self) -> String {
        if self.task().is_some() {
            return self.service_owner.clone().unwrap_or_else(|| owner::of_unvouched(&self.image));
        }
        owner::of_container(&self.labels, &self.image_id, &self.image)
    }

    /// The id of the task of a service that it says to be; what is made through the guard is none.
    pub fn task(&self) -> Option<&str> {
        owner::task(&self.labels)
    }

    /// The same from the answer's bytes, without what the container was made of: enough for requests that start nothing.
    pub fn to_look_at(answer: &[u8]) -> Option<Self> {
        inspect::container_to_look_at(answer)
    }
}
impl ImageView {
    /// From the answer to `GET /images/{name}/json`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::image(json)
    }
}
impl VolumeView {
    /// From the answer to `GET /volumes/{name}`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::volume(json)
    }
}
impl NetworkView {
    /// From the answer to `GET /networks/{id}`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::network(json)
    }
}
impl ExecView {
    /// From the answer to `GET /exec/{id}/json`. `None` when it is not such an answer.
    pub fn from_inspect(json: &Value) -> Option<Self> {
        inspect::exec(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_opens_by_the_first_bits_that_are_the_accounts() {
        let account = AccountView { uid: 1000, groups: [1000, 50].into() };
        let opens = |uid, gid, mode| Gate { uid, gid, mode }.opens_to(&account);
        assert!(opens(1000, 0, 0o700) && opens(0, 50, 0o710) && opens(0, 0, 0o701));
        assert!(!opens(1000, 50, 0o677) && !opens(0, 50, 0o701) && !opens(0, 0, 0o770) && !opens(0, 0, 0o666));
    }
}
