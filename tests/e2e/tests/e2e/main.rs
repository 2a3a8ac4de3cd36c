//! What Wharden promises, tried on the real programs with a real Docker Engine. A module per capability.
//!
//! Run as root, best through `tests/run.sh`, which installs what is needed.

mod admins;
mod attacks;
mod audit;
mod authz;
mod backups;
mod bad_days;
mod bad_input;
mod break_glass;
mod cli_usage;
mod cluster;
mod disks;
mod durability;
mod evasions;
mod events;
mod explain;
mod failover;
mod ground;
mod hosts;
mod layering;
mod lifecycle;
mod lockout;
mod observe;
mod offline;
mod policies;
mod power;
mod protect;
mod quickstart;
mod remote;
mod roles;
mod rules;
mod second_factor;
mod secrets;
mod service_accounts;
mod sessions;
mod step_up;
mod streams;
mod suggest;
mod swarm;
mod systemd;
mod teams;
mod versions;
mod volumes;
mod workloads;
