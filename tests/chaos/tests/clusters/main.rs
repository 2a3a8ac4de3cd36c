//! Clusters on which everything goes wrong, simulated and real.

mod processes;
mod seeds;
