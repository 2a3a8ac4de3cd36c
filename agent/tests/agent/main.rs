//! The agent from outside: a scripted engine behind the guard, a scripted controller at the end of the session.

mod admission;
mod archive;
mod authz;
mod bad_days;
mod client;
mod connections;
mod controller;
mod engine;
mod enrolment;
mod lists;
mod loads;
mod memory;
mod remote;
mod room;
mod session;
mod streams;
mod tunnels;
mod world;
