//! What the end-to-end tests stand on: a private Docker Engine, real controllers and agents as processes, real clients
//! run as different OS users.
//!
//! Place in the path of data: outside, at both ends. It starts the programs that a person would start, speaks to them
//! as a person would, and reads what they print.
//!
//! Must not know: how any of the programs works inside. It uses `model` only for the shapes of the REST API.
//!
//! A failure panics with the command, its output and the end of every log, so that one run is enough to understand it.
//! Everything that a test starts belongs to a value of that test; dropping the value stops it, by process id.

pub mod admin;
pub mod agent;
pub mod bins;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod controller;
pub mod daemon;
pub mod disk;
pub mod engine;
pub mod image;
pub mod limits;
pub mod measure;
pub mod net;
pub mod os_user;
pub mod output;
pub mod place;
pub mod ports;
pub mod quiet;
pub mod raw;
pub mod receiver;
pub mod rest;
pub mod totp;
pub mod wait;
pub mod world;

pub use admin::Admin;
pub use agent::Agent;
pub use cli::Cli;
pub use client::{Docker, Python};
pub use controller::Controller;
pub use daemon::Daemon;
pub use disk::SmallDisk;
pub use engine::Engine;
pub use net::{Net, Seat};
pub use output::Output;
pub use place::Place;
pub use quiet::Quiet;
pub use receiver::Receiver;
pub use rest::{Answer, Rest};
pub use totp::{Factor, Totp};
pub use wait::eventually;
pub use world::World;
