//! What Wharden promises, tried on the real programs with a real Docker Engine. A module per capability.
//!
//! Run as root, best through `tests/run.sh`, which installs what is needed.

mod admins;
mod bad_input;
mod cli_usage;
mod disks;
mod durability;
mod events;
mod ground;
mod hosts;
mod layering;
mod lifecycle;
mod observe;
mod offline;
mod policies;
mod quickstart;
mod remote;
mod rules;
mod streams;
mod swarm;
mod workloads;
