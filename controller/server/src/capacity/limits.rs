//! Limits of watching capacity, each with its reason.

use std::time::Duration;

/// Between two looks at what hosts use. Agents tell about twice a minute.
pub const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Looks between two at what containers use: five minutes, which a plan can be late without harm, and hundreds of thousands
/// of containers cost something to look at.
pub const LOOKS_PER_CONTAINERS: u64 = 10;
/// Between two plans when nothing new is pressed, in seconds.
pub const PLAN_EVERY_S: u64 = 300;
/// Seconds that the room of an accepted move is kept when the move is not seen to be done.
pub const ACCEPTED_KEPT_S: u64 = 24 * 3600;
/// Hosts for which one controller asks another, and for which one controller plans beside its own; the first ones of its plan. Each
/// may be some 100 KiB.
pub const GUESTS_MAX: usize = 64;
/// Seconds that a guest is kept without being asked for again: three plans of who asks.
pub const GUEST_KEPT_S: u64 = 3 * PLAN_EVERY_S;
/// Accepted moves that are waited for; each holds room on its target.
pub const ACCEPTED_MAX: usize = 10_000;
/// Things that have happened, kept; the oldest go first. Some 200 bytes each.
pub const HISTORY_MAX: usize = 10_000;
/// Of those, shown at once.
pub const HISTORY_PAGE: usize = 1000;
/// Forecasts shown at once: who has more hosts filling up looks at their groups.
pub const FORECASTS_MAX: usize = 200;
/// Sets of policies that one plan compiles. Hosts with the same labels share one.
pub const SCOPES_MAX: usize = 256;
/// Hosts whose policies are asked when one container is explained.
pub const POLICIES_ASKED: usize = 64;
/// Shortest and longest snooze, in seconds.
pub const SNOOZE_MIN_S: u64 = 60;
/// See [`SNOOZE_MIN_S`].
pub const SNOOZE_MAX_S: u64 = 30 * 24 * 3600;
