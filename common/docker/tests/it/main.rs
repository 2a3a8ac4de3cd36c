//! This crate seen from outside: against the Engine's lists, known evasions, and what clients send.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bypass;
mod clients;
mod drift;
mod facts;
mod names;
mod one_form;
mod properties;
mod rewriting;
mod route_doc;
mod services;
mod starting;
mod support;
