//! The controller: holds users, policies and hosts, lets admins change them, and gives every agent its bundle.
//!
//! Place in the path of data: everything between a REST call and the log, and between the log and the agents.
//! [`boot`] wires it; each folder is one stage:
//!
//! ```text
//! rest → app → raft → (store → state) → publish → fleet ⇄ agents
//!                             inventory, events ◀───┘
//! ```
//!
//! Beside it, [`peers`] carries what controllers say to each other, [`cluster`] decides who they are, and [`sealing`] keeps the
//! key that secrets in the state are sealed with.

pub mod alerts;
pub mod app;
pub mod audit_export;
pub mod auth;
pub mod backup;
pub mod boot;
pub mod capacity;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod connections;
pub mod console;
pub mod copies;
pub mod data_dir;
pub mod events;
pub mod fleet;
pub mod inventory;
pub mod keys;
pub mod limits;
pub mod log_mark;
pub mod notify;
pub mod offline;
pub mod peers;
pub mod policy_set;
pub mod publish;
pub mod raft;
pub mod rest;
pub mod sealing;
