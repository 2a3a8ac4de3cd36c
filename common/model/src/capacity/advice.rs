//! What to move, from where, to where, and why; and what would help where nothing can move.

use super::{Amount, Signal};
use crate::{id::HostId, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Names one piece of advice as long as it is the same: `mv-` and 16 hex digits of container, source and target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
pub struct AdviceId(String);

impl AdviceId {
    /// FNV-1a over the three names (Fowler, Noll, Vo): short, and the same on every controller.
    pub fn of(container: &str, source: &HostId, target: &HostId) -> Self {
        let bytes = [container, source.as_str(), target.as_str()].join("\0");
        let hash = bytes
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        Self(format!("mv-{hash:016x}"))
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AdviceId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let hex = s.strip_prefix("mv-").unwrap_or_default();
        if hex.len() == 16 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Self(s.to_owned()));
        }
        let shown: String = s.chars().take(80).collect();
        Err(format!("{shown:?} is not the id of advice: mv- and 16 hex digits, as `wharden capacity advice` shows it"))
    }
}

impl TryFrom<String> for AdviceId {
    type Error = String;

    fn try_from(s: String) -> Result<Self, String> {
        s.parse()
    }
}

impl From<AdviceId> for String {
    fn from(id: AdviceId) -> Self {
        id.0
    }
}

impl fmt::Display for AdviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host by its id, and by its name for people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostRef {
    pub id: HostId,
    pub name: String,
}

/// A container by its id, with what people know it by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerRef {
    pub id: String,
    pub name: String,
    pub image: String,
}

/// Why a host is to be relieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CapacityReason))]
pub struct Reason {
    pub signal: Signal,
    pub value_permille: u16,
    pub high_permille: u16,
    pub low_permille: u16,
}

/// One of the two hosts of a move, now and when everything that is advised has been done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MoveSide))]
pub struct Side {
    pub host: HostRef,
    /// 0 of a resource means that it has no limit.
    pub capacity: Amount,
    pub before: Amount,
    pub after: Amount,
}

/// One container to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MoveAdvice))]
pub struct Advice {
    pub id: AdviceId,
    pub container: ContainerRef,
    /// Its use, smoothed, as of now.
    pub source: Side,
    /// The highest use that is expected of it within a day.
    pub target: Side,
    /// What is over its mark on the source.
    pub reasons: Vec<Reason>,
    /// What has to be carried: memory, writable layer, and the image where the target lacks it.
    pub bytes: u64,
}

/// What stands in the way of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MoveObstacleKind))]
pub enum ObstacleKind {
    /// It cannot leave its host: a bind mount, a local volume, a device, a network or namespace shared with others.
    Pinned,
    /// It was moved not long ago and is left to settle.
    Settling,
    /// The target was its home before: moving it back and forth helps nobody.
    MovedFromThere,
    Architecture,
    /// A label, network, volume driver or runtime that the container needs is not there, or its fixed address is not to be had.
    Constraint,
    /// Not connected, so that nothing is known about it.
    Unreachable,
    /// Over a mark itself, or waiting for one to come down.
    UnderPressure,
    /// Forecast to be full before long.
    FillingUp,
    /// Too little room under the low mark.
    Room,
    /// A published port is taken.
    Port,
    /// A container of the same anti-affinity group is there.
    Apart,
    /// A container of this name is there.
    Name,
    /// A policy would refuse to create it there.
    Policy,
    /// There would be room, but other moves of the same plan take it.
    PlannedAway,
}

/// One obstacle of a container, with how many hosts it rules out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = MoveObstacle))]
pub struct Obstacle {
    pub kind: ObstacleKind,
    /// What exactly, e.g. `bind mount /srv/data` or `memory: 1.2 GiB more than any host has room for`.
    pub detail: String,
    /// Hosts for which this is the first obstacle; 0 when it holds wherever it would go.
    pub hosts: u32,
}

/// A container that would relieve its host and cannot go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockedContainer {
    pub container: ContainerRef,
    pub obstacles: Vec<Obstacle>,
}

/// A host that cannot be relieved by moves, and what would help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = StuckHost))]
pub struct Stuck {
    pub host: HostRef,
    pub reasons: Vec<Reason>,
    /// What must go from the host, or be added to it.
    pub missing: Amount,
    /// What could be moved away of it, which is not enough.
    pub movable: Amount,
    /// The most relieving first, a bounded number.
    pub blocked: Vec<BlockedContainer>,
    /// What to do, for people.
    pub would_help: Vec<String>,
}

/// What is advised at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapacityPlan {
    pub at: Timestamp,
    /// Hosts that it is about.
    pub hosts: u32,
    /// By source.
    pub advice: Vec<Advice>,
    pub stuck: Vec<Stuck>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_that_of_container_source_and_target() {
        let (a, b) = ("h-00000000000000aa".parse().expect("id"), "h-00000000000000bb".parse().expect("id"));
        let id = AdviceId::of("c1", &a, &b);
        assert_eq!(id, AdviceId::of("c1", &a, &b));
        assert_ne!(id, AdviceId::of("c1", &b, &a));
        assert_eq!(id.as_str().parse(), Ok(id));
        assert!("mv-xyz".parse::<AdviceId>().expect_err("not hex").contains("wharden capacity advice"));
    }
}
