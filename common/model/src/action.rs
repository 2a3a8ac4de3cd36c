//! What may be done, as words. Docker actions are named `noun.verb` after the Engine API; every route of the
//! Engine maps to exactly one of them. Admin actions are what people do to Wharden itself.

use crate::decision::ResourceKind;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! actions {
    ($(#[$doc:meta])* $enum:ident, $group:ident, $kind:ident;
     $($variant:ident $name:literal $in:ident $on:ident,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $($variant,)* }

        impl $enum {
            /// Every action, in the order of the tables in the docs.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in policies, events and flags, e.g. `container.create`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The one group that the action is in; policies may name the group instead.
            pub const fn group(self) -> $group {
                match self { $(Self::$variant => $group::$in,)* }
            }

            /// The kind of thing that it acts on.
            pub const fn resource(self) -> $kind {
                match self { $(Self::$variant => $kind::$on,)* }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $enum {
            type Err = UnknownAction;
            fn from_str(s: &str) -> Result<Self, UnknownAction> {
                match s { $($name => Ok(Self::$variant),)* _ => Err(UnknownAction(s.chars().take(80).collect())) }
            }
        }

        impl Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $enum {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                String::schema()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $enum {}
    };
}

/// A name that is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an action; `wharden policy actions` lists them")]
pub struct UnknownAction(pub String);

/// Groups of Docker actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionGroup {
    /// Looks, changes nothing.
    Read,
    /// Creates and drives containers and services.
    Run,
    /// Alters what exists, or sends it elsewhere.
    Change,
    /// Deletes.
    Remove,
    /// Makes or brings in images.
    Build,
    /// Touches the engine, the swarm or the host itself.
    Host,
    /// In no group: can only be permitted by its own name.
    None,
}

impl ActionGroup {
    /// The groups that a policy can name.
    pub const NAMED: &'static [Self] = &[Self::Read, Self::Run, Self::Change, Self::Remove, Self::Build, Self::Host];

    /// The name in policies; `None` for [`ActionGroup::None`].
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Read => Some("read"),
            Self::Run => Some("run"),
            Self::Change => Some("change"),
            Self::Remove => Some("remove"),
            Self::Build => Some("build"),
            Self::Host => Some("host"),
            Self::None => None,
        }
    }
}

/// Groups of admin actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminGroup {
    /// Looks, changes nothing.
    Read,
    /// Creates and alters.
    Write,
    /// Deletes and revokes.
    Remove,
}

impl AdminGroup {
    /// Every group.
    pub const ALL: &'static [Self] = &[Self::Read, Self::Write, Self::Remove];

    /// The name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Remove => "remove",
        }
    }
}

/// Kinds of things that admin actions act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AdminKind {
    /// `User::"alice"`.
    User,
    /// `Group::"developers"`.
    Group,
    /// `Host::"h-…"`, in its host groups.
    Host,
    /// `Wharden::Policy::"baseline"`.
    Policy,
    /// `Wharden::Cluster::"c-…"`: everything that is not about one thing.
    Cluster,
}

impl AdminKind {
    /// The Cedar entity type.
    pub const fn entity_type(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Host => "Host",
            Self::Policy => "Wharden::Policy",
            Self::Cluster => "Wharden::Cluster",
        }
    }
}

actions! {
    /// What people and workloads do on hosts: `Docker::Action::"container.create"`.
    Action, ActionGroup, ResourceKind;
    ContainerList "container.list" Read Engine,
    ContainerCreate "container.create" Run Container,
    ContainerInspect "container.inspect" Read Container,
    ContainerTop "container.top" Read Container,
    ContainerLogs "container.logs" Read Container,
    ContainerChanges "container.changes" Read Container,
    ContainerExport "container.export" Read Container,
    ContainerStats "container.stats" Read Container,
    ContainerResize "container.resize" Run Container,
    ContainerStart "container.start" Run Container,
    ContainerStop "container.stop" Run Container,
    ContainerRestart "container.restart" Run Container,
    ContainerKill "container.kill" Run Container,
    ContainerUpdate "container.update" Change Container,
    ContainerRename "container.rename" Change Container,
    ContainerPause "container.pause" Run Container,
    ContainerUnpause "container.unpause" Run Container,
    ContainerAttach "container.attach" Run Container,
    ContainerWait "container.wait" Read Container,
    ContainerDelete "container.delete" Remove Container,
    ContainerArchiveRead "container.archive_read" Read Container,
    ContainerArchiveStat "container.archive_stat" Read Container,
    ContainerArchiveWrite "container.archive_write" Change Container,
    ContainerPrune "container.prune" Remove Engine,
    ContainerCommit "container.commit" Build Container,
    ContainerExec "container.exec" Run Container,
    ContainerCheckpointList "container.checkpoint_list" Read Container,
    ContainerCheckpointCreate "container.checkpoint_create" Change Container,
    ContainerCheckpointDelete "container.checkpoint_delete" Remove Container,
    ExecStart "exec.start" Run Exec,
    ExecResize "exec.resize" Run Exec,
    ExecInspect "exec.inspect" Read Exec,
    ImageList "image.list" Read Engine,
    ImageBuild "image.build" Build Engine,
    ImagePull "image.pull" Build Image,
    ImageInspect "image.inspect" Read Image,
    ImageAttestations "image.attestations" Read Image,
    ImageHistory "image.history" Read Image,
    ImagePush "image.push" Change Image,
    ImageTag "image.tag" Change Image,
    ImageDelete "image.delete" Remove Image,
    ImageSearch "image.search" Read Engine,
    ImagePrune "image.prune" Remove Engine,
    ImageExport "image.export" Read Image,
    ImageLoad "image.load" Build Engine,
    BuildPrune "build.prune" Remove Engine,
    BuildCancel "build.cancel" Build Engine,
    BuildSession "build.session" Build Engine,
    BuildGrpc "build.grpc" Build Engine,
    DistributionInspect "distribution.inspect" Read Image,
    VolumeList "volume.list" Read Engine,
    VolumeCreate "volume.create" Change Volume,
    VolumeInspect "volume.inspect" Read Volume,
    VolumeUpdate "volume.update" Change Volume,
    VolumeDelete "volume.delete" Remove Volume,
    VolumePrune "volume.prune" Remove Engine,
    NetworkList "network.list" Read Engine,
    NetworkCreate "network.create" Change Network,
    NetworkInspect "network.inspect" Read Network,
    NetworkConnect "network.connect" Change Network,
    NetworkDisconnect "network.disconnect" Change Network,
    NetworkDelete "network.delete" Remove Network,
    NetworkPrune "network.prune" Remove Engine,
    PluginList "plugin.list" Read Engine,
    PluginPrivileges "plugin.privileges" Read Engine,
    PluginPull "plugin.pull" Host Plugin,
    PluginInspect "plugin.inspect" Read Plugin,
    PluginDelete "plugin.delete" Host Plugin,
    PluginEnable "plugin.enable" Host Plugin,
    PluginDisable "plugin.disable" Host Plugin,
    PluginUpgrade "plugin.upgrade" Host Plugin,
    PluginCreate "plugin.create" Host Plugin,
    PluginPush "plugin.push" Host Plugin,
    PluginSet "plugin.set" Host Plugin,
    NodeList "node.list" Read Engine,
    NodeInspect "node.inspect" Read Node,
    NodeUpdate "node.update" Host Node,
    NodeDelete "node.delete" Host Node,
    SwarmInspect "swarm.inspect" Host Engine,
    SwarmInit "swarm.init" Host Engine,
    SwarmJoin "swarm.join" Host Engine,
    SwarmLeave "swarm.leave" Host Engine,
    SwarmUpdate "swarm.update" Host Engine,
    SwarmUnlockkey "swarm.unlockkey" Host Engine,
    SwarmUnlock "swarm.unlock" Host Engine,
    ServiceList "service.list" Read Engine,
    ServiceCreate "service.create" Run Service,
    ServiceInspect "service.inspect" Read Service,
    ServiceUpdate "service.update" Change Service,
    ServiceDelete "service.delete" Remove Service,
    ServiceLogs "service.logs" Read Service,
    TaskList "task.list" Read Engine,
    TaskInspect "task.inspect" Read Service,
    TaskLogs "task.logs" Read Service,
    SecretList "secret.list" Read Engine,
    SecretCreate "secret.create" Change Secret,
    SecretInspect "secret.inspect" Read Secret,
    SecretUpdate "secret.update" Change Secret,
    SecretDelete "secret.delete" Remove Secret,
    ConfigList "config.list" Read Engine,
    ConfigCreate "config.create" Change Config,
    ConfigInspect "config.inspect" Read Config,
    ConfigUpdate "config.update" Change Config,
    ConfigDelete "config.delete" Remove Config,
    SystemInfo "system.info" Read Engine,
    SystemVersion "system.version" Read Engine,
    SystemPing "system.ping" Read Engine,
    SystemEvents "system.events" Read Engine,
    SystemDf "system.df" Read Engine,
    SystemAuth "system.auth" Read Engine,
    SystemOptions "system.options" Read Engine,
    SystemDebug "system.debug" Host Engine,
    Unknown "unknown" None Engine,
}

impl AdminAction {
    /// A service account may be permitted to do it: only looking, and not at people. Whatever policy says, programs
    /// without a second factor administer nothing.
    pub const fn is_for_service_accounts(self) -> bool {
        matches!(self.group(), AdminGroup::Read) && !matches!(self.resource(), AdminKind::User)
    }
}

impl Action {
    /// The kinds of things that its answer tells of, beside what it is about. Each thing is shown to those who may inspect it.
    pub const fn shows(self) -> &'static [ResourceKind] {
        use ResourceKind as K;
        match self {
            Self::ContainerList => &[K::Container],
            Self::ImageList => &[K::Image],
            Self::VolumeList => &[K::Volume],
            Self::NetworkList => &[K::Network],
            Self::ServiceList | Self::TaskList => &[K::Service],
            Self::SecretList => &[K::Secret],
            Self::ConfigList => &[K::Config],
            Self::NodeList => &[K::Node],
            Self::PluginList => &[K::Plugin],
            Self::SystemDf => &[K::Container, K::Image, K::Volume],
            Self::SystemEvents => {
                &[K::Container, K::Image, K::Volume, K::Network, K::Service, K::Secret, K::Config, K::Node, K::Plugin]
            }
            _ => &[],
        }
    }

    /// It starts a container that exists.
    pub const fn starts_container(self) -> bool {
        matches!(self, Self::ContainerStart | Self::ContainerRestart)
    }
}

actions! {
    /// What admins do here: `Wharden::Action::"policy.update"`.
    AdminAction, AdminGroup, AdminKind;
    UserRead "user.read" Read User,
    UserCreate "user.create" Write User,
    UserUpdate "user.update" Write User,
    UserDelete "user.delete" Remove User,
    UserInvite "user.invite" Write User,
    GroupRead "group.read" Read Group,
    GroupCreate "group.create" Write Group,
    GroupUpdate "group.update" Write Group,
    GroupDelete "group.delete" Remove Group,
    TokenRead "token.read" Read Cluster,
    TokenCreate "token.create" Write Cluster,
    TokenDelete "token.delete" Remove Cluster,
    HostRead "host.read" Read Host,
    HostLabel "host.label" Write Host,
    HostPosture "host.posture" Write Host,
    HostRevoke "host.revoke" Remove Host,
    InventoryRead "inventory.read" Read Host,
    PolicyRead "policy.read" Read Policy,
    PolicyCreate "policy.create" Write Policy,
    PolicyUpdate "policy.update" Write Policy,
    PolicyDelete "policy.delete" Remove Policy,
    PolicyTest "policy.test" Read Cluster,
    PackRead "pack.read" Read Cluster,
    PackApply "pack.apply" Write Policy,
    EventRead "event.read" Read Cluster,
    AuditRead "audit.read" Read Cluster,
    StatusRead "status.read" Read Cluster,
    ClusterRead "cluster.read" Read Cluster,
    ClusterUpdate "cluster.update" Write Cluster,
    BackupCreate "backup.create" Write Cluster,
    SessionRead "session.read" Read User,
    SessionRevoke "session.revoke" Remove User,
    KeyRotate "key.rotate" Write Cluster,
    ServiceAccountRead "service_account.read" Read Cluster,
    ServiceAccountCreate "service_account.create" Write Cluster,
    ServiceAccountRotate "service_account.rotate" Write Cluster,
    ServiceAccountDelete "service_account.delete" Remove Cluster,
    AlertRead "alert.read" Read Cluster,
    AlertUpdate "alert.update" Write Cluster,
    ChannelRead "channel.read" Read Cluster,
    ChannelCreate "channel.create" Write Cluster,
    ChannelTest "channel.test" Write Cluster,
    ChannelDelete "channel.delete" Remove Cluster,
    CapacityRead "capacity.read" Read Cluster,
    CapacityUpdate "capacity.update" Write Cluster,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: BTreeSet<_> = Action::ALL.iter().map(|a| a.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert_eq!(action.name().parse(), Ok(*action));
        }
        for action in AdminAction::ALL {
            assert_eq!(action.name().parse(), Ok(*action));
        }
        assert!("container.fly".parse::<Action>().is_err());
    }
}
