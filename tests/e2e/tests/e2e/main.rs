//! What Wharden promises, tried on the real programs with a real Docker Engine. A module per capability.
//!
//! Run as root, best through `tests/run.sh`, which installs what is needed.

mod ground;
mod layering;
