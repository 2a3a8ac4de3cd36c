//! The view of the fleet: what runs where, as the agents with a session here tell it, and searches in it.
//!
//! Place in the path of data: `fleet` feeds it from the sessions; `app` asks it, and the other controllers for their part.
//! Nothing of it goes through the Raft log, nothing is on disk.
//!
//! ```text
//! Delta, UsageSample ─▶ shard of the host: rows of symbols + index, names, images
//! query ─▶ filter ─▶ places in every shard, in order (host, id) ─▶ first page ─▶ things
//!                                          other controllers' pages ─▶ merged, each host from who knows it best
//! ```
//!
//! Must not know: HTTP, who asks, whether they may.

mod answer;
mod filter;
mod forget;
mod host;
mod images;
mod index;
mod key;
pub mod limits;
mod metrics;
mod names;
mod page;
pub mod reference;
mod row;
mod search;
mod shard;
mod strings;
mod view;

pub use answer::{Answer, Sign, Thing};
pub use filter::{Filter, FilterError, Kind, Place};
pub use forget::forget_moved;
pub use metrics::Counters;
pub use page::merge;
pub use shard::{Applied, Size};
pub use view::{Inventory, Things};

#[cfg(test)]
mod tests;
