//! Room on hosts: watches what the agents tell, raises alerts, and advises what to move where. Moves nothing.
//!
//! Place in the path of data: beside it. The view of the fleet is looked at from time to time; what follows is reasoned in
//! `wharden-capacity` and kept here, in memory, for the hosts that have their session with this controller. Thresholds
//! come from the state. A controller that starts anew has no history: alerts rise again after their hold time.
//!
//! ```text
//! view ─▶ track: smoothed, alerts, hours ─▶ fleet: hosts and containers ─▶ plan ─▶ app, other controllers
//!                          state: thresholds, labels ─┘      policies ─┘      └ stuck ─▶ guests of other controllers
//! ```
//!
//! Must not know: HTTP, who asks, whether they may.

mod accepted;
mod admission;
mod ask;
mod contents;
mod fleet;
mod guests;
mod held;
mod image;
mod inventoried;
pub mod limits;
mod lodging;
mod preview;
#[cfg(test)]
mod tests;
mod track;
mod view;
mod watch;

pub use ask::{Ask, CapacityMerge, Told};
pub use guests::Peers;
pub use inventoried::Inventoried;
pub use view::{Contents, FleetView, SeenContainer, SeenHost, SeenMount, SeenNetwork};
pub use watch::Watch;
