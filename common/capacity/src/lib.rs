//! Reasoning about room on hosts: is one too full, since when, until when does it last, and which containers should go
//! where. It advises people; it moves nothing.
//!
//! Place in the path of data: beside it. Samples that the agents report come in, alerts and a plan come out; the
//! controller keeps the one and shows the other.
//!
//! ```text
//! samples ─▶ series: smooth, hour by hour, same hour of earlier days, trend
//!               │ value now, highest of the coming day, when full
//!               ▼
//!            alert: over its mark for long? ─▶ raised → acknowledged | snoozed → resolved
//!               │ pressed hosts
//!               ▼
//!            plan: choose what leaves ─ targets: who has room ─ what would help
//! ```
//!
//! Must not know: tokio, IO, clocks, randomness, hash order, Cedar. Time is an argument, a policy's opinion is asked for
//! through [`Admission`], and the same input gives the same plan, byte for byte.

mod address;
pub mod alert;
#[cfg(test)]
mod days;
pub mod fleet;
pub mod limits;
pub mod moves;
pub mod plan;
pub mod series;

pub use address::{Address, NoSubnet, Subnet};
pub use alert::Alert;
pub use fleet::{Admission, Container, Denial, Everywhere, Feature, Host, HostPort, Pin, Protocol, Requirement};
pub use moves::Moves;
pub use plan::{Input, Reservation, explain::explain, plan};
