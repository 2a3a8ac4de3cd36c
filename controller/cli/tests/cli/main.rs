//! The whole program against a small scripted controller over TLS: what a person and a program see, the exit codes,
//! the session that renews itself, and what goes wrong on the way.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod alerts;
mod answers;
mod audit;
mod backup;
mod capacity;
mod docker;
mod enrolment;
mod faults;
mod follow;
mod help;
mod inventory;
mod process;
mod run;
mod sample;
mod server;
mod session;
mod step_up;
mod usage;
