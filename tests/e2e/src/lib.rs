//! End-to-end tests, in `tests/e2e/main.rs`: one binary with a module per capability.
//!
//! Place in the path of data: outside. They drive the real programs through `wharden-harness` and look at what people
//! see: what `docker` prints, what `wharden` prints, what the engine was asked.
