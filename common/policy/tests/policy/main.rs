//! The policy crate from outside, as the controller and the agent use it.

mod kit;
mod modes;
mod near;
mod oracle;
mod packs;
mod planner;
mod random;
mod remedy;
mod stack;
mod suggest;
mod to_come;
