//! What runs on a host, as its agent tells it: the host, its images, containers, volumes and networks, and what they use.
//!
//! Nothing here can hold a secret: there is no place for environment variables or command lines. Texts, lists and labels
//! are bounded on both sides (`bound`). Unknown fields and words are tolerated, since agents and controllers differ in
//! version for a while.
//!
//! ```text
//! engine ─▶ keeper ─▶ Delta{base, sequence, …} ─▶ controller: the same base? ─▶ view, ack │ another ─▶ reset ─▶ all of it
//! cgroup files, /proc ─▶ UsageSample ─▶ the same view
//! ```

mod address;
mod bound;
mod container;
mod delta;
mod engine;
mod host;
mod image;
mod mount;
mod network;
mod port;
mod pressure;
mod usage;
mod volume;

pub use address::FixedAddress;
pub use container::{Container, ContainerLimits, ContainerState, Health, RestartKind, RestartPolicy};
pub use delta::{Delta, Removed};
pub use engine::EngineFacts;
pub use host::{AgentFacts, Disk, HostFacts};
pub use image::Image;
pub use mount::{Mount, MountKind};
pub use network::Network;
pub use port::{Port, Protocol};
pub use pressure::{Pressure, Stall};
pub use usage::{AgentUse, ContainerUsage, DiskUse, HostUsage, Strain, UsageSample};
pub use volume::Volume;
